import { describe, expect, it } from 'vitest';
import { Redirected } from '../../src/pool/failures.ts';
import { fixedRandom } from '../support/random.ts';
import { type Bench, bench, watched } from './fake-factory.ts';

describe('acquiring and releasing', () => {
  it('opens what is asked for and no more', async () => {
    const { pool, acquire } = bench({ max: 3 });
    expect(pool.stats()).toMatchObject({ size: 0, opened: 0 });
    const thing = await acquire();
    expect(pool.stats()).toMatchObject({ size: 1, leased: 1, idle: 0, opened: 1 });
    pool.release(thing);
    expect(pool.stats()).toMatchObject({ size: 1, leased: 0, idle: 1, opened: 1, closed: 0 });
  });

  it('gives the one that came back last', async () => {
    const { pool, acquire } = bench();
    const [one, two] = [await acquire(), await acquire()];
    pool.release(one);
    pool.release(two);
    expect(await acquire()).toBe(two);
    expect(await acquire()).toBe(one);
  });

  it('gives the preferred one of the idle', async () => {
    const { pool, acquire } = bench();
    const [one, two] = [await acquire(), await acquire()];
    pool.release(one);
    pool.release(two);
    expect(pool.tryAcquire((thing) => thing === one)).toBe(one);
    expect(pool.tryAcquire((thing) => thing === one)).toBe(two);
    expect(pool.tryAcquire()).toBeUndefined();
  });

  it('refuses to take one back twice', async () => {
    const { pool, acquire } = bench();
    const thing = await acquire();
    pool.release(thing);
    expect(() => pool.release(thing)).toThrow('released twice');
  });

  it('closes what is discarded and opens another for whoever waits', async () => {
    const { pool, acquire } = bench({ max: 1 });
    const one = await acquire();
    const next = acquire();
    pool.release(one, 'broken');
    expect(one).toMatchObject({ ended: 'closed', reason: 'broken' });
    expect((await next).id).toBe(2);
  });

  it('keeps the promise of max while many ask at once', async () => {
    const { pool, factory, acquire, settle } = bench({ max: 3 }, { manual: true });
    const callers = Array.from({ length: 10 }, () => watched(acquire()));
    await settle();
    expect(factory.openings).toHaveLength(3);
    expect(pool.stats()).toMatchObject({ opening: 3, waiting: 10 });
    for (const opening of [...factory.openings]) opening.grant();
    await settle();
    expect(callers.filter((caller) => caller.settled)).toHaveLength(3);
    expect(factory.openings).toHaveLength(0);
  });

  it('opens no more than maxConnecting at a time', async () => {
    const { factory, acquire, settle } = bench({ max: 10, maxConnecting: 2 }, { manual: true });
    const callers = Array.from({ length: 5 }, () => watched(acquire()));
    while (factory.openings.length > 0) {
      expect(factory.openings.length).toBeLessThanOrEqual(2);
      factory.openings[0]?.grant();
      await settle();
    }
    expect(callers.every((caller) => caller.settled)).toBe(true);
    expect(factory.mostOpenings).toBe(2);
  });

  it('serves those who wait in the order they came', async () => {
    const { pool, acquire, settle } = bench({ max: 1 });
    const first = await acquire();
    const served: number[] = [];
    const waiting = [1, 2, 3].map(async (turn) => {
      const thing = await acquire();
      served.push(turn);
      pool.release(thing);
    });
    await settle();
    pool.release(first);
    await Promise.all(waiting);
    expect(served).toEqual([1, 2, 3]);
  });

  it('lets nobody overtake those who wait', async () => {
    const { pool, factory, acquire, settle } = bench({ max: 2 }, { manual: true });
    const first = watched(acquire());
    await settle();
    expect(pool.tryAcquire()).toBeUndefined();
    const second = watched(acquire());
    factory.openings[0]?.grant();
    await settle();
    expect([first.settled, second.settled]).toEqual([true, false]);
  });

  it('replaces a resource after maxUses uses', async () => {
    const { pool, acquire } = bench({ maxUses: 2 });
    const thing = await acquire();
    pool.release(thing);
    expect(await acquire()).toBe(thing);
    pool.release(thing);
    expect(thing).toMatchObject({ ended: 'closed', reason: 'reached pool.maxUses' });
  });
});

