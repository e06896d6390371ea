/** Dice that fall the same way for the same seed; pgherd takes them as its `random`. */
export interface SeededRandom {
  /** The next number, from 0 (included) to 1 (excluded). */
  next(): number;
}

/**
 * Dice from a seed, by the generator mulberry32: the same numbers for the same seed on every machine. For tests that must
 * be repeatable, not for secrets.
 *
 * @param seed - A whole number; its lowest 32 bits count.
 */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    },
  };
}
