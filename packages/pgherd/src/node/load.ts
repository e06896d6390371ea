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
