import { describe, expect, it } from 'vitest';
import { Redirected } from '../../src/pool/failures.ts';
import type { Line } from '../../src/pool/lines.ts';
import { bench, type Thing, watched } from './fake-factory.ts';

/** A line whose waiters came at these times; `wanted` of them would take a resource. */
class FakeLine implements Line<Thing> {
  readonly since: number[] = [];
  readonly got: Thing[] = [];
  readonly errors: unknown[] = [];
  /** How many would take a resource, at most. */
  limit = Number.POSITIVE_INFINITY;
  opens = true;

  get size(): number {
    return this.since.length;
  }

  get wanted(): number {
    return Math.min(this.limit, this.size);
  }

  get wantsOpened(): number {
    return this.opens ? this.wanted : 0;
  }

  get oldestSince(): number | undefined {
    return this.since[0];
  }

  get nextSince(): number | undefined {
    return this.wanted > 0 ? this.since[0] : undefined;
  }

  serve(thing: Thing): void {
    this.since.shift();
    this.got.push(thing);
  }

  rejectAll(error: () => unknown): void {
    for (const _one of this.since.splice(0)) this.errors.push(error());
  }
}

function benchWithLine(max = 1) {
  const one = bench({ max });
  const line = new FakeLine();
  one.pool.addLine(line);
  const queue = () => {
    line.since.push(one.clock.now());
    one.pool.review();
  };
  return { ...one, line, queue };
}

describe('the lines of a queue', () => {
  it('a free resource goes to whatever has waited longest, in either line', async () => {
    const { pool, clock, acquire, settle, line, queue } = benchWithLine();
    const thing = await acquire();
    const first = watched(acquire());
    await clock.advance(1);
    queue();
    await clock.advance(1);
    const last = watched(acquire());
    pool.release(thing);
    await settle();
    expect([first.settled, line.got.length, last.settled]).toEqual([true, 0, false]);
    pool.release(thing);
    expect([line.got.length, last.settled]).toEqual([1, false]);
    pool.release(thing);
    await settle();
    expect(last.value).toBe(thing);
  });

  it('what would not take one now is passed over, until it would', async () => {
    const { pool, clock, acquire, settle, line, queue } = benchWithLine();
    const thing = await acquire();
    line.limit = 0;
    queue();
    await clock.advance(1);
    const caller = watched(acquire());
    pool.release(thing);
    await settle();
    expect(caller.value).toBe(thing);
    pool.release(thing);
    expect(pool.stats()).toMatchObject({ idle: 1, waiting: 1 });
    // One that is free is taken at once by a caller that came later.
    expect(pool.tryAcquire()).toBe(thing);
    pool.release(thing);
    line.limit = 1;
    pool.review();
    expect(line.got).toEqual([thing]);
  });

  it('resources are opened for as many as it is worth it', async () => {
    const { pool, settle, line, queue } = benchWithLine(3);
    line.opens = false;
    queue();
    queue();
    await settle();
    expect(pool.stats()).toMatchObject({ size: 0, opening: 0, waiting: 2 });
    line.opens = true;
    pool.review();
    await settle();
    expect(line.got.map(({ id }) => id)).toEqual([1, 2]);
    expect(pool.stats()).toMatchObject({ size: 2, waiting: 0 });
  });

  it('count in the statistics and against maxWaiting, and tell others how many starve', async () => {
    const one = bench({ max: 1, maxWaiting: 2 });
    const [line, other] = [new FakeLine(), new FakeLine()];
    one.pool.addLine(line);
    one.pool.addLine(other);
    await one.acquire();
    line.since.push(one.clock.now(), one.clock.now());
    await one.clock.advance(7);
    expect(one.pool.stats()).toMatchObject({ waiting: 2, oldestWaitMs: 7 });
    expect(() => one.pool.assertRoom()).toThrow('2 callers are already waiting');
    // However many wait there, they could not use more than there may be.
    expect([one.pool.starvingBeside(other), one.pool.starvingBeside(line)]).toEqual([1, 0]);
    one.pool.noteServed(5);
    expect(one.pool.stats()).toMatchObject({ waited: 2, waitedMs: 5 });
  });

  it('are all sent away when the pool is redirected or closed', async () => {
    const { pool, acquire, line, queue } = benchWithLine();
    const thing = await acquire();
    queue();
    pool.redirectWaiters('moved');
    expect(line.errors).toEqual([expect.any(Redirected)]);
    queue();
    const closing = pool.close();
    expect(line.errors).toHaveLength(2);
    pool.release(thing);
    await closing;
  });
});
