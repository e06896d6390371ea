import type { Entry } from './entry.ts';

const noop = (): void => undefined;
/** In the place of an entry that is settled, so that its rows are not held. */
export const SETTLED: Entry = Object.freeze({
  state: 'done',
  shape: Object.freeze({ describes: 'none' }),
  partsLeft: 0,
  closesLeft: 0,
  columns: undefined,
  parsed: noop,
  described: noop,
  row: noop,
  completed: noop,
  suspended: noop,
  copying: noop,
  copied: noop,
  refused: noop,
  settled: noop,
  lost: noop,
} as const);
