import { poolErrors } from '../../src/node/pool-errors.ts';
import { Pool } from '../../src/pool/pool.ts';
import type { PoolFactory, PoolSettings } from '../../src/pool/settings.ts';
import type { Clock, Random } from '../../src/time/port.ts';
import { fixedRandom } from '../support/random.ts';
import { type VirtualClock, virtualClock } from '../support/virtual-clock.ts';

/** A resource that knows what became of it. */
export interface Thing {
  readonly id: number;
  ended: 'closed' | 'destroyed' | undefined;
  reason: string | undefined;
}

/** Something the pool asked for and the test answers. */
export interface Asked<T> {
  /** Gives the answer. */
  grant(value: T): void;
  refuse(error: unknown): void;
}

/** An opening in progress. */
export interface Opening extends Asked<void> {
  readonly signal: AbortSignal;
}

/** A validation in progress. */
export interface Validation extends Asked<boolean> {
  readonly thing: Thing;
}

/** How the factory behaves. */
export interface FakeSettings {
  /** Whether openings succeed at once. */
  readonly atOnce: boolean;
  readonly clock: Clock;
  /** Whether it has a say about what comes back. */
  readonly returned: boolean;
}

/** Pause that the pool owes a node after a failure, milliseconds. */
const SHORTEST_PAUSE_MS = 50;

/** Opens and validates when the test says so, or at once. */
export class FakeFactory implements PoolFactory<Thing> {
  readonly openings: Opening[] = [];
  readonly validations: Validation[] = [];
  readonly things: Thing[] = [];
  /** Most openings that were in progress at one time. */
  mostOpenings = 0;
  mostAlive = 0;
  /** Openings that were begun although the last one had just failed, or beside another one after a failure. */
  storms = 0;
  /** When the last opening failed; `undefined` after a success. */
  failedAt: number | undefined;
  readonly #atOnce: boolean;
  readonly #clock: Clock;
  /** Asks the test whether what came back may be used again. */
  readonly returned: ((thing: Thing) => Promise<string | undefined>) | undefined;

  constructor({ atOnce, clock, returned }: FakeSettings) {
    this.#atOnce = atOnce;
    this.#clock = clock;
    this.returned = returned ? (thing) => this.#asked(thing, 'refused on its return') : undefined;
  }

  get alive(): readonly Thing[] {
    return this.things.filter((thing) => thing.ended === undefined);
  }

  open(signal: AbortSignal): Promise<Thing> {
    if (this.#atOnce) return Promise.resolve(this.#made());
    return new Promise((resolve, reject) => {
      const settle = () => this.openings.splice(this.openings.indexOf(opening), 1);
      const opening: Opening = {
        signal,
        grant: () => {
          settle();
          this.failedAt = undefined;
          resolve(this.#made());
        },
        refuse: (error) => {
          settle();
          if (!signal.aborted) this.failedAt = this.#clock.now();
          reject(error);
        },
      };
      const wanted = this.openings.filter((one) => !one.signal.aborted).length;
      if (
        this.failedAt !== undefined &&
        (wanted > 0 || this.#clock.now() < this.failedAt + SHORTEST_PAUSE_MS)
      ) {
        this.storms++;
      }
      this.openings.push(opening);
      this.mostOpenings = Math.max(this.mostOpenings, this.openings.length);
    });
  }

  close(thing: Thing, reason: string): void {
    this.#end(thing, 'closed', reason);
  }

  destroy(thing: Thing, reason: string): void {
    this.#end(thing, 'destroyed', reason);
  }

  validate(thing: Thing): Promise<string | undefined> {
    return this.#asked(thing, 'failed its validation');
  }

  #asked(thing: Thing, refusal: string): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const settle = () => this.validations.splice(this.validations.indexOf(validation), 1);
      const validation: Validation = {
        thing,
        grant: (works) => {
          settle();
          resolve(works ? undefined : refusal);
        },
        refuse: (error) => {
          settle();
          reject(error);
        },
      };
      this.validations.push(validation);
    });
  }

  #made(): Thing {
    const thing: Thing = { id: this.things.length + 1, ended: undefined, reason: undefined };
    this.things.push(thing);
    this.mostAlive = Math.max(this.mostAlive, this.alive.length);
    return thing;
  }

  #end(thing: Thing, how: 'closed' | 'destroyed', reason: string): void {
    if (thing.ended !== undefined) throw new Error(`thing ${thing.id} was ${thing.ended} before`);
    thing.ended = how;
    thing.reason = reason;
  }
}

/** Limits that are out of the way of whatever a test is about. */
export const ROOMY: PoolSettings = Object.freeze({
  max: 2,
  min: 0,
  maxWaiting: 100,
  maxConnecting: 10,
  idleTimeoutMs: 0,
  maxLifetimeMs: 0,
  maxUses: 0,
  validateAfterMs: Number.POSITIVE_INFINITY,
});

/** A pool with its factory and clock. */
export interface Bench {
  readonly pool: Pool<Thing>;
  readonly factory: FakeFactory;
  readonly clock: VirtualClock;
  /** A resource, waited for without a limit unless `options` say so. */
  acquire(options?: { readonly waitMs?: number; readonly signal?: AbortSignal }): Promise<Thing>;
  /** Lets what was asked for come to rest. */
  settle(): Promise<void>;
}

/** Sets up a pool; openings succeed at once unless `manual`. */
export function bench(
  settings: Partial<PoolSettings> = {},
  options: { readonly manual?: boolean; readonly returned?: boolean; readonly random?: Random } = {},
): Bench {
  const clock = virtualClock();
  const factory = new FakeFactory({
    atOnce: options.manual !== true,
    clock,
    returned: options.returned === true,
  });
  const random = options.random ?? fixedRandom(0);
  const pool = new Pool<Thing>({ ...ROOMY, ...settings }, factory, {
    clock,
    random,
    errors: poolErrors('db1:5432'),
  });
  return {
    pool,
    factory,
    clock,
    acquire: ({ waitMs, signal } = {}) =>
      pool.acquire({
        deadline: waitMs === undefined ? Number.POSITIVE_INFINITY : clock.now() + waitMs,
        signal,
      }),
    settle: () => clock.settle(),
  };
}

/** A promise whose outcome can be looked at without waiting for it. */
export interface Watched<T> {
  value: T | undefined;
  error: unknown;
  settled: boolean;
}

/** Watches `promise`; it never counts as unhandled. */
export function watched<T>(promise: Promise<T>): Watched<T> {
  const seen: Watched<T> = { value: undefined, error: undefined, settled: false };
  promise.then(
    (value) => {
      seen.value = value;
      seen.settled = true;
    },
    (error: unknown) => {
      seen.error = error;
      seen.settled = true;
    },
  );
  return seen;
}
