import type { Output } from './output.ts';

/** Says a sentence if the process ends, as at a second Ctrl-C, before the function that it returns is called. */
export function sayAtExit(output: Pick<Output, 'note'>, sentence: string): () => void {
  const say = (): void => output.note(sentence);
  process.on('exit', say);
  return () => void process.off('exit', say);
}
