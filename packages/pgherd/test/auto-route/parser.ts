import { loadModule, parseSync } from 'libpg-query';
import { type Parse, TextReader } from '../../src/auto-route/read-text.ts';

/** PostgreSQL's parser. */
export async function realParser(): Promise<Parse> {
  await loadModule();
  return parseSync;
}

/** What reads texts by it. */
export async function realReader(): Promise<TextReader> {
  return new TextReader(await realParser());
}
