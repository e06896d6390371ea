import { describe, expect, it } from 'vitest';
import { type PolledDiscoveryOptions, polledDiscovery } from '../../src/discovery/polled.ts';
import type { DiscoveredNode } from '../../src/discovery/port.ts';
import { seededRandom } from '../support/random.ts';
import { afterPause, listsOf, nextList, testContext } from './context.ts';

const NODES: readonly DiscoveredNode[] = [{ host: 'a' }, { host: 'b', port: 5433 }];

function discovery(options: Partial<PolledDiscoveryOptions> = {}) {
  return polledDiscovery({ name: 'the registry', load: async () => NODES, ...options });
}

describe('polledDiscovery', () => {
  it('asks, pauses, and asks again', async () => {
    let asked = 0;
    const context = testContext();
    const load = async () => [{ host: `n${++asked}` }];
    const lists = listsOf(discovery({ load }), context);
    expect(await nextList(lists)).toEqual([{ host: 'n1' }]);
    expect(await afterPause(lists, context)).toEqual([{ host: 'n2' }]);
    expect(context.pauses).toEqual([10_000]);
    expect(context.clock.now()).toBe(10_000);
  });

  it('asks at once when the primary was lost', async () => {
    const context = testContext();
    const lists = listsOf(discovery(), context);
    await nextList(lists);
    const next = nextList(lists);
    await context.clock.settle();
    context.wake();
    expect(await next).toEqual(NODES);
    expect(context.clock.now()).toBe(0);
    expect(context.clock.pending).toBe(0);
  });

  it('pauses evenly between three quarters and the whole of refreshMs', async () => {
    const context = testContext(seededRandom(7));
    const lists = listsOf(discovery({ refreshMs: 1_000 }), context);
    await nextList(lists);
    for (let round = 0; round < 400; round += 1) await afterPause(lists, context);
    const { pauses } = context;
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(750);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(1_000);
    for (const from of [750, 812.5, 875, 937.5]) {
      const inside = pauses.filter((ms) => ms >= from && ms < from + 62.5).length;
      expect(inside).toBeGreaterThan(70);
    }
  });

  it('does not wait longer than timeoutMs, and tells the function so', async () => {
    const context = testContext();
    let given: AbortSignal | undefined;
    const load = (signal: AbortSignal) => {
      given = signal;
      return new Promise<never>(() => undefined);
    };
    const list = listsOf(discovery({ load, timeoutMs: 300 }), context).next();
    const failed = expect(list).rejects.toThrow('The function of the registry gave no answer within 300 ms.');
    await context.clock.advance(299);
    expect(given?.aborted).toBe(false);
    await context.clock.advance(1);
    await failed;
    expect(given?.aborted).toBe(true);
    expect(context.clock.pending).toBe(0);
  });

  it('a stall of our own is not blamed on the function', async () => {
    const context = testContext();
    let answer: ((nodes: readonly DiscoveredNode[]) => void) | undefined;
    const load = () => new Promise<readonly DiscoveredNode[]>((resolve) => (answer = resolve));
    const list = nextList(listsOf(discovery({ load, timeoutMs: 300 }), context));
    context.clock.stall(2_000);
    await context.clock.advance(0);
    answer?.(NODES);
    expect(await list).toEqual(NODES);
  });

  it('ends when the cluster is closed, during a pause and during a question', async () => {
    const pausing = testContext();
    const lists = listsOf(discovery(), pausing);
    await nextList(lists);
    const end = lists.next();
    await pausing.clock.settle();
    pausing.close();
    expect((await end).done).toBe(true);

    const asking = testContext();
    const asked = listsOf(discovery({ load: () => new Promise<never>(() => undefined) }), asking).next();
    await asking.clock.settle();
    asking.close();
    expect((await asked).done).toBe(true);
    expect(asking.clock.pending).toBe(0);
  });

  it('asks nothing when the cluster is closed already', async () => {
    const context = testContext();
    context.close();
    const load = () => Promise.reject(new Error('was asked'));
    expect((await listsOf(discovery({ load }), context).next()).done).toBe(true);
  });

  it.each<[string, () => Promise<readonly DiscoveredNode[]>, RegExp]>([
    ['rejects', () => Promise.reject(new Error('no route')), /^no route$/],
    [
      'throws',
      () => {
        throw new Error('at once');
      },
      /^at once$/,
    ],
    ['gives nothing', async () => [], /^the registry gave a list that cannot be used: the list is empty/],
    ['gives duplicates', async () => [{ host: 'a' }, { host: 'a', port: 6432 }], /a:6432 is listed twice/],
    [
      'gives nonsense',
      async () => JSON.parse('[{"host":"a","port":"5432"},7]'),
      /node 1 \(a\): port is "5432".*node 2 is 7/,
    ],
    ['gives no list', async () => JSON.parse('{"nodes":[]}'), /the list is an object, but must be an array/],
    [
      'gives too many',
      async () => Array.from({ length: 1_025 }, (_, n) => ({ host: `n${n}` })),
      /1025 nodes, but at most 1024/,
    ],
  ])('fails when the function %s', async (_what, load, message) => {
    await expect(listsOf(discovery({ load }), testContext()).next()).rejects.toThrow(message);
  });

  it('refuses wrong options, all at once', () => {
    const wrong: unknown = { load: 7, refreshMs: 1, timeoutMs: -1, refreshms: 5 };
    expect(() => Reflect.apply(polledDiscovery, undefined, [wrong])).toThrow(
      expect.objectContaining({
        code: 'PGHERD_INVALID_OPTIONS',
        violations: [
          'polledDiscovery: refreshms is not an option; did you mean refreshMs?',
          'polledDiscovery: name is undefined, but must be a name to show in events',
          'polledDiscovery: load is 7, but must be a function that returns the nodes',
          'polledDiscovery: refreshMs is 1, but must be a number of milliseconds, at least 100',
          'polledDiscovery: timeoutMs is -1, but must be a number of milliseconds, at least 1',
        ],
      }),
    );
  });
});
