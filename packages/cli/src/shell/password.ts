import type { ReadStream } from 'node:tty';

const ENTER = /[\r\n]/;
const INTERRUPT = '\u0003';
const END = '\u0004';
const ERASE = /[\b\u007f]/;
const ERASE_LINE = '\u0015';

/** What typing has led to so far. */
export interface Typed {
  readonly text: string;
  readonly state: 'typing' | 'entered' | 'given-up';
}

/** What is typed after some more characters. Pure. */
export function typedAfter(before: Typed, characters: string): Typed {
  let { text } = before;
  for (const character of characters) {
    if (ENTER.test(character)) return { text, state: 'entered' };
    if (character === INTERRUPT || (character === END && text === '')) return { text: '', state: 'given-up' };
    if (ERASE.test(character)) text = [...text].slice(0, -1).join('');
    else if (character === ERASE_LINE) text = '';
    else if (character >= ' ') text += character;
  }
  return { text, state: 'typing' };
}

/** Asks for a password on the terminal, without showing it; `undefined` if it was given up by Ctrl-C or Ctrl-D, or the signal was aborted. */
export async function askPassword(
  prompt: string,
  input: ReadStream,
  output: { write(text: string): unknown },
  signal: AbortSignal,
): Promise<string | undefined> {
  const restore = (): void => {
    input.setRawMode(false);
  };
  output.write(prompt);
  input.setRawMode(true);
  input.setEncoding('utf8');
  process.once('exit', restore);
  try {
    return await new Promise((resolve, reject) => {
      let typed: Typed = { text: '', state: 'typing' };
      const end = (value: string | undefined): void => {
        input.off('data', onData).off('error', reject).off('end', onEnd);
        signal.removeEventListener('abort', onEnd);
        resolve(value);
      };
      const onEnd = (): void => end(undefined);
      const onData = (characters: string | Buffer): void => {
        typed = typedAfter(typed, String(characters));
        if (typed.state !== 'typing') end(typed.state === 'entered' ? typed.text : undefined);
      };
      input.on('data', onData).once('error', reject).once('end', onEnd);
      signal.addEventListener('abort', onEnd, { once: true });
      if (signal.aborted) onEnd();
      else input.resume();
    });
  } finally {
    restore();
    process.off('exit', restore);
    input.pause();
    output.write('\n');
  }
}
