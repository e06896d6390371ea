import type { PoolStats } from '../pool/settings.ts';
import type { Use } from '../rest/rest.ts';
import type { NodeLoad } from '../routing/policies.ts';
import type { InFlight } from './in-flight.ts';

/** What the load of a node is read from. */
interface Loaded {
  readonly inFlight: Pick<InFlight, 'count' | 'ewmaMs'>;
  readonly pool: { readonly idleCount: number };
  readonly lastPick: number;
}

/** How busy a node is now: one object, whose getters compute the values, since it is read for every choice. */
export function loadOf(node: Loaded): NodeLoad {
  return Object.freeze({
    get inFlight() {
      return node.inFlight.count;
    },
    get idle() {
      return node.pool.idleCount;
    },
    get ewmaMs() {
      return node.inFlight.ewmaMs;
    },
    get lastPick() {
      return node.lastPick;
    },
  });
}

/** What the use of a node is read from. */
interface Used {
  readonly inFlight: Pick<InFlight, 'count'>;
  readonly guests: { readonly count: number };
  readonly answered: number;
  readonly failures: number;
  readonly pool: { stats(): PoolStats };
}

/** What a node was used for so far, and whether it is used now. The `loans` are the monitor's, which took a connection of the pool. */
export function useOf({ answered, failures, guests, inFlight, pool }: Used, loans: number): Use {
  const { acquired, leased, checking, opening, waiting } = pool.stats();
  const now = leased + checking + opening + waiting + guests.count + inFlight.count;
  return { count: acquired - loans + answered + failures, isBusy: now > 0 };
}
