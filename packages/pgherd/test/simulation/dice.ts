import type { Random } from '../../src/time/port.ts';
import { seededRandom } from '../support/random.ts';

/** Dice of one part of a simulation: another part that rolls more often does not change what falls here. */
export class Dice implements Random {
  readonly #random: Random;

  constructor(seed: number, part: string) {
    let mixed = Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995;
    for (const letter of part) mixed = Math.imul(mixed ^ letter.charCodeAt(0), 0x01000193);
    this.#random = seededRandom(mixed >>> 0);
    this.#random.next();
  }

  next(): number {
    return this.#random.next();
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  whole(low: number, high: number): number {
    return Math.floor(this.between(low, high + 1));
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[Math.floor(this.next() * from.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }

  /** One of the names, each as likely as its weight says. */
  weighted<T extends string>(weights: Readonly<Record<T, number>>): T {
    const entries = Object.entries(weights) as [T, number][];
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      left -= weight;
      if (left < 0) return name;
    }
    throw new Error('no weights');
  }
}
