import { type CallOptions, type CallRecord, NO_OPTIONS } from '../call/call.ts';
import { abortedError, unsentError } from '../call/failures.ts';
import type { Engine } from '../engine/engine.ts';
import { atCaller, atCallerOf } from '../model/caller.ts';
import { argumentError, PgHerdError } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import type { ServerError } from '../model/server-error.ts';
import { ownStatement, type QueryResult, type Row, type Statement } from '../model/statement.ts';
import type { AutoRoute, TextRoute, TextRouter } from '../model/text-route.ts';
import type { Executor } from '../query/executor.ts';
import { type Querier, querierOver } from '../query/querier.ts';
import { ON_CLUSTER, watchedExecutor } from '../query/watched.ts';
import { deadlineAfter } from '../time/deadline.ts';
import { within } from '../time/wait.ts';
import { type CallStarts, clusterExecutor } from './verbs.ts';

/**
 * The verbs for single statements, of which those that only read go to the target `reads` of the option `autoRoute`, and all others to the
 * primary. A read that turns out to be none is run on the primary, and its text goes there from then on.
 *
 * Nothing is routed where the call's options name a `target`, `fallback`, `node` or `after`, in a `causal` scope, and where the calling
 * code holds a transaction or a lease: there they do what the cluster's own verbs do.
 */
export interface AutoQuerier extends Pick<Querier, 'query' | 'rows' | 'one' | 'maybeOne' | 'sql'> {
  /**
   * Where a statement would go by its text, and why.
   * @throws PgHerdError `PGHERD_UNSUPPORTED` without the option `autoRoute`, and if its parser cannot be used;
   * `PGHERD_INVALID_ARGUMENT` for what is no text.
   */
  explainRoute(text: string): Promise<TextRoute>;
}

/** Longest time for which the catalog is asked, ms; a statement that is not known by then goes to the primary. */
const ASKING_MS = 2_000;

/** The verbs of {@link AutoQuerier} of a cluster. */
export function autoQuerier(engine: Engine, starts: CallStarts): AutoQuerier {
  const { autoRoute } = engine.herd.settings;
  const routed = autoRoute === undefined ? undefined : new RoutedStatements(engine, starts, autoRoute);
  const executor: Executor = {
    driver: engine.herd.settings.driver.name,
    // What runs it adds them.
    tagged: (statement) => statement,
    execute: (statement, options, record) =>
      routed?.execute(statement, options, record) ?? Promise.reject(noRouter()),
    start: () => Promise.reject(noRouter()),
  };
  const { query, rows, one, maybeOne, sql } = querierOver(
    watchedExecutor(executor, engine.watch, ON_CLUSTER),
  );
  const explainRoute = async (text: string) => {
    if (typeof text !== 'string')
      throw argumentError(`The text must be a string; it is ${quoted(text)}.`, { argument: 'text' });
    if (routed === undefined) throw noRouter();
    return atCallerOf(Promise.resolve(routed.routeOf(text)));
  };
  return Object.freeze({ query, rows, one, maybeOne, sql, explainRoute });
}

/** Statements that go where their text says. */
class RoutedStatements {
  readonly #engine: Engine;
  readonly #starts: CallStarts;
  readonly #router: TextRouter;
  readonly #plain: Executor;
  readonly #readDefaults: CallOptions;
  readonly #reads: Executor;
  readonly #writes: Executor;

