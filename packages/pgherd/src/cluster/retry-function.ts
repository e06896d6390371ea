import { abortedError } from '../call/failures.ts';
import { isSignal } from '../call/limits.ts';
import { InvalidOptionsError, PgHerdError } from '../model/errors.ts';
import { optionNames, unknownOption } from '../model/option-names.ts';
import { retryAttemptsFrom } from '../options/env-options.ts';
import { type BackoffSettings, backoffMs } from '../retry/decide.ts';
import { isRetryable } from '../retry/predicates.ts';
import { deadlineAfter, isPast, remainingMs } from '../time/deadline.ts';
import type { Clock, Random } from '../time/port.ts';
import { systemClock, systemRandom } from '../time/system.ts';
import { onAbort, sleep, unlessAborted } from '../time/wait.ts';

/** A failed attempt, reported before the next one. */
export interface RetryNotice {
  /** Number of the attempt that failed, from 1 on. */
  readonly attempt: number;
  readonly error: unknown;
  /** The pause before the next one, ms. */
  readonly delayMs: number;
}

/** The argument of the function that is run. */
export interface RetryAttempt {
  /** 1 for the first run, 2 for the second … */
  readonly attempt: number;
  /** Aborts after `timeoutMs`, or with the signal of the policy. */
  readonly signal: AbortSignal;
}

/** When and how often work is run again. */
export interface RetryPolicy {
  /**
   * Most attempts, the first included. Default: `PGHERD_RETRY_ATTEMPTS`, `DB_RETRY_RETRIES_NUMBER`, else 3.
   */
  readonly attempts?: number | undefined;
  /**
   * Longest pause before the second attempt, ms; each pause is random between 0 and its longest. Default 50.
   */
  readonly baseMs?: number | undefined;
  /** Growth of the pause with each attempt. Default 2. */
  readonly factor?: number | undefined;
  /** Longest pause of all, ms. Default 2,000. */
  readonly maxMs?: number | undefined;
  /** Longest duration of all attempts and pauses, ms. Default: none. */
  readonly timeoutMs?: number | undefined;
  /** Ends the work when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether the work may be run again. Default: {@link isRetryable}, which excludes work that was sent but
   * not answered.
   */
  readonly isRetryable?: ((error: unknown, attempt: number) => boolean) | undefined;
  /** Called before each further attempt; an error it throws ends the work. */
  readonly onRetry?: ((notice: RetryNotice) => void) | undefined;
  /** Source of time. For tests. Default: the system. */
  readonly clock?: Clock | undefined;
  /** Source of random numbers. For tests. Default: the system. */
  readonly random?: Random | undefined;
  /** Environment for the number of attempts. Default `process.env`; `{}` for none. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** A policy with its defaults. */
interface Resolved extends BackoffSettings, Pick<RetryPolicy, 'timeoutMs' | 'signal' | 'onRetry'> {
  readonly attempts: number;
  readonly clock: Clock;
  readonly random: Random;
  isRetryable(error: unknown, attempt: number): boolean;
}

/**
 * Runs `fn`, and runs it again if an error allows it: for work around pgherd, or without it. Calls of a
 * cluster are retried already; do not wrap each of them. The last error is thrown as it was.
 *
 * @throws InvalidOptionsError `PGHERD_INVALID_OPTIONS` for an invalid policy; PgHerdError `PGHERD_TIMEOUT`
 * after `timeoutMs`, also if `fn` never returns; `PGHERD_ABORTED`. The last error of `fn` is then the cause.
 * @example
 * ```ts
 * const policy = { attempts: 5, timeoutMs: 10_000 };
 * const order = await retry(({ signal }) => placeOrder(db, signal), policy);
 * ```
 */
export async function retry<T>(
  fn: (attempt: RetryAttempt) => Promise<T> | T,
  policy: RetryPolicy = {},
): Promise<T> {
  return new Execution(resolvePolicy(policy)).execute(fn);
}

/**
 * The same function with the retries of {@link retry}. Arguments and `this` are passed on. The policy is
 * checked, and the environment read, once.
 * @throws InvalidOptionsError `PGHERD_INVALID_OPTIONS` for an invalid policy.
 */
export function retryable<This, Args extends readonly unknown[], T>(
  fn: (this: This, ...args: Args) => Promise<T> | T,
  policy: RetryPolicy = {},
): (this: This, ...args: Args) => Promise<T> {
  const resolved = resolvePolicy(policy);
  return function again(this: This, ...args: Args): Promise<T> {
    return new Execution(resolved).execute(() => fn.apply(this, args as unknown as Args & unknown[]));
  };
}

/** One piece of work on its way through its attempts. */
class Execution {
  readonly #policy: Resolved;
  readonly #startedAt: number;
  readonly #deadline: number;
  readonly #abort = new AbortController();

