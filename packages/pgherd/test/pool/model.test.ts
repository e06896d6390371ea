import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PoolSettings } from '../../src/pool/settings.ts';
import { seededRandom } from '../support/random.ts';
import { type Bench, bench, type Thing, type Watched, watched } from './fake-factory.ts';

/** After a failure another opening is tried at the latest, milliseconds: while somebody waits, and for `min` alone. */
const LONGEST_PAUSE_MS = 1_000;
const LONGEST_IDLE_PAUSE_MS = 30_000;

interface Caller {
  readonly deadline: number;
  readonly controller: AbortController;
  readonly outcome: Watched<Thing>;
}

/** A drain, and what was with callers when it began. */
interface Drain {
  readonly awaited: ReadonlySet<Thing>;
  readonly outcome: Watched<void>;
}

/** What the test knows of the pool from outside. */
interface Model {
  readonly settings: PoolSettings;
  readonly callers: Caller[];
  /** Callers whose outcome has been taken note of. */
  readonly noted: Set<Caller>;
  readonly held: Thing[];
  readonly drains: Drain[];
  /** Set while nothing obliges the pool to open what is missing: before the first call. */
  resting: boolean;
}

type Action = fc.AsyncCommand<Model, Bench>;

/** Does something, lets it come to rest and holds the outcome against what must always be true. */
function action(
  name: string,
  wakes: boolean,
  run: (model: Model, real: Bench) => void | Promise<void>,
): Action {
  return {
    check: () => true,
    async run(model, real) {
      const before = real.pool.stats();
      await run(model, real);
      await real.settle();
      note(model, real);
      if (wakes && changed(before, real)) model.resting = false;
      assertSound(model, real);
    },
    toString: () => name,
  };
}

function changed(before: object, { pool }: Bench): boolean {
  return JSON.stringify(before) !== JSON.stringify(pool.stats());
}