  constructor(engine: Engine, starts: CallStarts, { reads, routerOf }: AutoRoute) {
    this.#engine = engine;
    this.#starts = starts;
    this.#plain = clusterExecutor(engine, starts, NO_OPTIONS);
    this.#readDefaults = Object.freeze({ target: reads });
    this.#reads = clusterExecutor(engine, starts, this.#readDefaults);
    this.#writes = clusterExecutor(engine, starts, WRITES);
    const { clock } = engine.herd.settings;
    this.#router = routerOf({
      now: () => clock.now(),
      ask: async (text, values) =>
        (await this.#reads.execute(ownStatement(text, values), { timeoutMs: ASKING_MS })).rows,
    });
  }

  routeOf(text: string): TextRoute | Promise<TextRoute> {
    return this.#router.routeOf(text);
  }

  execute(statement: Statement, options: CallOptions, record?: CallRecord): Promise<QueryResult<Row>> {
    if (this.#stays(options)) return this.#plain.execute(statement, options, record);
    const { clock, timeoutMs } = this.#engine.herd.settings;
    const isLimited = (options.timeoutMs ?? timeoutMs) !== undefined;
    const startedAt = isLimited ? clock.now() : undefined;
    const route = this.#router.routeOf(statement.text);
    const begun = { startedAt, record, isLate: route instanceof Promise };
    if (route instanceof Promise) return this.#afterAsking(statement, options, route, begun);
    return this.#run(statement, options, route, begun);
  }

  /** Whether something else than the text says where a call goes. */
  #stays({ target, fallback, node, after }: CallOptions): boolean {
    if (target !== undefined || fallback !== undefined || node !== undefined || after !== undefined)
      return true;
    return this.#engine.held.holdsAny || this.#engine.causal.scope !== undefined;
  }

  /** A text that is seen for the first time: the catalog is asked, or the parser loaded, within the limits of the call. */
  async #afterAsking(
    statement: Statement,
    options: CallOptions,
    asked: Promise<TextRoute>,
    begun: Begun,
  ): Promise<QueryResult<Row>> {
    const { clock, timeoutMs } = this.#engine.herd.settings;
    const { signal } = options;
    const { startedAt } = begun;
    const limits = {
      deadline:
        startedAt === undefined
          ? Number.POSITIVE_INFINITY
          : deadlineAfter(startedAt, options.timeoutMs ?? timeoutMs),
      signal,
      late: (now: number) => unsentError(late(now - (startedAt ?? now))),
      aborted: () => unsentError(abortedError(signal)),
    };
    try {
      const route = await within(clock, asked, limits);
      return await this.#run(statement, options, route, begun);
    } catch (error) {
      throw atCaller(error, statement.text);
    }
  }

  async #run(
    statement: Statement,
    options: CallOptions,
    { target }: TextRoute,
    { startedAt, isLate, record }: Begun,
  ): Promise<QueryResult<Row>> {
    const { text } = statement;
    const isRead = target !== WRITES.target;
    const [executor, defaults] = isRead ? [this.#reads, this.#readDefaults] : [this.#writes, WRITES];
    try {
      const result = await (isLate ? this.#since(startedAt, executor, defaults) : executor).execute(
        statement,
        options,
        record,
      );
      if (!isRead) this.#router.ran(result.command);
      return result;
    } catch (error) {
      if (!isRead || !this.#failed(text, error)) throw atCaller(error, text);
    }
    try {
      return await this.#since(startedAt, this.#writes, WRITES).execute(statement, options, record);
    } catch (error) {
      throw atCaller(error, text);
    }
  }

  /** Whether a read that failed runs once more, on the primary: if the server refused the statement itself, nothing was done. */
  #failed(text: string, error: unknown): boolean {
    const { code, severity } = error as Partial<ServerError>;
    return severity === 'ERROR' && typeof code === 'string' && this.#router.failed(text, code);
  }

  /** What runs a statement of a call that began before: its limits are counted from then on. */
  #since(startedAt: number | undefined, usual: Executor, defaults: CallOptions): Executor {
    if (startedAt === undefined) return usual;
    const { prepare, begin } = this.#starts;
    const starts: CallStarts = {
      prepare,
      begin: (prepared, record) => {
        const deadline = deadlineAfter(startedAt, prepared.timeoutMs);
        return { ...begin(prepared, record), startedAt, deadline };
      },
    };
    return clusterExecutor(this.#engine, starts, defaults);
  }
}

/** When a call began, if it is limited; and whether time has passed since then. */
interface Begun {
  readonly startedAt: number | undefined;
  readonly isLate: boolean;
  /** Notes of the call, if it is watched. */
  readonly record: CallRecord | undefined;
}

const WRITES = Object.freeze({ target: 'read-write' }) satisfies CallOptions;

function late(tookMs: number): PgHerdError {
  return new PgHerdError(
    'PGHERD_TIMEOUT',
    `The catalog was not known within ${Math.round(tookMs)} ms (timeoutMs).`,
    {
      details: { tookMs: Math.round(tookMs) },
    },
  );
}

function noRouter(): PgHerdError {
  return new PgHerdError(
    'PGHERD_UNSUPPORTED',
    'db.auto needs the option autoRoute: createCluster({ url, autoRoute: autoRoute() }), with autoRoute of pgherd/auto-route.',
  );
}
