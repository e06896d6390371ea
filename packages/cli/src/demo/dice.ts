import { seededRandom } from '@pgherd/testing';

/** Dice that fall the same way for the same seed. */
export interface Dice {
  /** A number from 0 up to, but not including, 1. */
  next(): number;
  /** A whole number from 0 up to, but not including, `below`. */
  below(below: number): number;
}

/** Dice from a seed. */
export function diceOf(seed: number): Dice {
  const random = seededRandom(seed);
  return { next: () => random.next(), below: (below) => Math.floor(random.next() * below) };
}