describe('waiting', () => {
  it('ends at the deadline with the numbers, and leaves no trace', async () => {
    const { pool, acquire, clock } = bench({ max: 1 });
    const held = await acquire();
    const late = watched(acquire({ waitMs: 250 }));
    await clock.advance(249);
    expect(late.settled).toBe(false);
    await clock.advance(1);
    expect(late.error).toMatchObject({
      code: 'PGHERD_WAIT_TIMEOUT',
      message: expect.stringContaining('250 ms'),
      details: { waitedMs: 250, max: 1 },
    });
    expect(pool.stats().waiting).toBe(0);
    expect(clock.pending).toBe(0);
    pool.release(held);
    expect(pool.stats().idle).toBe(1);
  });

  it('does not say that all are in use while they are being opened', async () => {
    const { acquire, clock } = bench({ max: 5 }, { manual: true });
    const late = watched(acquire({ waitMs: 100 }));
    await clock.advance(100);
    expect(String(late.error)).toMatch(/0 of 5 .*in use.*1 .*being opened/);
  });

  it('ends on abort with its reason, and the connection serves the next', async () => {
    const { pool, factory, acquire, settle, clock } = bench({ max: 1 }, { manual: true });
    const controller = new AbortController();
    const aborted = watched(acquire({ waitMs: 1_000, signal: controller.signal }));
    await settle();
    controller.abort('changed my mind');
    await settle();
    expect(aborted.error).toMatchObject({ code: 'PGHERD_ABORTED', cause: 'changed my mind' });
    expect(pool.stats()).toMatchObject({ waiting: 0, opening: 1 });
    expect(clock.pending).toBe(0);
    const next = watched(acquire());
    factory.openings[0]?.grant();
    await settle();
    expect(next.value?.id).toBe(1);
  });

  it('keeps a connection that arrives when nobody waits any more', async () => {
    const { pool, factory, acquire, clock } = bench({}, { manual: true });
    const late = watched(acquire({ waitMs: 10 }));
    await clock.advance(10);
    expect(late.error).toMatchObject({ code: 'PGHERD_WAIT_TIMEOUT' });
    factory.openings[0]?.grant();
    await clock.settle();
    expect(pool.stats()).toMatchObject({ idle: 1, size: 1 });
  });

  it('does not begin for a signal that has aborted', async () => {
    const { factory, acquire, settle } = bench({}, { manual: true });
    const aborted = watched(acquire({ signal: AbortSignal.abort() }));
    await settle();
    expect(aborted.error).toMatchObject({ code: 'PGHERD_ABORTED' });
    expect(factory.openings).toHaveLength(0);
  });

  it('drops an aborted caller from the middle of the queue', async () => {
    const { pool, acquire, settle } = bench({ max: 1 });
    const held = await acquire();
    const controller = new AbortController();
    const [first, second, third] = [
      watched(acquire()),
      watched(acquire({ signal: controller.signal })),
      watched(acquire()),
    ];
    controller.abort();
    await settle();
    expect(second.settled).toBe(true);
    pool.release(held);
    await settle();
    expect(first.value).toBe(held);
    pool.release(held);
    await settle();
    expect(third.value).toBe(held);
  });

  it('fails at once when maxWaiting callers wait already', async () => {
    const { acquire, settle } = bench({ max: 1, maxWaiting: 1 });
    await acquire();
    const [waits, refused] = [watched(acquire()), watched(acquire())];
    await settle();
    expect(waits.settled).toBe(false);
    expect(refused.error).toMatchObject({ code: 'PGHERD_POOL_FULL', details: { maxWaiting: 1, max: 1 } });
  });

  it('does not count those for whom a connection is on its way', async () => {
    const { acquire, settle } = bench({ max: 2, maxWaiting: 0 }, { manual: true });
    const [one, two, three] = [watched(acquire()), watched(acquire()), watched(acquire())];
    await settle();
    expect([one.settled, two.settled]).toEqual([false, false]);
    expect(three.error).toMatchObject({ code: 'PGHERD_POOL_FULL' });
  });

  it('can be ended for all, who then look elsewhere', async () => {
    const { pool, acquire, settle } = bench({ max: 1 });
    await acquire();
    const waiting = [watched(acquire()), watched(acquire())];
    pool.redirectWaiters('the node is gone');
    await settle();
    for (const { error } of waiting) expect(error).toBeInstanceOf(Redirected);
    expect(pool.stats().waiting).toBe(0);
  });
});

