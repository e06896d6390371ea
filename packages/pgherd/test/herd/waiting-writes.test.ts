import { describe, expect, it } from 'vitest';
import { WaitingWritesWatch, waitingSentence } from '../../src/herd/waiting-writes.ts';
import type { NodeDescription, TopologyDescription } from '../../src/model/topology.ts';
import { describedNode as node, pictureOf } from '../support/nodes.ts';
import { virtualClock } from '../support/virtual-clock.ts';

const SINCE = new Date('2026-01-02T03:04:05.000Z');

function picture(nodes: readonly NodeDescription[], facts: Partial<TopologyDescription> = {}) {
  return { ...pictureOf(nodes), startedAt: 0, primaryLostAt: 0, ...facts };
}

describe('the line that writes wait', () => {
  it('says since when, for how many calls, and why of each node', () => {
    const rejections = [{ node: 'a:5432', reason: 'offline' }];
    const text = waitingSentence(picture([node('a', { health: 'offline' })]), rejections, SINCE, 3);
    expect(text).toBe(
      'No node takes writes since 2026-01-02T03:04:05.000Z, 3 calls wait. a:5432: offline. What would help: start a server, or mend the network between it and this process.',
    );
  });

  it.each<[string, NodeDescription[], RegExp]>([
    ['a standby answers', [node('b', { role: 'standby' })], /promote b:5432, or start the server/],
    [
      'several standbys',
      [node('b', { role: 'standby' }), node('c', { role: 'standby' })],
      /promote b:5432 or c:5432/,
    ],
    [
      'a fenced primary answers',
      [node('a', { role: 'primary-read-only' })],
      /default_transaction_read_only off on a:5432/,
    ],
    [
      'only standbys that may not lead',
      [node('b', { role: 'standby', promotable: false })],
      /name a node that may be promoted/,
    ],
    [
      'primaries compete',
      [node('a', { role: 'primary', standing: 'ambiguous' })],
      /Stop all but one of them/,
    ],
    ['no node is listed', [], /there are no nodes\. What would help: start a server/],
  ])('says what would help if %s', (_what, nodes, expected) => {
    expect(waitingSentence(picture(nodes), [], SINCE, 1)).toMatch(expected);
  });

  it('names ten nodes at most, and nothing in it commands a terminal', () => {
    const rejections = Array.from({ length: 12 }, (_, at) => ({
      node: `n${at}:1`,
      reason: 'is \u001b[31m red',
    }));
    const text = waitingSentence(picture([]), rejections, SINCE, 1);
    expect(text).toContain('; and 2 more.');
    expect(text).not.toContain('n10:1');
    expect(text).not.toContain('\u001b');
  });
});

function watch() {
  const clock = virtualClock();
  const lines: string[] = [];
  const calls = { waiting: 0 };
  const lost = picture([node('b', { role: 'standby' })], { primaryLostAt: clock.now() });
  const watcher = new WaitingWritesWatch({
    clock,
    logger: { warn: (line) => lines.push(`${clock.now()} ${line}`) },
    topology: () => lost,
    callsWaiting: () => calls.waiting,
    rejections: () => [],
  });
  return { clock, lines, calls, watcher, lost };
}

describe('the watch over writes that wait', () => {
  it('writes the line every 10 s while calls wait', async () => {
    const { calls, clock, lines, lost, watcher } = watch();
    watcher.follow(lost);
    watcher.follow({ ...lost, version: 2 });
    await clock.advance(10_000);
    expect(lines).toEqual([]);
    calls.waiting = 2;
    await clock.advance(20_000);
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['20000', '30000']);
    expect(lines[0]).toMatch(/pgherd: No node takes writes since .*Z, 2 calls wait\./);
  });

  it('ends when a node takes writes, when the floor bars them, and at the end', async () => {
    const { calls, clock, lines, lost, watcher } = watch();
    calls.waiting = 1;
    const ends: (() => void)[] = [
      () => watcher.follow({ ...lost, primaryLostAt: undefined }),
      () => watcher.follow({ ...lost, barred: {} as NonNullable<TopologyDescription['barred']> }),
      () => watcher.stop(),
    ];
    for (const end of ends) {
      watcher.follow(lost);
      expect(clock.pending).toBe(1);
      end();
      expect(clock.pending).toBe(0);
    }
    await clock.advance(60_000);
    expect(lines).toEqual([]);
  });
});
