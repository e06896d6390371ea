import type { Cluster, ClusterHealth } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { EventLines } from '../src/sample/event-lines.ts';
import { frameOf } from '../src/sample/frame.ts';
import { type Counted, pointOf } from '../src/sample/point.ts';

type Topology = Cluster['topology'];
type Stats = ReturnType<Cluster['stats']>;

/** A topology of nodes of which only this is known. */
function topologyOf(nodes: readonly object[], parts: object = {}): Topology {
  const known = { lag: { bytes: undefined, ms: undefined }, tags: {}, health: 'ok', role: 'standby' };
  return {
    version: 3,
    startedAt: 0,
    nodes: nodes.map((node) => ({ ...known, ...node })),
    ...parts,
  } as unknown as Topology;
}

const STATS = {
  nodes: [],
  resting: false,
  total: { idle: 2, size: 5, waiting: 1 },
} as unknown as Stats;

function countedAt(now: number, counts: Readonly<Record<string, number>>): Counted {
  const entries = Object.entries(counts).map(
    ([node, answered]) => [node, { answered, failures: 0 }] as const,
  );
  return { now, byNode: new Map(entries) };
}

describe('the rate of a point', () => {
  const rate = (before: Counted | undefined, counted: Counted) =>
    pointOf({
      at: 0,
      topology: topologyOf([]),
      stats: STATS,
      counted,
      before,
      percentiles: { p50: null, p95: null, p99: null },
      servers: new Map(),
    }).answered;

  it.each([
    ['is not known at first', undefined, { a: 5 }, null],
    ['is what was added in a second', { a: 5, b: 1 }, { a: 10, b: 2 }, 3],
    ['does not fall because a node has gone', { a: 5, b: 1_000 }, { a: 9 }, 2],
    ['counts a node that came from nothing', { a: 5 }, { a: 5, b: 4 }, 2],
    ['is not negative when a node came again', { a: 500 }, { a: 4 }, 0],
  ])('%s', (_name, before, after, expected) => {
    expect(rate(before && countedAt(0, before), countedAt(2_000, after))).toBe(expected);
  });
});

describe('a frame', () => {
  const health = (status: string): ClusterHealth =>
    ({
      status,
      since: '',
      reasons: ['a reason'],
      nodes: [{ node: 'a', reason: 'it is lame' }],
    }) as unknown as ClusterHealth;
  const frame = (topology: Topology, status: string | undefined, stats = STATS) =>
    frameOf({
      at: 1,
      topology,
      stats,
      health: status === undefined ? undefined : health(status),
      servers: new Map([
        ['a', { transactions: 1, connections: 3, maxConnections: 9, upstream: 'b' }],
        ['b', { transactions: 1, connections: 3, maxConnections: 9, upstream: 'not on the list' }],
      ]),
    });

  it.each([
    ['degraded', topologyOf([]), 'degraded', STATS],
    ['starting', topologyOf([], { startedAt: undefined }), 'down', STATS],
    ['resting', topologyOf([]), 'up', { ...STATS, resting: true }],
    ['closed', topologyOf([]), undefined, STATS],
  ] as const)('says %s', (expected, topology, status, stats) => {
    expect(frame(topology, status, stats as Stats).status).toBe(expected);
  });

  it('has what is known of nodes, and null for what is not', () => {
    const started = { name: 'a', serverVersion: 180_004, postmasterStartedAt: '1700000000000000' };
    const { nodes } = frame(topologyOf([started, { name: 'b' }]), 'up');
    expect(nodes[0]).toMatchObject({
      reason: 'it is lame',
      version: '18.4',
      startedAt: '2023-11-14T22:13:20.000Z',
      upstream: 'b',
      lagMs: null,
      connections: 3,
    });
    expect(nodes[1]).toMatchObject({ reason: null, version: null, startedAt: null, upstream: null });
  });

  it('shows so many nodes and says how many there are besides', () => {
    const many = Array.from({ length: 1_000 }, (_, index) => ({ name: `n${index}` }));
    const { nodes, furtherNodes } = frame(topologyOf(many), 'up');
    expect([nodes.length, furtherNodes]).toEqual([64, 936]);
  });
});

describe('lines of events', () => {
  function setUp(topology = topologyOf([], { writable: 'a:1' })) {
    const listeners: [string, (event: object) => void][] = [];
    const db = {
      on: (name: string, fn: (event: object) => void) => {
        const entry: [string, (event: object) => void] = [name, fn];
        listeners.push(entry);
        return () => void listeners.splice(listeners.indexOf(entry), 1);
      },
    } as unknown as Pick<Cluster, 'on'>;
    const lines = new EventLines({ ...db, topology }, () => 5);
    const emit = (name: string, event: object) => {
      for (const [listened, fn] of listeners) if (listened === name) fn(event);
    };
    return { lines, emit, listeners };
  }

  it('are the words of the log, with the event and its node', () => {
    const { lines, emit } = setUp();
    emit('node:health-changed', { node: 'a:1', before: 'ok', after: 'offline', reason: 'refused' });
    emit('primary:changed', { before: 'a:1', after: undefined, timeline: undefined });
    expect(lines.take()).toEqual({
      lines: [
        {
          at: 5,
          level: 'warn',
          event: 'node:health-changed',
          node: 'a:1',
          text: 'a:1 is offline: refused',
          more: 0,
        },
        {
          at: 5,
          level: 'warn',
          event: 'primary:changed',
          node: null,
          text: 'primary a:1 is lost; writes wait for a new one',
          more: 0,
        },
      ],
      marks: [{ at: 5, primary: null }],
    });
    expect(lines.take()).toEqual({ lines: [], marks: [] });
  });

  it('mark each change of the primary, but not that there is one at first, or after a rest', () => {
    const marked = (
      { lines, emit }: ReturnType<typeof setUp>,
      ...primaries: readonly (string | undefined)[]
    ) => {
      for (const after of primaries) emit('primary:changed', { before: undefined, after, timeline: 1 });
      return lines.take().marks.map(({ primary }) => primary);
    };
    const known = setUp();
    expect(marked(known, undefined, 'b:1')).toEqual([null, 'b:1']);
    known.emit('cluster:rested', { idleMs: 1 });
    expect(marked(known, undefined, 'b:1')).toEqual([]);
    expect(marked(known, 'a:1')).toEqual(['a:1']);
    const unknown = setUp(topologyOf([]));
    expect(marked(unknown, 'a:1', undefined, 'b:1')).toEqual([null, 'b:1']);
  });

  it('are few, however often an event comes, and cut', () => {
    const { lines, emit } = setUp();
    const notice = { node: 'a:1', severity: 'WARNING', code: '01000', message: 'x'.repeat(2_000) };
    for (let times = 0; times < 1_000; times++) emit('server:notice', notice);
    const { lines: shown } = lines.take();
    expect(shown.map(({ more }) => more)).toEqual([0, 0, 997]);
    expect(shown[0]?.text).toHaveLength(601);
  });

  it('end when they are stopped', () => {
    const { lines, listeners } = setUp();
    expect(listeners.length).toBeGreaterThan(20);
    lines.stop();
    expect(listeners).toEqual([]);
  });
});
