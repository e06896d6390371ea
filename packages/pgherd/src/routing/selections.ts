import type { TopologyDescription } from '../model/topology.ts';
import { type Demand, type Selection, type SelectionContext, selectNodes } from './select.ts';

/** Different demands that are remembered at once; programs use a handful. */
const MAX_REMEMBERED = 32;

interface Remembered {
  readonly demand: Demand;
  readonly selection: Selection;
}

/**
 * What {@link selectNodes} decided on the present picture. Pictures change a few times a second, while
 * thousands of calls have the same few demands: each is decided once, and found again by its identity if
 * it is frozen, else by comparing a few fields, which is cheaper than building a key.
 */
export class Selections {
  readonly #select: typeof selectNodes;
  #topology: TopologyDescription | undefined;
  #context: SelectionContext | undefined;
  #remembered: Remembered[] = [];

  constructor(select: typeof selectNodes = selectNodes) {
    this.#select = select;
  }

  /** The decision for `demand`. Topology and context are values: another object is another picture. */
  of(topology: TopologyDescription, demand: Demand, context: SelectionContext): Selection {
    if (topology !== this.#topology || context !== this.#context) {
      this.#topology = topology;
      this.#context = context;
      this.#remembered = [];
    }
    const remembered = this.#remembered;
    for (const one of remembered) {
      if (one.demand === demand || isSame(one.demand, demand)) return one.selection;
    }
    const selection = this.#select(topology, demand, context);
    if (remembered.length === MAX_REMEMBERED) remembered.shift();
    remembered.push({ demand: Object.isFrozen(demand) ? demand : copyOf(demand), selection });
    return selection;
  }
}

/** The caller's tags may change after the call. */
function copyOf(demand: Demand): Demand {
  return { ...demand, tags: demand.tags === undefined ? undefined : { ...demand.tags } };
}

function isSame(one: Demand, other: Demand): boolean {
  return (
    one.target === other.target &&
    one.fallback === other.fallback &&
    one.primaryReads === other.primaryReads &&
    one.allowStale === other.allowStale &&
    one.node === other.node &&
    one.maxLagMs === other.maxLagMs &&
    one.maxLagBytes === other.maxLagBytes &&
    isSameList(one.caughtUp, other.caughtUp) &&
    (one.tags === undefined ? other.tags === undefined : hasSameTags(one.tags, other.tags))
  );
}

function isSameList(one: readonly string[] | undefined, other: readonly string[] | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.length === other.length && one.every((name, index) => name === other[index]);
}

function hasSameTags(one: NonNullable<Demand['tags']>, other: Demand['tags']): boolean {
  if (other === undefined) return false;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}
