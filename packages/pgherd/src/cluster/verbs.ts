import { type Call, type CallOptions, hasCallOptions, NO_OPTIONS, type PreparedCall } from '../call/call.ts';
import { CALL_OPTIONS } from '../call/call-option-names.ts';
import type { Engine } from '../engine/engine.ts';
import { atCaller, atCallerOf } from '../model/caller.ts';
import { argumentError } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import { INSPECT, type Inspect, look } from '../model/looks.ts';
import type { Target } from '../model/names.ts';
import { assertOptions } from '../model/option-names.ts';
import type { QueryResult, Row } from '../model/statement.ts';
import type { Trace } from '../node/leaks.ts';
import { assertTransactionOptions, type TransactionOptions } from '../options/transaction-options.ts';
import type { Executor } from '../query/executor.ts';
import { type Lease, leaseOf } from '../query/lease.ts';
import { startOnCluster } from '../query/long-work.ts';
import { type Querier, querierOver } from '../query/querier.ts';
import { runScriptOnCluster } from '../query/script.ts';
import { assertNoSettings, runWithSettings, settingsStatement } from '../query/settings.ts';
import { runTransaction, type TransactionFunction } from '../transaction/attempts.ts';
import { SessionTransaction } from '../transaction/session-transaction.ts';
import type { Transaction } from '../transaction/transaction.ts';

/** The verbs of a cluster, also with the defaults of `with`. */
export interface ClusterQuerier extends Querier {
  /**
   * Runs `fn` in a transaction; commits when it resolves, rolls back when it throws. `fn` may be run several
   * times.
   * @throws what `fn` throws; OutcomeUnknownError `PGHERD_OUTCOME_UNKNOWN` if COMMIT was not answered;
   * PgHerdError `PGHERD_TRANSACTION_ROLLED_BACK` if `fn` swallowed an error; otherwise as of {@link
   * Querier.query}.
   */
  transaction<T>(fn: TransactionFunction<T>, options?: TransactionOptions): Promise<T>;
  /** Begins a transaction, which rolls back at the end of its scope unless it was committed. */
  begin(options?: TransactionOptions): Promise<Transaction>;
  /** A connection for exclusive use. Its errors are those of {@link Querier.query} while it waits. */
  acquire(options?: CallOptions): Promise<Lease>;
  /** Runs `fn` with a connection for exclusive use, and gives it back however `fn` ends. */
  use<T>(fn: (lease: Lease) => Promise<T> | T, options?: CallOptions): Promise<T>;
  /**
   * Runs many statements in one text by the simple protocol, on a connection of its own that is closed
   * afterwards. Without BEGIN and COMMIT, the text is one transaction. Returns the result of the last
   * statement.
   * @throws PgHerdError `PGHERD_UNSUPPORTED` behind a pooler, `PGHERD_INVALID_ARGUMENT` for a script that
   * leaves a transaction open; otherwise as of {@link Querier.query}. It is run again only if it was not
   * sent.
   */
  script(text: string, options?: CallOptions): Promise<QueryResult<Row>>;
  /** The same verbs with other defaults. */
  with(options: CallOptions): ClusterQuerier;
}

/** How calls begin. */
export interface CallStarts {
  /** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for an invalid option. */
  prepare(options: CallOptions): PreparedCall;
  /** Starts the clock of a call. */
  begin(prepared: PreparedCall): Call;
}

/** The verbs of a cluster, with defaults that a call's own options override. */
export function clusterQuerier(
  engine: Engine,
  starts: CallStarts,
  defaults: CallOptions = NO_OPTIONS,
): ClusterQuerier {
  const call = callsWith(starts, defaults);
  /** The call of a verb that cannot apply settings. */
  const plain = (verb: string, options: CallOptions = NO_OPTIONS) => {
    assertOptions(verb, options, CALL_OPTIONS);
    assertNoSettings(merged(defaults, options), verb);
    return call(options);
  };
  const use = async <T>(fn: (lease: Lease) => Promise<T> | T, options?: CallOptions): Promise<T> => {
    assertFunction('use', fn);
    const made = plain('use', options);
    try {
      return await useLease(engine, made, fn, engine.leaks.trace('use', use));
    } catch (error) {
      throw atCaller(error);
    }
  };
  const transaction = async <T>(fn: TransactionFunction<T>, options: TransactionOptions = {}) => {
    assertFunction('transaction', fn);
    const made = call(withTarget(options, defaults, engine.herd.settings.target));
    const own = withSettings(options, defaults);
    try {
      return await runTransaction(engine, made, own, fn, engine.leaks.trace('transaction', transaction));
    } catch (error) {
      throw atCaller(error);
    }
  };
  const begin = (options: TransactionOptions = {}) =>
    entering(engine, async () => {
      const made = call(withTarget(options, defaults, engine.herd.settings.target));
      const own = withSettings(options, defaults);
      const trace = engine.leaks.trace('begin', begin);
      const session = await engine.acquire(made);
      engine.leaks.watch(session, trace);
      const begun = (await SessionTransaction.begin(engine, session, made, own, 1, false)).publicView();
      return { given: begun, isHeld: () => begun.isOpen };
    });
  const acquire = (options?: CallOptions) =>
    entering(engine, async () => {
      const made = plain('acquire', options);
      const trace = engine.leaks.trace('acquire', acquire);
      const session = await engine.acquire(made);
      engine.leaks.watch(session, trace);
      const lease = leaseOf(engine, session, made);
      return { given: lease, isHeld: () => lease.isHeld };
    });
  const verbs = {
    ...querierOver(executorOver(engine, defaults, call)),
    script: async (text: string, options?: CallOptions) =>
      atCallerOf(runScriptOnCluster(engine, plain('script', options), text)),
    transaction,
    begin,
    acquire,
    use,
    with: (options: CallOptions) => clusterQuerier(engine, starts, defaultsWith(defaults, options)),
  };
  return Object.freeze(Object.defineProperty(verbs, INSPECT, { value: lookOf(defaults) }));
}

