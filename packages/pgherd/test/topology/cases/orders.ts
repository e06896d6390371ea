import type { Random } from '../../../src/time/port.ts';
import { seededRandom } from '../../support/random.ts';

/** Lists of at most this length are tried in every order. */
const ALL_ORDERS_UP_TO = 4;
/** Orders that are tried of longer lists. */
const SOME_ORDERS = 24;

/** Orders of `list`: all of a short one, some of a long one, the same in every run. */
export function ordersOf<T>(list: readonly T[]): readonly (readonly T[])[] {
  if (list.length <= ALL_ORDERS_UP_TO) return permutations(list);
  const random = seededRandom(list.length);
  return [[...list].reverse(), ...Array.from({ length: SOME_ORDERS }, () => shuffled(list, random))];
}

function permutations<T>(list: readonly T[]): readonly (readonly T[])[] {
  if (list.length < 2) return [list];
  return list.flatMap((first, at) =>
    permutations(list.filter((_, index) => index !== at)).map((rest) => [first, ...rest]),
  );
}

function shuffled<T>(list: readonly T[], random: Random): readonly T[] {
  const keyed = list.map((value) => ({ value, key: random.next() }));
  return keyed.sort((one, other) => one.key - other.key).map(({ value }) => value);
}
