import { type CallOptions, NO_OPTIONS } from '../call/call.ts';
import { abortedError } from '../call/failures.ts';
import type { CallChange, CallEnd, InterceptedCall, Interceptor } from '../call/interceptor.ts';
import { isSignal } from '../call/limits.ts';
import { QUERY, type QueryMessage, type TracedCluster } from '../channels/channels.ts';
import { PgHerdError } from '../model/errors.ts';
import type { Clock } from '../time/port.ts';
import { onAbort } from '../time/wait.ts';
import { intercepted } from './interceptors.ts';
import { WatchedCall } from './watched-call.ts';

/** A statement, or a verb that sends several, as those see it that watch it. */
export interface WatchedStatement {
  readonly verb: QueryMessage['verb'];
  readonly scope: QueryMessage['scope'];
  readonly text: string;
  readonly texts?: readonly string[] | undefined;
  readonly values?: readonly unknown[] | undefined;
  readonly options: CallOptions;
  /** The node of the connection that is held; `undefined` on the cluster. */
  readonly node: string | undefined;
}

/** A statement that took longer than `slowQueryMs`. */
export interface SlowStatement {
  readonly statement: WatchedStatement;
  readonly record: WatchedCall;
  readonly now: number;
  readonly error: unknown;
}

/** What the watch needs from its cluster. */
export interface CallWatchPorts {
  readonly clock: Clock;
  readonly cluster: TracedCluster;
  readonly interceptors: readonly Interceptor[];
  /** Duration from which a statement is slow, milliseconds; `undefined` for never. */
  readonly slowQueryMs: number | undefined;
  /** Longest duration of a call, milliseconds, unless it says otherwise. */
  readonly timeoutMs: number | undefined;
  slow(statement: SlowStatement): void;
  warn(message: string): void;
}

/** Runs a statement with what was changed of it; `options` are those of the call, with the time that is left of it. */
export type RunStatement<T> = (change: CallChange, options: CallOptions, record: WatchedCall) => Promise<T>;

/** What the verbs do is passed on to interceptors, to the channel of statements and to the watch for slow ones. */
export class CallWatch {
  readonly #ports: CallWatchPorts;
  readonly #always: boolean;

  constructor(ports: CallWatchPorts) {
    this.#ports = ports;
    this.#always = ports.interceptors.length > 0 || ports.slowQueryMs !== undefined;
  }

  /** Whether nothing watches: then a verb need not be passed through it. */
  get isIdle(): boolean {
    return !this.#always && !QUERY.isWatched;
  }

  /** Whether verbs without a statement have to be passed through {@link verb}. */
  get interceptsVerbs(): boolean {
    return this.#ports.interceptors.length > 0;
  }