type StartCall = (options?: CallOptions) => Call;

/** How calls with these defaults begin. */
function callsWith(starts: CallStarts, defaults: CallOptions): StartCall {
  // Made for the first call: an option that cannot be used fails the calls, not `with`.
  let prepared: PreparedCall | undefined;
  return (options = NO_OPTIONS) => {
    if (hasCallOptions(options)) return starts.begin(starts.prepare(merged(defaults, options)));
    prepared ??= starts.prepare(defaults);
    return starts.begin(prepared);
  };
}

/** Runs the statements of a cluster, with defaults that a call's own options override. */
export function clusterExecutor(engine: Engine, starts: CallStarts, defaults: CallOptions): Executor {
  return executorOver(engine, defaults, callsWith(starts, defaults));
}

function executorOver(engine: Engine, defaults: CallOptions, call: StartCall): Executor {
  const executor: Executor = {
    driver: engine.herd.settings.driver.name,
    execute: (statement, options) =>
      (options.settings ?? defaults.settings) === undefined
        ? engine.execute(statement, call(options))
        : runWithSettings(executor, statement, options),
    before: (options) => settingsStatement(merged(defaults, options)),
    start: async (work, options) => {
      if (work.appliesSettings !== true) assertNoSettings(merged(defaults, options), 'A stream or a COPY');
      const made = call(options);
      return startOnCluster(engine, made, work);
    },
  };
  return executor;
}

/** How verbs with defaults are shown: by the names of the settings, never their values, nor tokens. */
function lookOf({ settings, after: _after, signal: _signal, ...others }: CallOptions) {
  return (_depth: number, options: object, inspect: Inspect): string => {
    const facts = settings === undefined ? others : { ...others, settings: Object.keys(settings) };
    return look('Querier', facts, options, inspect);
  };
}

/** A connection would be taken for nothing. */
function assertFunction(verb: string, fn: unknown): void {
  if (typeof fn === 'function') return;
  throw argumentError(`${verb} takes a function that gets the connection; it is ${quoted(fn)}.`, {
    argument: 'fn',
  });
}

async function useLease<T>(
  engine: Engine,
  call: Call,
  fn: (lease: Lease) => Promise<T> | T,
  trace: Trace | undefined,
): Promise<T> {
  const session = await engine.acquire(call);
  engine.leaks.watch(session, trace);
  const lease = leaseOf(engine, session, call);
  try {
    return await engine.held.run({ session, isHeld: () => lease.isHeld }, async () => fn(lease));
  } finally {
    lease.release();
  }
}

/**
 * Runs a verb that gives a connection to the code that called it. From here on that code counts as holding it: its statements
 * must not wait behind others that may wait for its locks.
 */
async function entering<T>(
  engine: Engine,
  acquire: () => Promise<{ readonly given: T; isHeld(): boolean }>,
): Promise<T> {
  const entered = engine.held.enter();
  try {
    const { given, isHeld } = await acquire();
    entered.given(isHeld);
    return given;
  } catch (error) {
    entered.failed();
    throw atCaller(error);
  }
}

/** The defaults of `with`, overridden by the options of the call. */
function merged(defaults: CallOptions, options: CallOptions): CallOptions {
  if (!hasCallOptions(options)) return defaults;
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const all: CallOptions = { ...defaults, ...Object.fromEntries(given) };
  const both = defaults.settings !== undefined && options.settings !== undefined;
  return both ? { ...all, settings: { ...defaults.settings, ...options.settings } } : all;
}

/** The options of `with`, checked, over those of an earlier one. */
function defaultsWith(defaults: CallOptions, options: CallOptions): CallOptions {
  assertOptions('with', options, CALL_OPTIONS);
  return merged(defaults, options);
}

/** The options of a transaction, with the settings of `with`. */
function withSettings(options: TransactionOptions, defaults: CallOptions): TransactionOptions {
  if (defaults.settings === undefined) return options;
  const all = { ...options, settings: { ...defaults.settings, ...options.settings } };
  assertTransactionOptions(all);
  return all;
}

/**
 * A transaction goes where its options, or those of `with`, say; else a read-only one to a standby, and any other one to the primary
 * even if the cluster's target is `any`: that word is for single statements, which need nothing else.
 */
function withTarget(
  options: TransactionOptions,
  defaults: CallOptions,
  ofCluster: Target,
): TransactionOptions {
  assertTransactionOptions(options);
  if ((options.target ?? defaults.target) !== undefined) return options;
  if (options.readOnly === true) return { ...options, target: 'prefer-standby' };
  return ofCluster === 'any' ? { ...options, target: 'read-write' } : options;
}
