import { describe, expect, it } from 'vitest';
import type { DiscoveredNode, Discovery, DiscoveryContext } from '../../src/discovery/port.ts';
import { DiscoveryLoop } from '../../src/herd/discovery-loop.ts';
import { PgHerdError } from '../../src/model/errors.ts';
import { seededRandom } from '../support/random.ts';
import { virtualClock } from '../support/virtual-clock.ts';

type Lists = AsyncIterable<readonly DiscoveredNode[]>;

const A: readonly DiscoveredNode[] = [{ host: 'a' }];
const B: readonly DiscoveredNode[] = [{ host: 'b' }];

/** A loop over what `watch` gives, and everything that came of it. */
function looping(watch: (context: DiscoveryContext, iteration: number) => Lists) {
  const clock = virtualClock();
  const accepted: (readonly DiscoveredNode[])[] = [];
  const failures: { readonly at: number; readonly message: string }[] = [];
  let iterations = 0;
  const discovery: Discovery = { name: 'registry', watch: (context) => watch(context, ++iterations) };
  const loop = new DiscoveryLoop(discovery, {
    clock,
    random: seededRandom(1),
    defaultPort: 5432,
    accept: (list) => {
      if (list.length === 0) throw new PgHerdError('PGHERD_DISCOVERY_FAILED', 'the list is empty');
      accepted.push(list);
    },
    failed: (error) => {
      expect(error).toMatchObject({ code: 'PGHERD_DISCOVERY_FAILED' });
      failures.push({ at: clock.now(), message: (error as Error).message });
    },
  });
  loop.start();
  return { clock, loop, accepted, failures, iterations: () => iterations };
}

describe('the loop over a discovery', () => {
  it('takes every list, and stays with the last one when the iteration ends', async () => {
    const { accepted, clock, failures, iterations } = looping(async function* () {
      yield A;
      yield B;
    });
    await clock.advance(3_600_000);
    expect(accepted).toEqual([A, B]);
    expect(failures).toEqual([]);
    expect(iterations()).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it('tells of a list that cannot be used, and goes on in the same iteration', async () => {
    const { accepted, clock, failures } = looping(async function* () {
      yield A;
      yield [];
      yield B;
    });
    await clock.advance(1);
    expect(accepted).toEqual([A, B]);
    expect(failures.map((one) => one.message)).toEqual(['the list is empty']);
  });

  it('begins anew after an error, with pauses that grow to 30 s and no further', async () => {
    const { clock, failures, iterations } = looping(async function* () {
      yield* [];
      throw new Error('registry is down');
    });
    await clock.advance(600_000);
    expect(failures[0]?.message).toBe('registry returned no list of nodes: registry is down');
    const gaps = failures.slice(1).map((one, index) => one.at - (failures[index]?.at ?? 0));
    expect(gaps[0]).toBeGreaterThanOrEqual(500);
    expect(gaps[0]).toBeLessThanOrEqual(1_000);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(30_000);
    expect(Math.min(...gaps.slice(6))).toBeGreaterThanOrEqual(15_000);
    expect(iterations()).toBe(failures.length);
  });

  it('forgets failures after a good list', async () => {
    const { clock, failures } = looping(async function* (_context, iteration) {
      if (iteration === 5) yield A;
      throw new Error('down');
    });
    await clock.advance(60_000);
    const [, , , , fifth, sixth] = failures;
    expect((sixth?.at ?? 0) - (fifth?.at ?? 0)).toBeLessThanOrEqual(1_000);
  });

  it('says so once when no list comes for 10 s, and keeps waiting for one', async () => {
    let arrive: () => void = () => undefined;
    const { accepted, clock, failures } = looping(async function* () {
      await new Promise<void>((resolve) => {
        arrive = resolve;
      });
      yield A;
    });
    await clock.advance(9_999);
    expect(failures).toEqual([]);
    await clock.advance(60_000);
    expect(failures.map((one) => [one.at, one.message])).toEqual([
      [
        10_000,
        'registry returned no list of nodes within 10000 ms: the nodes of the connection string stay in force.',
      ],
    ]);
    arrive();
    await clock.settle();
    expect(accepted).toEqual([A]);
  });

  it('ends a pause early when the primary was lost, at most once a second', async () => {
    const { accepted, clock, loop } = looping(async function* (context) {
      for (;;) {
        yield A;
        if (!(await context.pause(30_000))) return;
      }
    });
    await clock.advance(5_000);
    expect(accepted).toHaveLength(1);
    loop.hint();
    await clock.settle();
    loop.hint();
    await clock.settle();
    expect(accepted).toHaveLength(2);
    await clock.advance(1_000);
    loop.hint();
    await clock.settle();
    expect(accepted).toHaveLength(3);
  });

  it('ends when the cluster is closed: pauses end, the signal aborts, nothing is taken any more', async () => {
    const heard: boolean[] = [];
    const { accepted, clock, failures, loop } = looping(async function* (context) {
      yield A;
      heard.push(await context.pause(30_000), context.signal.aborted);
      yield B;
    });
    await clock.advance(10);
    loop.stop();
    await clock.settle();
    expect(heard).toEqual([false, true]);
    expect(accepted).toEqual([A]);
    expect(failures).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('is not begun anew when it fails because the cluster is closed', async () => {
    const { clock, failures, iterations, loop } = looping(async function* (context) {
      yield A;
      await context.pause(30_000);
      context.signal.throwIfAborted();
    });
    await clock.advance(10);
    loop.stop();
    await clock.advance(60_000);
    expect(iterations()).toBe(1);
    expect(failures).toEqual([]);
  });
});