function note(model: Model, real: Bench): void {
  for (const caller of model.callers) {
    if (!caller.outcome.settled || model.noted.has(caller)) continue;
    model.noted.add(caller);
    const { value, error } = caller.outcome;
    if (value === undefined) {
      if (isRefusal(error)) expect(real.pool.stats().size, 'rejected although others are open').toBe(0);
      continue;
    }
    expect(value.ended, 'given after its end').toBeUndefined();
    expect(model.held, 'given twice').not.toContain(value);
    model.held.push(value);
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.message === 'refused';
}

function assertSound(model: Model, { pool, factory, clock }: Bench): void {
  const stats = pool.stats();
  const { max, min, maxConnecting } = model.settings;
  const validating = factory.validations.filter(({ thing }) => thing.ended === undefined).length;
  const leased = model.held.filter((thing) => thing.ended === undefined).length;
  const unsettled = model.callers.filter((caller) => !caller.outcome.settled);

  expect(stats.size + stats.opening, 'more than max').toBeLessThanOrEqual(max);
  expect(stats.opening, 'more than maxConnecting').toBeLessThanOrEqual(maxConnecting);
  expect(stats.opening, 'openings').toBe(factory.openings.length);
  expect(stats.opened - stats.closed, 'opened less closed').toBe(stats.size);
  expect(factory.alive.length, 'alive').toBe(stats.size);
  expect(stats.leased, 'leased').toBe(leased);
  expect(stats.checking, 'checking').toBe(validating);
  expect(stats.idle + stats.leased + stats.checking, 'idle, leased and checking').toBe(stats.size);
  expect(factory.storms, 'stormed').toBe(0);
  expect(stats.waiting, 'waiting').toBe(unsettled.length);

  if (stats.idle > 0) expect(stats.waiting, 'waits beside an idle one').toBeLessThanOrEqual(validating);
  if (stats.waiting > 0) expect(stats.size + stats.opening, 'waits for nothing').toBeGreaterThan(0);
  if (!model.resting) {
    const unserved = stats.waiting - validating;
    const wanted = Math.max(unserved, min - stats.size);
    const { failedAt } = factory;
    const pause = unserved > 0 ? LONGEST_PAUSE_MS : LONGEST_IDLE_PAUSE_MS;
    const pauses = failedAt !== undefined && clock.now() < failedAt + pause;
    const room = Math.min(failedAt === undefined ? maxConnecting : 1, max - stats.size);
    if (!pauses) expect(stats.opening, 'not opened').toBeGreaterThanOrEqual(Math.min(wanted, room));
  }
  for (const { awaited, outcome } of model.drains) {
    const alive = [...awaited].some((thing) => thing.ended === undefined);
    expect(outcome.settled, 'drained when what was leased is closed').toBe(!alive);
  }
  for (const { deadline } of unsettled) expect(deadline, 'deadline passed').toBeGreaterThan(clock.now());
  const firstUnsettled = model.callers.findIndex((caller) => !caller.outcome.settled);
  const lastServed = model.callers.findLastIndex((caller) => caller.outcome.value !== undefined);
  if (firstUnsettled >= 0) expect(lastServed, 'overtook').toBeLessThan(firstUnsettled);
}

function pick<T>(list: readonly T[], at: number): T | undefined {
  return list[at % Math.max(1, list.length)];
}

function takeHeld(model: Model, at: number): Thing | undefined {
  return model.held.splice(at % Math.max(1, model.held.length), 1)[0];
}

const index = fc.nat(7);

const acquire = fc.option(fc.integer({ min: 1, max: 400 }), { nil: undefined }).map((waitMs) =>
  action(`acquire(${waitMs ?? ''})`, false, (model, real) => {
    const { waiting } = real.pool.stats();
    const controller = new AbortController();
    const options = waitMs === undefined ? {} : { waitMs };
    const deadline = real.clock.now() + (waitMs ?? Number.POSITIVE_INFINITY);
    const outcome = watched(real.acquire({ ...options, signal: controller.signal }));
    model.callers.push({ deadline, controller, outcome });
    if (real.pool.stats().waiting > waiting) model.resting = false;
  }),
);
const tryAcquire = fc.constant(
  action('tryAcquire', false, (model, { pool }) => {
    const waiting = pool.stats().waiting;
    const thing = pool.tryAcquire();
    if (thing === undefined) return;
    expect(waiting, 'overtook by trying').toBe(0);
    expect(thing.ended).toBeUndefined();
    expect(model.held).not.toContain(thing);
    model.held.push(thing);
  }),
);
const release = fc.record({ at: index, broken: fc.boolean() }).map(({ at, broken }) =>
  action(`release(${at}${broken ? ', broken' : ''})`, true, (model, { pool }) => {
    const thing = takeHeld(model, at);
    if (thing !== undefined) pool.release(thing, broken ? 'broken' : undefined);
  }),
);
const grant = index.map((at) =>
  action(`grant opening(${at})`, true, (_model, { factory }) => pick(factory.openings, at)?.grant()),
);
const refuse = index.map((at) =>
  action(`refuse opening(${at})`, false, (_model, { factory }) => {
    const opening = pick(factory.openings, at);
    if (opening === undefined) return;
    opening.refuse(new Error('refused'));
  }),
);
const validate = fc
  .record({ at: index, works: fc.boolean() })
  .map(({ at, works }) =>
    action(`validation(${at}) = ${works}`, true, (_model, { factory }) =>
      pick(factory.validations, at)?.grant(works),
    ),
  );
const abort = index.map((at) =>
  action(`abort(${at})`, false, (model) => {
    const waiting = model.callers.filter((caller) => !caller.outcome.settled);
    pick(waiting, at)?.controller.abort();
  }),
);
const advance = fc
  .constantFrom(1, 10, 49, 50, 100, 500, 40_000)
  .map((ms) => action(`advance(${ms})`, false, (_model, { clock }) => clock.advance(ms)));
const evict = fc.constant(action('evict', true, (_model, { pool }) => pool.evict('evicted')));
const renew = fc
  .constantFrom(0, 10, 100)
  .map((ms) =>
    action(`renew(${ms})`, false, (_model, { pool, clock }) => pool.renew('renewed', clock.now() - ms)),
  );
const drain = fc.constant(
  action('drain', true, (model, { pool }) => {
    model.drains.push({ awaited: new Set(model.held), outcome: watched(pool.drain('drained')) });
  }),
);
const revive = fc.constant(
  action('revive', true, (_model, { pool, factory }) => {
    factory.failedAt = undefined;
    pool.revive();
  }),
);
const redirect = fc.constant(
  action('redirect', false, (_model, { pool }) => pool.redirectWaiters('elsewhere')),
);
const destroy = index.map((at) =>
  action(`destroy(${at})`, true, (_model, { pool, factory }) => {
    const victim = pick(factory.alive, at);
    pool.destroyWhere((thing) => thing === victim, 'destroyed');
  }),
);
const forget = index.map((at) =>
  action(`forget(${at})`, true, (_model, { pool, factory }) => {
    const victim = pick(factory.alive, at);
    if (victim === undefined) return;
    victim.ended = 'closed';
    pool.forget(victim);
  }),
);
const warmUp = fc
  .integer({ min: 1, max: 4 })
  .map((count) => action(`warmUp(${count})`, false, (_model, { pool }) => void pool.warmUp(count)));

const someSettings: fc.Arbitrary<PoolSettings> = fc.record({
  max: fc.integer({ min: 2, max: 4 }),
  min: fc.integer({ min: 0, max: 2 }),
  maxWaiting: fc.constantFrom(0, 2, 100),
  maxConnecting: fc.integer({ min: 1, max: 4 }),
  idleTimeoutMs: fc.constantFrom(0, 200),
  maxLifetimeMs: fc.constantFrom(0, 900),
  maxUses: fc.constantFrom(0, 2),
  validateAfterMs: fc.constantFrom(0, 50, Number.POSITIVE_INFINITY),
});
const someActions = fc.commands(
  [
    acquire,
    acquire,
    tryAcquire,
    release,
    release,
    grant,
    grant,
    refuse,
    validate,
    abort,
    advance,
    evict,
    renew,
    drain,
    revive,
    redirect,
    destroy,
    forget,
    warmUp,
  ],
  { maxCommands: 60, size: 'max' },
);

/** What may still be learnt, and told the pool, while what is leased has not come back. */
const NEWS: readonly ((real: Bench) => void)[] = [
  ({ pool }) => pool.evict('evicted'),
  ({ pool, clock }) => pool.renew('renewed', clock.now()),
  ({ pool }) => pool.revive(),
  ({ pool }) => pool.redirectWaiters('elsewhere'),
  ({ pool }) => void pool.noteScarce('seen'),
  ({ pool }) => void pool.noteScarce('refused'),
  ({ pool, factory }) => pool.destroyWhere((thing) => thing === factory.alive[0], 'destroyed'),
  ({ clock }) => clock.advance(300),
];
const someNews = fc.array(fc.constantFrom(...NEWS), { maxLength: 6 });

async function playedThrough(settings: PoolSettings, actions: Iterable<Action>, returned = false) {
  const real = bench(settings, { manual: true, returned, random: seededRandom(1) });
  const model: Model = { settings, callers: [], noted: new Set(), held: [], drains: [], resting: true };
  await fc.asyncModelRun(() => ({ model, real }), actions);
  return { real, model };
}

describe('whatever happens to a pool', () => {
  it('its limits, its order and its counts hold, and nobody waits beside a free connection', async () => {
    await fc.assert(
      fc.asyncProperty(
        someSettings,
        someActions,
        someNews,
        fc.boolean(),
        async (settings, actions, news, returned) => {
          const { real, model } = await playedThrough(settings, actions, returned);
          const closed = watched(real.pool.close());
          for (const tell of news) tell(real);
          for (const opening of [...real.factory.openings]) opening.grant();
          await real.settle();
          const out = model.held.filter((thing) => thing.ended === undefined);
          expect(closed.settled, 'closed only when all came back').toBe(out.length === 0);
          for (const thing of out) real.pool.release(thing);
          await real.settle();
          assertEnded(closed, model, real);
        },
      ),
      { numRuns: 120 },
    );
  });

  it('terminating it ends everything at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        someSettings,
        someActions,
        someNews,
        fc.boolean(),
        async (settings, actions, news, closesBefore) => {
          const { real, model } = await playedThrough(settings, actions);
          const closed = closesBefore ? watched(real.pool.close()) : undefined;
          real.pool.terminate();
          for (const tell of news) tell(real);
          await real.settle();
          expect(real.factory.alive).toEqual([]);
          for (const opening of [...real.factory.openings]) opening.grant();
          for (const validation of [...real.factory.validations]) validation.grant(true);
          await real.settle();
          assertEnded(closed ?? watched(real.pool.close()), model, real);
        },
      ),
      { numRuns: 60 },
    );
  });
});

function assertEnded(closed: Watched<void>, model: Model, { pool, factory, clock }: Bench): void {
  expect(closed.error).toBeUndefined();
  expect(model.callers.filter((caller) => !caller.outcome.settled)).toEqual([]);
  expect(factory.alive).toEqual([]);
  expect(pool.stats()).toMatchObject({ size: 0, idle: 0, leased: 0, opening: 0, waiting: 0 });
  expect(clock.pending).toBe(0);
}
