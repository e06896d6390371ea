import type { Call, CallOptions, CallRecord } from '../call/call.ts';
import type { Engine } from '../engine/engine.ts';
import { atCaller, atCallerOf } from '../model/caller.ts';
import { argumentError } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import type { Target } from '../model/names.ts';
import type { QueryResult, Row } from '../model/statement.ts';
import type { Trace } from '../node/leaks.ts';
import { assertTransactionOptions, type TransactionOptions } from '../options/transaction-options.ts';
import { type Lease, leaseOf } from '../query/lease.ts';
import type { Querier } from '../query/querier.ts';
import { runScriptOnCluster } from '../query/script.ts';
import { ON_CLUSTER, watchedScript } from '../query/watched.ts';
import { beginTransaction, runTransaction, type TransactionFunction } from '../transaction/attempts.ts';
import type { Transaction } from '../transaction/transaction.ts';

/** The verbs of a cluster that hold a connection for longer than a statement. */
export interface HoldingVerbs {
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
}

/** How these verbs begin. */
export interface HoldingVerbStarts {
  readonly engine: Engine;
  /** The defaults of `with`. */
  readonly defaults: CallOptions;
  call(options: CallOptions): Call;
  /** The call of a verb that cannot apply settings. */
  plain(verb: string, options: CallOptions | undefined): Call;
}

/** The verbs of a cluster that give a connection to a function, or to the code that called them. */
export function holdingVerbs({ engine, defaults, call, plain }: HoldingVerbStarts): HoldingVerbs {
  /** A verb without SQL of its own, inside the interceptors. */
  const watched = <T, O extends CallOptions | TransactionOptions>(
    verb: 'transaction' | 'begin' | 'acquire' | 'use',
    options: O | undefined,
    run: (options: O | undefined) => Promise<T>,
  ): Promise<T> => (engine.watch.interceptsVerbs ? engine.watch.verb(verb, options, run) : run(options));
  const use = async <T>(fn: (lease: Lease) => Promise<T> | T, options?: CallOptions): Promise<T> => {
    assertFunction('use', fn);
    const trace = engine.leaks.trace('use', use);
    try {
      return await watched('use', options, (given) => useLease(engine, plain('use', given), fn, trace));
    } catch (error) {
      throw atCaller(error);
    }
  };
  const transaction = async <T>(fn: TransactionFunction<T>, options?: TransactionOptions) => {
    assertFunction('transaction', fn);
    const trace = engine.leaks.trace('transaction', transaction);
    const run = async (given: TransactionOptions = {}) => {
      const made = call(withTarget(given, defaults, engine.herd.settings.target));
      return runTransaction(engine, made, withSettings(given, defaults), fn, trace);
    };
    try {
      return await watched('transaction', options, run);
    } catch (error) {
      throw atCaller(error);
    }
  };
  const begin = (options?: TransactionOptions) =>
    entering(engine, async () => {
      const trace = engine.leaks.trace('begin', begin);
      const run = async (given: TransactionOptions = {}) => {
        const made = call(withTarget(given, defaults, engine.herd.settings.target));
        return beginTransaction(engine, made, withSettings(given, defaults), trace);
      };
      const begun = await watched('begin', options, run);
      return { given: begun, isHeld: () => begun.isOpen };
    });
  const acquire = (options?: CallOptions) =>
    entering(engine, async () => {
      const trace = engine.leaks.trace('acquire', acquire);
      const lease = await watched('acquire', options, async (given) => {
        const made = plain('acquire', given);
        const session = await engine.acquire(made);
        engine.leaks.watch(session, trace);
        return leaseOf(engine, session, made);
      });
      return { given: lease, isHeld: () => lease.isHeld };
    });
  const script = async (text: string, options?: CallOptions) => {
    const run = async (given: CallOptions | undefined, sql: string, record?: CallRecord) => {
      const made = plain('script', given);
      return runScriptOnCluster(engine, record === undefined ? made : { ...made, record }, sql);
    };
    return atCallerOf(watchedScript(engine.watch, ON_CLUSTER, text, options, run));
  };
  return { script, transaction, begin, acquire, use };
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