  constructor(policy: Resolved) {
    this.#policy = policy;
    this.#startedAt = policy.clock.now();
    this.#deadline = deadlineAfter(this.#startedAt, policy.timeoutMs);
  }

  async execute<T>(fn: (attempt: RetryAttempt) => Promise<T> | T): Promise<T> {
    const { signal, clock } = this.#policy;
    const forget = onAbort(signal, () => this.#abort.abort(signal?.reason));
    const limit = Number.isFinite(this.#deadline) ? remainingMs(this.#deadline, clock.now()) : undefined;
    const timer = limit === undefined ? undefined : clock.schedule(limit, () => this.#abort.abort());
    try {
      return await this.#attempts(fn);
    } finally {
      timer?.cancel();
      forget();
    }
  }

  async #attempts<T>(fn: (attempt: RetryAttempt) => Promise<T> | T): Promise<T> {
    const { attempts, random, onRetry } = this.#policy;
    let last: unknown;
    for (let attempt = 1; ; attempt++) {
      if (this.#abort.signal.aborted) throw this.#stopped(last);
      try {
        const made = Object.freeze({ attempt, signal: this.#abort.signal });
        const work = Promise.resolve(made).then(fn);
        // A function that ignores its signal cannot be stopped.
        return await unlessAborted(work, this.#abort.signal, () => new Stopped(this.#stopped(last)));
      } catch (error) {
        if (error instanceof Stopped) throw error.reason;
        if (attempt >= attempts || !this.#policy.isRetryable(error, attempt)) throw error;
        last = error;
      }
      const delayMs = backoffMs(attempt, this.#policy, random.next());
      onRetry?.(Object.freeze({ attempt, error: last, delayMs }));
      await sleep(this.#policy.clock, delayMs, this.#abort.signal);
    }
  }

  #stopped(last: unknown): PgHerdError {
    const { clock, signal, timeoutMs } = this.#policy;
    if (!isPast(this.#deadline, clock.now())) return abortedError(signal);
    const tookMs = Math.round(clock.now() - this.#startedAt);
    return new PgHerdError(
      'PGHERD_TIMEOUT',
      `The work did not end within its timeoutMs of ${timeoutMs} ms.`,
      {
        cause: last,
        details: { tookMs },
      },
    );
  }
}

/** Distinguishes the end by a limit from errors of the function itself. */
class Stopped extends Error {
  readonly reason: PgHerdError;

  constructor(reason: PgHerdError) {
    super(reason.message);
    this.reason = reason;
  }
}

/** Smallest value of each number. */
const LEAST = Object.freeze({ attempts: 1, baseMs: 0, factor: 1, maxMs: 0, timeoutMs: 1 });

const POLICY = optionNames<RetryPolicy>({
  attempts: true,
  baseMs: true,
  factor: true,
  maxMs: true,
  timeoutMs: true,
  signal: true,
  isRetryable: true,
  onRetry: true,
  clock: true,
  random: true,
  env: true,
});

function resolvePolicy(policy: RetryPolicy): Resolved {
  const violations = Object.keys(policy)
    .filter((name) => !POLICY.has(name))
    .map((name) => unknownOption('retry', name, POLICY).message);
  for (const [name, least] of Object.entries(LEAST)) {
    const value = (policy as Readonly<Record<string, unknown>>)[name];
    const whole = name !== 'attempts' || Number.isInteger(value);
    if (value === undefined || (typeof value === 'number' && value >= least && value < Infinity && whole))
      continue;
    const must = name === 'attempts' ? 'a whole number' : 'a number';
    violations.push(`${name} is ${String(value)}, but must be ${must}, at least ${least}`);
  }
  if (policy.signal !== undefined && !isSignal(policy.signal))
    violations.push('signal must be an AbortSignal');
  if (violations.length > 0) throw new InvalidOptionsError(violations);
  return Object.freeze({
    attempts: policy.attempts ?? retryAttemptsFrom(policy.env) ?? 3,
    baseMs: policy.baseMs ?? 50,
    factor: policy.factor ?? 2,
    maxMs: policy.maxMs ?? 2_000,
    timeoutMs: policy.timeoutMs,
    signal: policy.signal,
    isRetryable: policy.isRetryable ?? ((error: unknown) => isRetryable(error)),
    onRetry: policy.onRetry,
    clock: policy.clock ?? systemClock,
    random: policy.random ?? systemRandom,
  });
}
