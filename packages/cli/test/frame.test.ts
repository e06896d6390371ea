import type { ClusterStats, NodeDescription, TopologyDescription } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { nodeRows, ratesOf, stripOf } from '../src/demo/frame.ts';
import { bytesText, msText } from '../src/shell/numbers.ts';
import { sampleLedger } from './samples.ts';

describe('ratesOf', () => {
  it('tells rate, latency and history', () => {
    const [writes, reads] = ratesOf(sampleLedger(), 10_000);
    expect(writes).toMatchObject({ label: 'writes', perSecond: 100, p50Ms: 4, p99Ms: 4 });
    expect(writes?.history).toEqual([99, 100, 100, 100, 100, 100, 0, 100, 100, 100]);
    expect(reads?.history.length).toBe(10);
  });

  it('knows no latency when nothing was answered', () => {
    expect(ratesOf(sampleLedger(), 60_000)[0]).toMatchObject({ perSecond: 0, p50Ms: undefined });
  });

  it('keeps a history of forty seconds', () => {
    expect(ratesOf(sampleLedger(), 60_000)[0]?.history.length).toBe(40);
  });
});

describe('stripOf', () => {
  it('shows what flowed, what stood still and what is to come', () => {
    const strip = stripOf(sampleLedger().writes, 10_000, 20_000, 20);
    expect(strip.slice(0, 10).map((level) => level[0])).toEqual([...'ffffffssff']);
    expect(strip.slice(10)).toEqual(Array(10).fill('future'));
  });
});

describe('nodeRows', () => {
  const unknown = { bytes: undefined, ms: undefined };
  const node = {
    name: 'h:1',
    role: 'standby',
    health: 'ok',
    standing: 'current',
    lag: unknown,
  } as NodeDescription;
  const row = (change: Partial<NodeDescription>) => {
    const topology = { nodes: [{ ...node, ...change }] } as unknown as TopologyDescription;
    const stats = { nodes: [] } as unknown as ClusterStats;
    return nodeRows(topology, stats, () => 'node1')[0];
  };

  it.each([
    { change: { role: 'primary', timeline: 3 }, expected: { symbol: '●', timeline: '3', lag: '-' } },
    { change: { timelineAtLeast: 2 }, expected: { symbol: '○', timeline: '≥ 2', lag: '?' } },
    { change: { lag: { bytes: 0, ms: undefined } }, expected: { lag: '0 B' } },
    { change: { lag: { bytes: 5_000, ms: 20 } }, expected: { lag: '5 kB 20 ms' } },
    { change: { role: 'primary-read-only' }, expected: { symbol: '◐', role: 'read-only' } },
    { change: { role: 'unknown' }, expected: { symbol: '?', timeline: '?' } },
    { change: { health: 'suspect' }, expected: { symbol: '?', tone: 'warning' } },
    { change: { health: 'offline', standing: 'stale' }, expected: { symbol: '×', tone: 'bad' } },
    { change: { standing: 'stale' }, expected: { symbol: '!', tone: 'bad' } },
  ] satisfies { change: Partial<NodeDescription>; expected: object }[])('$change', ({ change, expected }) => {
    expect(row(change)).toMatchObject({ name: 'node1', connections: 0, inFlight: 0, ...expected });
  });
});

it.each([
  [0, '0.0 ms'],
  [9.94, '9.9 ms'],
  [9.96, '10 ms'],
  [999, '999 ms'],
  [1_234, '1.23 s'],
  [12_340, '12.3 s'],
])('%d ms is written %s', (ms, text) => expect(msText(ms)).toBe(text));

it.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [4_096, '4 kB'],
  [3 * 1_024 ** 2, '3.0 MB'],
])('%d bytes are written %s', (bytes, text) => expect(bytesText(bytes)).toBe(text));