describe('openings that fail', () => {
  it('reject everybody who waits when nothing else can serve them', async () => {
    const { factory, acquire, settle } = bench({ max: 2 }, { manual: true });
    const waiting = [watched(acquire()), watched(acquire()), watched(acquire())];
    await settle();
    factory.openings[0]?.refuse(new Error('refused'));
    await settle();
    expect(waiting.map((caller) => caller.settled)).toEqual([false, false, false]);
    factory.openings[0]?.refuse(new Error('refused'));
    await settle();
    for (const { error } of waiting) expect(error).toMatchObject({ message: 'refused' });
  });

  it('reject nobody while another connection is open', async () => {
    const { pool, factory, acquire, settle } = bench({ max: 2 }, { manual: true });
    const first = watched(acquire());
    await settle();
    factory.openings[0]?.grant();
    await settle();
    const second = watched(acquire());
    await settle();
    factory.openings[0]?.refuse(new Error('too many connections'));
    await settle();
    expect(second.settled).toBe(false);
    if (first.value !== undefined) pool.release(first.value);
    await settle();
    expect(second.value).toBe(first.value);
  });

  it('may throw at once', async () => {
    const { pool, factory, acquire, settle } = bench();
    factory.open = () => {
      throw new Error('out of file descriptors');
    };
    const caller = watched(acquire());
    await settle();
    expect(caller.error).toMatchObject({ message: 'out of file descriptors' });
    expect(pool.stats()).toMatchObject({ opening: 0, waiting: 0 });
  });

  it('are counted neither as opened nor as closed', async () => {
    const { pool, factory, acquire, settle } = bench({}, { manual: true });
    watched(acquire());
    await settle();
    factory.openings[0]?.refuse(new Error('refused'));
    await settle();
    expect(pool.stats()).toMatchObject({ opened: 0, closed: 0, size: 0, opening: 0, waiting: 0 });
  });
});

describe('a factory that fails', () => {
  /** Lets the only opening fail, after letting `ms` pass. */
  async function failAfter(ms: number, { factory, clock, settle }: Bench): Promise<number> {
    await clock.advance(ms);
    const begun = factory.openings.length;
    factory.openings[0]?.refuse(new Error('refused'));
    await settle();
    return begun;
  }

  it('is asked after a pause that doubles, and not by those who come meanwhile', async () => {
    const real = bench({ max: 4 }, { manual: true });
    const first = watched(real.acquire());
    expect(await failAfter(0, real)).toBe(1);
    expect(first.error).toMatchObject({ message: 'refused' });
    for (const pauseMs of [50, 100, 200, 400, 800, 1_000, 1_000]) {
      await real.clock.advance(pauseMs - 1);
      const early = watched(real.acquire());
      await real.settle();
      expect(early.error).toMatchObject({ message: 'refused' });
      expect(real.factory.openings).toHaveLength(0);
      await real.clock.advance(1);
      const callers = [watched(real.acquire()), watched(real.acquire())];
      expect(await failAfter(0, real)).toBe(1);
      for (const { error } of callers) expect(error).toMatchObject({ message: 'refused' });
    }
    expect(real.pool.stats().failed).toBe(8);
  });

  it('is asked at once when there is reason to believe in it', async () => {
    const real = bench({ max: 4 }, { manual: true });
    watched(real.acquire());
    await failAfter(0, real);
    real.pool.revive();
    const callers = [watched(real.acquire()), watched(real.acquire())];
    await real.settle();
    expect(real.factory.openings).toHaveLength(2);
    for (const opening of [...real.factory.openings]) opening.grant();
    await real.settle();
    expect(callers.every(({ value }) => value !== undefined)).toBe(true);
  });

  it('is asked for min again by itself, ever more seldom', async () => {
    const real = bench({ min: 1, max: 4 }, { manual: true });
    void real.pool.warmUp(1);
    await real.settle();
    let waitedMs = 0;
    for (let turn = 0; turn < 12; turn++) {
      expect(await failAfter(0, real)).toBe(1);
      while (real.factory.openings.length === 0) {
        await real.clock.advance(50);
        waitedMs += 50;
      }
    }
    // 50 ms doubled ten times, then 30 s each.
    expect(waitedMs).toBe(50 * (2 ** 10 - 1) + 30_000 + 30_000);
    real.factory.openings[0]?.grant();
    await real.settle();
    expect(real.pool.stats()).toMatchObject({ size: 1, idle: 1, failed: 12 });
  });
});

