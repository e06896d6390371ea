import type { SelectionContext } from '../../src/routing/select.ts';

/** Circumstances in which nothing stands in the way: neither zones nor lag matter. */
export const ANYTHING_GOES: SelectionContext = Object.freeze({
  fencing: 'strict',
  zones: [],
  lag: { maxMs: undefined, maxBytes: undefined, allowStale: false },
});
