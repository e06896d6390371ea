import type { Random } from '../../src/time/port.ts';

/** Dice that fall the same way for the same seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = state;
      mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
    },
  };
}

/** Dice that fall as told, again and again from the start. */
export function fixedRandom(...values: readonly number[]): Random {
  let at = 0;
  return { next: () => values[at++ % values.length] ?? 0 };
}
