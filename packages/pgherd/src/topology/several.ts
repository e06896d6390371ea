import type { NodeDescription, ShownServer } from '../model/topology.ts';

/** Changes of the server within this time count, milliseconds; so long must new connections agree until there is one server again. */
const WINDOW_MS = 60_000;
/** How many new connections must have agreed by then. */
const AGREEING = 5;
/** How often new connections must have led back to a server that was left before. A restart never does. */
const ALTERNATIONS = 2;
/** Servers that are remembered, the newest. */
const REMEMBERED = 16;

/** What a new connection shows of its server. */
export type Shown = Omit<ShownServer, 'at'>;

/** What new connections to a node have shown of late. */
export type Dialled = Pick<NodeDescription, 'shown' | 'agreeing' | 'several'>;

/**
 * What is known of the servers at a node's address after one more connection, dialled at `at`, has shown one: the address has several
 * once connections went back and forth twice within a minute, and one again when they have agreed for a minute.
 */
export function afterDial(node: NodeDescription, shown: Shown, at: number): Dialled {
  const { agreeing, several } = node;
  const known = recent(node, at);
  const last = known.at(-1);
  if (last?.startedAt === shown.startedAt) {
    const same = Object.freeze({ ...last, ...given(shown) });
    const count = agreeing.count + 1;
    if (several !== undefined && count >= AGREEING && at - agreeing.since >= WINDOW_MS) return ONE_SERVER;
    // At rest nothing is remembered of connections that all lead to one server.
    if (several === undefined && known.length === 1) return node;
    const all = Object.freeze([...known.slice(0, -1), same]);
    return {
      several: severalOf(several, all, at),
      shown: all,
      agreeing: Object.freeze({ ...agreeing, count }),
    };
  }
  const all = Object.freeze([...known, Object.freeze({ ...shown, at })].slice(-REMEMBERED));
  return {
    several: severalOf(several, all, at),
    shown: all,
    agreeing: Object.freeze({ count: 1, since: at }),
  };
}

/** The servers of the last minute, in the order of the connections; at least the one that is known. */
function recent(node: NodeDescription, at: number): readonly ShownServer[] {
  const { postmasterStartedAt, shown, several } = node;
  const kept = shown.filter((one, index) => index === shown.length - 1 || at - one.at < WINDOW_MS);
  // While there are several, no server is forgotten: whether there may be writes depends on all of them.
  if (several !== undefined) return shown;
  if (kept.length > 0) return kept;
  if (postmasterStartedAt === undefined) return [];
  return [Object.freeze({ startedAt: postmasterStartedAt, at, ...factsOf(node) })];
}

function factsOf({ role, systemIdentifier }: NodeDescription): Omit<Shown, 'startedAt'> {
  return { systemIdentifier, inRecovery: role === 'unknown' ? undefined : role === 'standby' };
}

/** The facts that this connection asked for: a fact that it did not ask for stays as it was. */
function given({ systemIdentifier, inRecovery }: Shown): Partial<Shown> {
  return {
    ...(systemIdentifier !== undefined && { systemIdentifier }),
    ...(inRecovery !== undefined && { inRecovery }),
  };
}

function severalOf(
  before: NodeDescription['several'],
  shown: readonly ShownServer[],
  at: number,
): NodeDescription['several'] {
  if (before === undefined && alternations(shown) < ALTERNATIONS) return undefined;
  const servers = new Set(shown.map(({ startedAt }) => startedAt)).size;
  const barsWrites = areDividedOverWrites(shown);
  if (before !== undefined && before.servers === servers && before.barsWrites === barsWrites) return before;
  return Object.freeze({ since: before?.since ?? at, servers, barsWrites });
}

/** How often connections led back to a server that others had left. */
function alternations(shown: readonly ShownServer[]): number {
  return shown.filter(({ startedAt }, index) =>
    shown.slice(0, Math.max(0, index - 1)).some((earlier) => earlier.startedAt === startedAt),
  ).length;
}

/**
 * Whether two of them are of one system, and one of these is out of recovery: they differ in their roles, or both say that they are the
 * primary. Servers that know no system identifier may all be written to.
 */
function areDividedOverWrites(shown: readonly ShownServer[]): boolean {
  return shown.some(
    (one) =>
      one.inRecovery === false &&
      one.systemIdentifier !== undefined &&
      shown.some(
        (other) =>
          other.startedAt !== one.startedAt &&
          (other.systemIdentifier ?? one.systemIdentifier) === one.systemIdentifier,
      ),
  );
}

/** Of a node to which all connections lead to one server. */
export const ONE_SERVER: Dialled = Object.freeze({
  shown: Object.freeze([]),
  agreeing: Object.freeze({ count: 0, since: Number.NEGATIVE_INFINITY }),
  several: undefined,
});
