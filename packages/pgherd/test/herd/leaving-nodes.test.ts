import { describe, expect, it } from 'vitest';
import { LeavingNodes } from '../../src/herd/leaving-nodes.ts';
import type { NodeDescription } from '../../src/model/topology.ts';
import { isSuperseded } from '../../src/topology/disposition.ts';
import { bench } from '../pool/fake-factory.ts';
import { OTHER_SYSTEM } from '../support/evidence.ts';
import { describedNode } from '../support/nodes.ts';

const DRAIN_MS = 5_000;

const primary = (letter: string, description: Partial<NodeDescription> = {}) =>
  describedNode(letter, {
    role: 'primary',
    roleAt: 10,
    timeline: 1,
    postmasterStartedAt: `17-${letter}`,
    ...description,
  });
const silent = (letter: string, description: Partial<NodeDescription> = {}) =>
  primary(letter, { health: 'suspect', ...description });
const at = (hostaddr: string) => ({ host: 'a', port: 5432, transport: 'tcp', hostaddr }) as const;

const CASES: readonly (readonly [string, NodeDescription, NodeDescription, boolean])[] = [
  ['a silent primary, and another one', silent('a'), primary('b'), true],
  ['a silent node whose role expired, and a primary', silent('a', { role: 'unknown' }), primary('b'), true],
  [
    'a node that never told its role',
    silent('a', { role: 'unknown', roleAt: undefined }),
    primary('b'),
    false,
  ],
  ['a silent standby', silent('a', { role: 'standby' }), primary('b'), false],
  ['a primary that was well, and a higher timeline', primary('a'), primary('b', { timeline: 2 }), true],
  ['a primary that was well, and an equal one', primary('a'), primary('b'), false],
  [
    'a primary that was well, and a higher timeline of another system',
    primary('a'),
    primary('b', { timeline: 2, systemIdentifier: OTHER_SYSTEM }),
    false,
  ],
  ['a silent primary that is listed again', silent('a'), primary('a'), false],
  ['the same by another name', silent('a'), primary('b', { postmasterStartedAt: '17-a' }), false],
  ['a restart under the same name', primary('a'), primary('a', { postmasterStartedAt: '18' }), true],
  [
    'a silent primary whose name leads to another server now',
    silent('a', { address: at('192.0.2.1') }),
    primary('a', { address: at('192.0.2.2'), postmasterStartedAt: '18' }),
    true,
  ],
  [
    'without a known start, the same name at the same address',
    silent('a', { postmasterStartedAt: undefined }),
    primary('a', { postmasterStartedAt: undefined }),
    false,
  ],
];

describe('what runs on a node that has left', () => {
  it.each(CASES)('%s: is it lost?', (_what, last, writable, lost) => {
    expect(isSuperseded(last, writable)).toBe(lost);
  });

  /** A node with one connection that a call holds; it has just left. */
  async function left(last: NodeDescription, successor?: string) {
    const { pool, clock, acquire, settle } = bench();
    const held = await acquire();
    let stopped = 0;
    const leaving = new LeavingNodes({ clock, drainMs: DRAIN_MS });
    const node = {
      pool,
      close: () => pool.close(),
      terminate: () => pool.terminate(),
      stop: () => stopped++,
    };
    const drained = leaving.drain(node, last, successor);
    return { leaving, node, held, pool, clock, drained, settle, stops: () => stopped };
  }

  it('ends as soon as its successor is known', async () => {
    const { leaving, node, held, clock, drained, stops } = await left(silent('a'));
    expect([leaving.nodes, stops()]).toEqual([[node], 1]);
    leaving.succeededBy(primary('b'));
    await drained;
    expect(held.ended).toBe('destroyed');
    expect([leaving.nodes, clock.pending, clock.now()]).toEqual([[], 0, 0]);
  });

  it('goes on while there is none, until its time is over', async () => {
    const { leaving, held, clock, drained } = await left(silent('a'));
    leaving.succeededBy(primary('a'));
    await clock.advance(DRAIN_MS - 1);
    expect(held.ended).toBeUndefined();
    await clock.advance(1);
    await drained;
    expect(held.ended).toBe('destroyed');
    expect(leaving.nodes).toEqual([]);
  });

  it('goes on to its end if its server stays under another name, as long as that one stays', async () => {
    const { leaving, node, held, clock, drained } = await left(primary('a'), 'b:5432');
    await clock.advance(10 * DRAIN_MS);
    expect(held.ended).toBeUndefined();
    expect([leaving.succeededAs('b:5432'), leaving.succeededAs('c:5432')]).toEqual([[node], []]);
    const other = bench();
    const next = { pool: other.pool, close: () => other.pool.close(), terminate: () => {}, stop: () => {} };
    await leaving.drain(next, primary('b'));
    await clock.advance(DRAIN_MS - 1);
    expect(held.ended).toBeUndefined();
    await clock.advance(1);
    await drained;
    expect(held.ended).toBe('destroyed');
    expect(leaving.nodes).toEqual([]);
  });

  it('may end in peace', async () => {
    const { leaving, held, pool, clock, drained } = await left(primary('a'));
    leaving.succeededBy(primary('b'));
    await clock.advance(100);
    pool.release(held);
    await drained;
    expect(held).toMatchObject({ ended: 'closed', reason: 'the pool is closing' });
    expect(clock.pending).toBe(0);
  });
});