describe('a caller who holds resources himself', () => {
  it('does not wait for himself', async () => {
    const { pool, acquire, settle } = bench({ max: 2 });
    await Promise.all([acquire(), acquire()]);
    const deadline = Number.POSITIVE_INFINITY;
    const own = watched(pool.acquire({ deadline, held: 2 }));
    const others = watched(pool.acquire({ deadline, held: 1 }));
    await settle();
    expect(own.error).toMatchObject({ code: 'PGHERD_POOL_SELF_DEADLOCK', details: { held: 2, max: 2 } });
    expect(others.settled).toBe(false);
    expect(pool.stats().waiting).toBe(1);
  });
});

describe('draining', () => {
  it('ends when the last of those that were open is closed, whatever was opened since', async () => {
    const { pool, acquire, settle } = bench({ max: 3 });
    const [idle, leased] = [await acquire(), await acquire()];
    pool.release(idle);
    const drained = watched(pool.drain('rotated'));
    await settle();
    expect(idle).toMatchObject({ ended: 'closed', reason: 'rotated' });
    const fresh = await acquire();
    expect(fresh.id).toBe(3);
    pool.release(fresh);
    expect(pool.outworn(leased)).toBe('evicted');
    expect(pool.outworn(fresh)).toBeUndefined();
    await settle();
    expect(drained.settled).toBe(false);
    pool.release(leased);
    await settle();
    expect(drained.settled).toBe(true);
    expect(fresh.ended).toBeUndefined();
    const again = watched(pool.drain('again'));
    await settle();
    expect([again.settled, pool.stats().size]).toEqual([true, 0]);
  });
});

describe('a say about what comes back', () => {
  it('keeps it from all until it is said, and closes it on a refusal', async () => {
    const { pool, factory, acquire, settle } = bench({ max: 1 }, { returned: true });
    const thing = await acquire();
    const next = watched(acquire());
    pool.release(thing);
    await settle();
    expect(next.settled).toBe(false);
    expect(pool.stats()).toMatchObject({ checking: 1, leased: 0, idle: 0 });
    factory.validations[0]?.grant(true);
    await settle();
    expect(next.value).toBe(thing);
    pool.release(thing);
    factory.validations[0]?.grant(false);
    await settle();
    expect(thing).toMatchObject({ ended: 'closed', reason: 'refused on its return' });
  });

  it('closes it if the check itself fails', async () => {
    const { pool, factory, acquire, settle } = bench({ max: 1 }, { returned: true });
    const thing = await acquire();
    pool.release(thing);
    factory.validations[0]?.refuse(new Error('broken'));
    await settle();
    expect(thing).toMatchObject({ ended: 'closed', reason: 'failed its validation' });
  });
});

