import type { SelectionContext } from '../../src/routing/select.ts';

/** Circumstances in which nothing stands in the way: writes are open, and neither zones nor lag matter. */
export const ANYTHING_GOES: SelectionContext = Object.freeze({
  writesOpen: true,
  fencing: 'strict',
  zones: [],
  lag: { maxMs: undefined, maxBytes: undefined, allowStale: false },
});