  /** Runs a statement; `rowCount` reads the rows that its result counts. */
  statement<T>(
    statement: WatchedStatement,
    run: RunStatement<T>,
    rowCount: (value: T) => number | null | undefined,
  ): Promise<T> {
    const record = new WatchedCall(this.#ports.clock.now());
    const { interceptors } = this.#ports;
    if (interceptors.length === 0)
      return this.#observed(statement, record, () => run({}, statement.options, record), rowCount);
    const { verb, scope, text, values, options } = statement;
    const call: InterceptedCall = { verb, scope, text, values: copied(values), options: shown(options) };
    return intercepted(interceptors, call, {
      run: (change) => {
        const sent = { ...statement, text: change.text ?? text };
        return this.#observed(
          sent,
          record,
          () => run(change, this.#left(options, record) ?? options, record),
          rowCount,
        );
      },
      end: (value) => this.#endOf(record, value === undefined ? undefined : rowCount(value)),
      ...this.#ends(options, record),
    });
  }

  /** Runs a verb without a statement of its own. */
  verb<T, O extends CallOptions>(
    verb: InterceptedCall['verb'],
    options: O | undefined,
    run: (options: O | undefined) => Promise<T>,
  ): Promise<T> {
    const { interceptors, clock } = this.#ports;
    const record = new WatchedCall(clock.now());
    const given: CallOptions = options ?? NO_OPTIONS;
    const call: InterceptedCall = {
      verb,
      scope: 'cluster',
      text: undefined,
      values: undefined,
      options: shown(given),
    };
    return intercepted(interceptors, call, {
      run: () => run(this.#left(options, record)),
      end: (value) => {
        const { node } = (value ?? NO_OPTIONS) as { readonly node?: unknown };
        if (typeof node === 'string') record.sent(node, clock.now(), false);
        return this.#endOf(record, undefined);
      },
      ...this.#ends(given, record),
    });
  }

  /** How interceptors that fail, or take too long, are dealt with. */
  #ends({ timeoutMs = this.#ports.timeoutMs, signal }: CallOptions, record: WatchedCall) {
    const { clock, warn } = this.#ports;
    return {
      report: warn,
      atLimit: (refuse: (error: unknown) => void) => {
        const own = isSignal(signal) ? signal : undefined;
        const forget = onAbort(own, () => refuse(abortedError(own)));
        if (!isNumber(timeoutMs)) return forget;
        const timer = clock.schedule(timeoutMs, () => refuse(heldUp(clock.now() - record.startedAt)));
        return () => {
          forget();
          timer.cancel();
        };
      },
    };
  }

  /** The options of the call, with the time that interceptors have left of it. */
  #left<O extends CallOptions>(options: O | undefined, { startedAt }: WatchedCall): O | undefined {
    const timeoutMs = options?.timeoutMs ?? this.#ports.timeoutMs;
    if (!isNumber(timeoutMs)) return options;
    return { ...options, timeoutMs: Math.max(1, timeoutMs - (this.#ports.clock.now() - startedAt)) } as O;
  }

  #observed<T>(
    statement: WatchedStatement,
    record: WatchedCall,
    run: () => Promise<T>,
    rowCount: (value: T) => number | null | undefined,
  ): Promise<T> {
    if (statement.node !== undefined) record.sent(statement.node, record.startedAt, false);
    const message = QUERY.isWatched ? this.#messageOf(statement) : undefined;
    const complete = (value: T | undefined, error: unknown) => {
      const rows = value === undefined ? undefined : rowCount(value);
      this.#ended(statement, record, message, rows, error);
    };
    return message === undefined ? completed(run, complete) : QUERY.trace(message, run, complete);
  }

  /** Each of its fields is there from the beginning: one that comes later costs more than all that do not. */
  #messageOf({ verb, scope, text, texts, options }: WatchedStatement): QueryMessage {
    return {
      cluster: this.#ports.cluster,
      verb,
      scope,
      text,
      texts,
      target: options.target,
      node: undefined,
      attempts: undefined,
      shared: undefined,
      rowCount: undefined,
      durationMs: undefined,
      waitedMs: undefined,
      retriedMs: undefined,
      ranMs: undefined,
    };
  }

  #ended(
    statement: WatchedStatement,
    record: WatchedCall,
    message: QueryMessage | undefined,
    rowCount: number | null | undefined,
    error: unknown,
  ): void {
    const { clock, slowQueryMs } = this.#ports;
    const now = clock.now();
    if (message !== undefined) {
      message.rowCount = rowCount;
      record.complete(message, now);
    }
    if (slowQueryMs !== undefined && now - record.startedAt >= slowQueryMs)
      this.#ports.slow({ statement, record, now, error });
  }

  #endOf(record: WatchedCall, rowCount: number | null | undefined): CallEnd {
    const { node, attempts } = record;
    return { ...record.times(this.#ports.clock.now()), node, attempts, rowCount };
  }
}

async function completed<T>(
  work: () => Promise<T>,
  complete: (value: T | undefined, error: unknown) => void,
): Promise<T> {
  let value: T;
  try {
    value = await work();
  } catch (error) {
    complete(undefined, error);
    throw error;
  }
  complete(value, undefined);
  return value;
}

/** The options as interceptors see them: what they do to them changes nothing. */
function shown(options: CallOptions): CallOptions {
  const copy: Record<string, unknown> = { ...options };
  for (const name of ['tags', 'settings', 'comment']) {
    const value = copy[name];
    if (typeof value === 'object' && value !== null) copy[name] = Object.freeze({ ...value });
  }
  return Object.freeze(copy);
}

function copied(values: readonly unknown[] | undefined): readonly unknown[] | undefined {
  return Array.isArray(values) ? Object.freeze([...values]) : values;
}

/** What is no number, or no signal, is refused by the verb itself. */
function isNumber(value: unknown): value is number {
  return typeof value === 'number' && value > 0;
}

function heldUp(ms: number): PgHerdError {
  return new PgHerdError(
    'PGHERD_TIMEOUT',
    `The call ended after ${Math.round(ms)} ms by its timeoutMs: its interceptors had not called next.`,
  );
}