describe('validation', () => {
  const idleFor = { validateAfterMs: 500 };

  it.each([
    20, 5,
  ])('of one that was lost: no caller waits for that of another, of %d that were lost with it', async (count) => {
    const { acquire, pool, factory, clock, settle } = bench({ max: count, ...idleFor });
    for (const thing of await Promise.all(Array.from({ length: count }, () => acquire())))
      pool.release(thing);
    await clock.advance(500);
    const waiting = watched(acquire());
    await settle();
    expect(factory.validations).toHaveLength(1);
    factory.validations[0]?.refuse(new Error('silent'));
    await settle();
    expect(factory.validations).toHaveLength(0);
    expect(waiting.value).toMatchObject({ id: count + 1, ended: undefined });
    expect(factory.alive).toHaveLength(1);
  });

  it('that fails leaves those alone that were used since', async () => {
    const { acquire, pool, factory, clock, settle } = bench({ max: 3, ...idleFor });
    const [used, lost, old] = await Promise.all([acquire(), acquire(), acquire()]);
    pool.release(old);
    pool.release(lost);
    await clock.advance(500);
    const waiting = watched(acquire());
    await settle();
    pool.release(used);
    await settle();
    expect(waiting.value).toBe(used);
    factory.validations[0]?.refuse(new Error('silent'));
    await settle();
    expect([used, lost, old].map(({ ended }) => ended)).toEqual([undefined, 'closed', 'closed']);
  });

  it('leaves alone what was used a moment ago', async () => {
    const { pool, factory, acquire, clock } = bench(idleFor);
    pool.release(await acquire());
    await clock.advance(499);
    await acquire();
    expect(factory.validations).toHaveLength(0);
  });

  it('asks what has been idle, and gives it when it answers', async () => {
    const { pool, factory, acquire, clock, settle } = bench(idleFor);
    const thing = await acquire();
    pool.release(thing);
    await clock.advance(500);
    expect(pool.tryAcquire()).toBeUndefined();
    const caller = watched(acquire());
    await settle();
    expect(caller.settled).toBe(false);
    factory.validations[0]?.grant(true);
    await settle();
    expect(caller.value).toBe(thing);
  });

  it.each([
    ['says no', false],
    ['rejects', new Error('gone')],
  ])('closes what %s and gives another', async (_name, answer) => {
    const { pool, factory, acquire, clock, settle } = bench(idleFor);
    const thing = await acquire();
    pool.release(thing);
    await clock.advance(500);
    const caller = watched(acquire());
    await settle();
    if (answer === false) factory.validations[0]?.grant(false);
    else factory.validations[0]?.refuse(answer);
    await settle();
    expect(thing).toMatchObject({ ended: 'closed', reason: 'failed its validation' });
    expect(caller.value?.id).toBe(2);
  });

  it('keeps the caller to its deadline', async () => {
    const { pool, factory, acquire, clock, settle } = bench(idleFor);
    const thing = await acquire();
    pool.release(thing);
    await clock.advance(500);
    const caller = watched(acquire({ waitMs: 100 }));
    await clock.advance(100);
    expect(caller.error).toMatchObject({ code: 'PGHERD_WAIT_TIMEOUT' });
    factory.validations[0]?.grant(true);
    await settle();
    expect(pool.stats()).toMatchObject({ idle: 1, leased: 0 });
  });

  it('lets the caller abort at once', async () => {
    const { pool, acquire, clock, settle } = bench(idleFor);
    pool.release(await acquire());
    await clock.advance(500);
    const controller = new AbortController();
    const caller = watched(acquire({ signal: controller.signal }));
    await settle();
    controller.abort();
    await settle();
    expect(caller.error).toMatchObject({ code: 'PGHERD_ABORTED' });
  });

  it('wakes whoever waits when it fails for a caller who has gone', async () => {
    const { pool, factory, acquire, clock, settle } = bench({ ...idleFor, max: 1 });
    pool.release(await acquire());
    await clock.advance(500);
    const controller = new AbortController();
    watched(acquire({ signal: controller.signal }));
    await settle();
    const behind = watched(acquire());
    controller.abort();
    await settle();
    factory.validations[0]?.grant(false);
    await settle();
    expect(behind.value?.id).toBe(2);
  });

  it('does not put the caller behind those who came later when it fails', async () => {
    const { pool, factory, acquire, clock, settle } = bench({ ...idleFor, max: 1 });
    pool.release(await acquire());
    await clock.advance(500);
    const first = watched(acquire());
    await settle();
    const second = watched(acquire());
    await settle();
    factory.validations[0]?.grant(false);
    await settle();
    expect([first.settled, second.settled]).toEqual([true, false]);
  });

  it('never gives what was evicted meanwhile', async () => {
    const { pool, factory, acquire, clock, settle } = bench(idleFor);
    const thing = await acquire();
    pool.release(thing);
    await clock.advance(500);
    const caller = watched(acquire());
    await settle();
    pool.evict('demoted');
    factory.validations[0]?.grant(true);
    await settle();
    expect(caller.value?.id).toBe(2);
    expect(thing.ended).toBe('closed');
  });

  it.each([
    ['destroyed', 0],
    ['destroyed', 1],
    ['destroyed', 2],
    ['forgotten', 0],
    ['forgotten', 1],
    ['forgotten', 2],
  ])('never gives what was %s %i turns after it answered, unless it was given before', async (how, turns) => {
    const { pool, factory, acquire, clock, settle } = bench(idleFor);
    const thing = await acquire();
    pool.release(thing);
    await clock.advance(500);
    const caller = watched(acquire());
    await settle();
    factory.validations[0]?.grant(true);
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    const given = pool.isLeased(thing);
    if (how === 'destroyed') pool.destroyWhere(() => true, 'stale');
    else pool.forget(thing);
    await settle();
    expect(caller.value === thing).toBe(given);
    expect(pool.stats().size).toBe(given ? 0 : 1);
  });

  it('asks several for several callers', async () => {
    const { pool, factory, acquire, clock, settle } = bench(idleFor);
    const things = [await acquire(), await acquire()];
    for (const thing of things) pool.release(thing);
    await clock.advance(500);
    const callers = [watched(acquire()), watched(acquire())];
    await settle();
    expect(factory.validations).toHaveLength(2);
    for (const validation of [...factory.validations]) validation.grant(true);
    await settle();
    expect(callers.map((caller) => caller.settled)).toEqual([true, true]);
  });

  it('keeps nobody from closing', async () => {
    const { pool, factory, acquire, clock, settle } = bench(idleFor);
    const thing = await acquire();
    pool.release(thing);
    await clock.advance(500);
    const caller = watched(acquire());
    await settle();
    const closed = watched(pool.close());
    await settle();
    expect(caller.error).toMatchObject({ code: 'PGHERD_CLOSED' });
    expect(closed.settled).toBe(true);
    factory.validations[0]?.grant(true);
    await settle();
    expect(pool.stats()).toMatchObject({ size: 0, opened: 1, closed: 1 });
    expect(thing.ended).toBe('closed');
  });
});

