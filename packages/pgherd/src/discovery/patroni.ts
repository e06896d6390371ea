import { messageOf } from '../model/errors.ts';
import { boundedGet } from './bounded-get.ts';
import { nameOf } from './node-list.ts';
import { readMembers } from './patroni-members.ts';
import { type PatroniDiscoveryOptions, proof, readEndpoints, secureContext } from './patroni-settings.ts';
import type { DiscoveredNode, Discovery, DiscoveryContext, LeaderQuestion } from './port.ts';
import { limited, refreshed } from './refresh.ts';
import { askOneThenAnother } from './who-leads.ts';

export type { PatroniAuth, PatroniDiscoveryOptions, PatroniTls } from './patroni-settings.ts';

/**
 * Node lists from the REST API of Patroni (`GET /cluster`): members with their tags, and the leader.
 *
 * - `nofailover` (or `failover_priority: 0`): the node gets no writes unless it is the leader.
 * - `noloadbalance`: the node gets no reads as a standby.
 * - who holds the leader lock decides if several servers say that they are the primary (`authority`).
 * - tags of your own become the node's tags, and the tag `zone` its zone.
 *
 * @throws InvalidOptionsError `PGHERD_INVALID_OPTIONS`
 * @example
 * createCluster({ url, discovery: patroniDiscovery({ endpoints: ['http://db1:8008', 'http://db2:8008'] }) });
 */
export function patroniDiscovery(options: PatroniDiscoveryOptions): Discovery {
  const endpoints = readEndpoints(options);
  const { refreshMs = 10_000, timeoutMs = 2_000, zoneTag = 'zone', authority = 'lease', auth, tls } = options;
  const get = async (url: URL, signal: AbortSignal) => {
    const question = { url, headers: proof(auth), tls: secureContext(tls) };
    return readMembers(await boundedGet(question, signal), zoneTag);
  };
  const ask = (url: URL, context: DiscoveryContext) =>
    limited(context, timeoutMs, 'it', (signal) => get(url, signal));
  const askLeader = async (url: URL, signal: AbortSignal) => ({
    leader: leaderIn(await get(url, signal)),
    from: url.host,
  });
  return Object.freeze({
    name: `Patroni at ${endpoints.map((url) => url.host).join(', ')}`,
    watch: (context) => {
      // The endpoint that answered last is asked first. The first one is random, to spread the load of many
      // processes.
      let first = Math.floor(context.random.next() * endpoints.length);
      return refreshed(context, refreshMs, async () => {
        const order = [...endpoints.slice(first), ...endpoints.slice(0, first)];
        const { nodes, from } = await firstAnswer(order, (url) => ask(url, context), context.signal);
        first = endpoints.indexOf(from);
        return { nodes };
      });
    },
    ...(authority === 'lease' && {
      authority,
      whoLeads: (question: LeaderQuestion) =>
        askOneThenAnother(endpoints, (url) => url.hostname, askLeader, question),
    }),
  } satisfies Discovery);
}

/** Name of the leader, as the list of nodes has it. */
function leaderIn(nodes: readonly DiscoveredNode[]): string | undefined {
  const leader = nodes.find((node) => node.leader === true);
  return leader === undefined ? undefined : nameOf(leader, DEFAULT_PORT);
}

/** Port of members without one. */
const DEFAULT_PORT = 5_432;

async function firstAnswer(
  endpoints: readonly URL[],
  ask: (url: URL) => Promise<readonly DiscoveredNode[]>,
  signal: AbortSignal,
): Promise<{ nodes: readonly DiscoveredNode[]; from: URL }> {
  const errors: Error[] = [];
  for (const url of endpoints) {
    if (signal.aborted) throw signal.reason;
    try {
      return { nodes: await ask(url), from: url };
    } catch (cause) {
      errors.push(new Error(`${url.host}: ${messageOf(cause)}`, { cause }));
    }
  }
  const list = errors.map((error) => error.message).join('; ');
  throw new AggregateError(errors, `No endpoint of Patroni gave a list of members. ${list}`);
}
