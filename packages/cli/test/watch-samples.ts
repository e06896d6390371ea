import type { NodeDescription } from 'pgherd';
import { statusOf } from '../src/status/picture.ts';
import type { ServerLoad } from '../src/status/servers.ts';
import { initialState, type Sample, sampled, type WatchState } from '../src/watch/state.ts';

/** When the samples begin, milliseconds since 1970. */
export const BEGIN = new Date(2026, 2, 1, 17, 4, 5).getTime();

/** What is known of a node; a good standby unless changed. */
export function description(change: Partial<NodeDescription> = {}): NodeDescription {
  const name = change.name ?? 'db2:5432';
  return {
    name,
    address: { host: 'db2', port: 5432, transport: 'tcp' },
    health: 'ok',
    since: '2026-03-01T13:05:00.000Z',
    healthReason: undefined,
    connectFailure: undefined,
    role: 'standby',
    standing: 'current',
    standingReason: undefined,
    contested: false,
    aliasOf: undefined,
    systemIdentifier: '7713606904747255760',
    timeline: undefined,
    timelineAtLeast: 2,
    dataTimeline: 2,
    lsn: 0x3000148n,
    receivedLsn: 0x3000150n,
    lag: { bytes: 16_384, ms: 12 },
    lagging: false,
    replayAgeMs: undefined,
    serverVersion: 180_004,
    postmasterStartedAt: '1772370000000000',
    diverged: false,
    bornAt: undefined,
    walSenders: undefined,
    leadsTo: undefined,
    several: undefined,
    shown: [],
    agreeing: { count: 0, since: 0 },
    rttMs: 0.42,
    generation: 0,
    lsnAt: undefined,
    lifeSince: undefined,
    roleAt: undefined,
    seenAt: undefined,
    silentSince: undefined,
    suspectedAt: undefined,
    aliveSince: undefined,
    zone: undefined,
    tags: {},
    promotable: true,
    readable: true,
    origin: 'configured',
    ...change,
  };
}

/** A primary and two standbys, the last of which is offline. */
export const NODES: readonly NodeDescription[] = [
  description({ name: 'db1:5432', role: 'primary', timeline: 2, lag: { bytes: undefined, ms: undefined } }),
  description({ name: 'db2:5432' }),
  description({
    name: 'db3:5432',
    role: 'unknown',
    health: 'offline',
    healthReason: 'connect ECONNREFUSED 10.0.0.3:5432',
    timelineAtLeast: undefined,
    dataTimeline: undefined,
    rttMs: undefined,
  }),
];

/** A sample of these nodes, so many seconds after the beginning. */
export function sample(second = 0, nodes: readonly NodeDescription[] = NODES, transactions = 1_000): Sample {
  const loads = new Map<string, ServerLoad>(
    nodes
      .filter(({ health }) => health === 'ok')
      .map(({ name }) => [name, { connections: { used: 12, max: 100 }, transactions }]),
  );
  const reasons = nodes
    .filter(({ health }) => health !== 'ok')
    .map(({ name, health, healthReason }) => `${name} is ${health}: ${healthReason}`);
  const at = BEGIN + second * 1_000;
  return {
    at,
    nodes,
    stats: [],
    loads,
    loadsAt: at,
    status: statusOf({
      health: {
        status: reasons.length === 0 ? 'up' : 'degraded',
        since: new Date(BEGIN).toISOString(),
        reasons,
        nodes: nodes.map(({ name, role, health, standing, healthReason }) => ({
          node: name,
          role,
          health,
          standing,
          reason: healthReason,
        })),
      },
      nodes,
      writable: nodes.find(({ role }) => role === 'primary')?.name,
      systemIdentifier: '7713606904747255760',
      loads,
    }),
  };
}

/** A state after some seconds of these nodes. */
export function stateOf(nodes: readonly NodeDescription[] = NODES, seconds = 5): WatchState {
  let state = initialState('app@shop', BEGIN);
  for (let second = 0; second <= seconds; second++)
    state = sampled(state, sample(second, nodes, 1_000 + second * 20), true);
  return state;
}