describe('evicting, destroying and forgetting', () => {
  it('closes idle ones at once and leased ones when they come back', async () => {
    const { pool, acquire } = bench();
    const [idle, leased] = [await acquire(), await acquire()];
    pool.release(idle);
    pool.evict('demoted');
    expect(idle).toMatchObject({ ended: 'closed', reason: 'demoted' });
    expect(leased.ended).toBeUndefined();
    pool.release(leased);
    expect(leased.ended).toBe('closed');
    expect(pool.stats()).toMatchObject({ size: 0, opened: 2, closed: 2 });
  });

  it('closes what was being opened when it arrives, and opens another for whoever waits', async () => {
    const { pool, factory, acquire, settle } = bench({}, { manual: true });
    const caller = watched(acquire());
    await settle();
    pool.evict('restarted');
    factory.openings[0]?.grant();
    await settle();
    expect(factory.things[0]).toMatchObject({ ended: 'closed' });
    factory.openings[0]?.grant();
    await settle();
    expect(caller.value?.id).toBe(2);
  });

  it('gives up what was being opened: nobody who comes later waits for it', async () => {
    const { pool, factory, acquire, settle } = bench({ max: 1 }, { manual: true });
    const early = watched(acquire());
    await settle();
    pool.evict('offline');
    const [doomed] = factory.openings;
    expect(doomed?.signal.reason).toMatchObject({ code: 'PGHERD_ABORTED', message: 'offline' });
    doomed?.refuse(doomed.signal.reason);
    await settle();
    expect(early.settled).toBe(false);
    factory.openings[0]?.grant();
    await settle();
    expect(early.value?.id).toBe(1);
  });

  it('opens anew what something that began later has overtaken, and leaves what began since', async () => {
    const { pool, factory, acquire, clock, settle } = bench({ maxConnecting: 2 }, { manual: true });
    const early = watched(acquire());
    await clock.advance(100);
    const since = clock.now();
    const late = watched(acquire());
    await settle();
    pool.renew('lost without a word', since);
    const [lost, fresh] = factory.openings;
    expect(lost?.signal.reason).toMatchObject({ message: 'lost without a word' });
    expect(fresh?.signal.aborted).toBe(false);
    lost?.refuse(lost.signal.reason);
    await settle();
    expect(pool.stats()).toMatchObject({ opening: 2, failed: 0 });
    for (const opening of [...factory.openings]) opening.grant();
    await settle();
    expect([early.value?.id, late.value?.id]).toEqual([1, 2]);
  });

  it('destroys leased ones too, and taking them back does nothing', async () => {
    const { pool, acquire } = bench();
    const [one, two] = [await acquire(), await acquire()];
    pool.destroyWhere((thing) => thing === one, 'stale');
    expect(one).toMatchObject({ ended: 'destroyed', reason: 'stale' });
    pool.release(one);
    expect(pool.isLeased(one)).toBe(false);
    expect(pool.isLeased(two)).toBe(true);
    expect(pool.stats()).toMatchObject({ size: 1, leased: 1, closed: 1 });
  });

  it('opens another for whoever waits when one is destroyed or forgets itself', async () => {
    const { pool, acquire, settle } = bench({ max: 1 });
    const one = await acquire();
    const next = watched(acquire());
    pool.destroyWhere(() => true, 'stale');
    await settle();
    expect(next.value?.id).toBe(2);
    const last = watched(acquire());
    if (next.value !== undefined) pool.forget(next.value);
    await settle();
    expect(last.value?.id).toBe(3);
    expect(one.ended).toBe('destroyed');
  });

  it('forgets an idle one', async () => {
    const { pool, acquire } = bench();
    const thing = await acquire();
    pool.release(thing);
    pool.forget(thing);
    pool.forget(thing);
    expect(pool.stats()).toMatchObject({ size: 0, idle: 0, opened: 1, closed: 1 });
    expect((await acquire()).id).toBe(2);
  });
});

describe('age', () => {
  it('closes what nobody used for idleTimeoutMs', async () => {
    const { pool, acquire, clock } = bench({ idleTimeoutMs: 1_000 });
    const [one, two] = [await acquire(), await acquire()];
    pool.release(one);
    await clock.advance(400);
    pool.release(two);
    await clock.advance(600);
    expect(one.reason).toBe('idle for pool.idleTimeoutMs');
    expect(two.ended).toBeUndefined();
    await clock.advance(400);
    expect(two.ended).toBe('closed');
    expect(clock.pending).toBe(0);
  });

  it('closes the only one', async () => {
    const { pool, acquire, clock } = bench({ idleTimeoutMs: 1_000 });
    const thing = await acquire();
    pool.release(thing);
    await clock.advance(999);
    expect(thing.ended).toBeUndefined();
    await clock.advance(1);
    expect(thing.ended).toBe('closed');
  });

  it('closes what was one of the min until another was opened', async () => {
    const { pool, acquire, clock } = bench({ min: 1, idleTimeoutMs: 1_000 });
    const thing = await acquire();
    pool.release(thing);
    await clock.advance(400);
    await pool.warmUp(2);
    await clock.advance(599);
    expect(pool.stats().idle).toBe(2);
    await clock.advance(1);
    expect(thing.ended).toBe('closed');
  });

  it('keeps min of them', async () => {
    const { pool, acquire, clock } = bench({ max: 3, min: 1, idleTimeoutMs: 1_000 });
    const things = [await acquire(), await acquire(), await acquire()];
    for (const thing of things) pool.release(thing);
    await clock.advance(10_000);
    expect(pool.stats()).toMatchObject({ size: 1, idle: 1 });
  });

  it('closes the idle ones above min although the first one stays', async () => {
    const { pool, acquire, clock } = bench({
      max: 5,
      min: 1,
      idleTimeoutMs: 1_000,
      maxLifetimeMs: 1_800_000,
    });
    pool.release(await acquire());
    await clock.advance(100);
    const burst = [await acquire(), await acquire(), await acquire()];
    for (const thing of burst) pool.release(thing);
    await clock.advance(5_000);
    expect(pool.stats().size).toBe(1);
  });

  it('closes what has lived for maxLifetimeMs, although another was idle before it', async () => {
    const { pool, acquire, clock } = bench({ maxLifetimeMs: 10_000 });
    const older = await acquire();
    await clock.advance(5_000);
    const younger = await acquire();
    pool.release(younger);
    await clock.advance(1_000);
    pool.release(older);
    await clock.advance(4_000);
    expect(older).toMatchObject({ ended: 'closed', reason: 'reached pool.maxLifetimeMs' });
    expect(younger.ended).toBeUndefined();
  });

  it('takes up to a tenth off a lifetime, so that not all end at once', async () => {
    const { pool, acquire, clock } = bench({ maxLifetimeMs: 10_000 }, { random: fixedRandom(0, 0.999) });
    const [long, short] = [await acquire(), await acquire()];
    pool.release(long);
    pool.release(short);
    await clock.advance(9_010);
    expect([long.ended, short.ended]).toEqual([undefined, 'closed']);
    await clock.advance(990);
    expect(long.ended).toBe('closed');
  });

  it('ends a leased one when it comes back, not before', async () => {
    const { pool, acquire, clock } = bench({ maxLifetimeMs: 1_000 });
    const thing = await acquire();
    await clock.advance(5_000);
    expect(thing.ended).toBeUndefined();
    pool.release(thing);
    expect(thing.ended).toBe('closed');
  });

  it('replaces one of the min when it is too old', async () => {
    const { pool, acquire, clock } = bench({ min: 1, maxLifetimeMs: 1_000 });
    pool.release(await acquire());
    await clock.advance(1_000);
    expect(pool.stats()).toMatchObject({ size: 1, opened: 2, closed: 1 });
  });
});

describe('warming up', () => {
  it('opens as many as asked for, at most max, not more than maxConnecting at a time', async () => {
    const { pool, factory, settle } = bench({ max: 5, maxConnecting: 2 }, { manual: true });
    const warm = watched(pool.warmUp(9));
    while (factory.openings.length > 0) {
      factory.openings[0]?.grant();
      await settle();
    }
    expect(warm.settled).toBe(true);
    expect(pool.stats()).toMatchObject({ size: 5, idle: 5 });
    expect(factory.mostOpenings).toBe(2);
  });

  it('waits for what is being opened already', async () => {
    const { pool, factory, acquire, settle } = bench({ max: 1 }, { manual: true });
    watched(acquire());
    await settle();
    const warm = watched(pool.warmUp(1));
    await settle();
    expect(warm.settled).toBe(false);
    factory.openings[0]?.grant();
    await settle();
    expect(warm.settled).toBe(true);
  });

  it('gives up when one fails', async () => {
    const { pool, factory, settle } = bench({ max: 3, maxConnecting: 1 }, { manual: true });
    const warm = watched(pool.warmUp(3));
    factory.openings[0]?.refuse(new Error('refused'));
    await settle();
    expect(warm.settled).toBe(true);
    expect(factory.openings).toHaveLength(0);
  });

  it('opens nothing once closed', async () => {
    const { pool, factory } = bench();
    await pool.close();
    await pool.warmUp(2);
    expect(factory.things).toHaveLength(0);
  });
});

describe('the end', () => {
  it('waits for what is leased when it closes', async () => {
    const { pool, acquire, settle } = bench();
    const [idle, leased] = [await acquire(), await acquire()];
    pool.release(idle);
    const closed = watched(pool.close());
    await settle();
    expect(idle.ended).toBe('closed');
    expect(closed.settled).toBe(false);
    pool.release(leased);
    await settle();
    expect(closed.settled).toBe(true);
    expect(leased.ended).toBe('closed');
  });

  it('refuses new callers and sends away who waits', async () => {
    const { pool, acquire, settle } = bench({ max: 1 });
    await acquire();
    const waits = watched(acquire());
    void pool.close();
    const comes = watched(acquire());
    await settle();
    expect(waits.error).toMatchObject({ code: 'PGHERD_CLOSED' });
    expect(comes.error).toMatchObject({ code: 'PGHERD_CLOSED' });
    expect(pool.tryAcquire()).toBeUndefined();
  });

  it('waits for nobody when it is terminated', async () => {
    const { pool, acquire, settle } = bench();
    const leased = await acquire();
    const closed = watched(pool.close());
    pool.terminate();
    await settle();
    expect(closed.settled).toBe(true);
    expect(leased.ended).toBe('destroyed');
  });

  it.each([
    'close',
    'terminate',
  ] as const)('aborts what is being opened at %s, and closes it if it comes all the same', async (end) => {
    const { pool, factory, acquire, settle } = bench({}, { manual: true });
    const caller = watched(acquire());
    await settle();
    const [opening] = factory.openings;
    void pool[end]();
    expect(opening?.signal.aborted).toBe(true);
    opening?.grant();
    await settle();
    expect(caller.error).toMatchObject({ code: 'PGHERD_CLOSED' });
    expect(factory.things[0]?.ended).toBe('closed');
    expect(pool.stats()).toMatchObject({ size: 0, opening: 0, opened: 1, closed: 1 });
  });

  it('leaves no timer', async () => {
    const { pool, acquire, clock } = bench({ idleTimeoutMs: 1_000, maxLifetimeMs: 10_000 });
    const thing = await acquire();
    pool.release(thing);
    expect(clock.pending).toBe(1);
    await pool.close();
    expect(clock.pending).toBe(0);
  });

  it('can be asked for more than once', async () => {
    const { pool, acquire } = bench();
    pool.release(await acquire());
    await Promise.all([pool.close(), pool.close()]);
    pool.terminate();
    expect(pool.stats()).toMatchObject({ size: 0, opened: 1, closed: 1 });
  });
});
