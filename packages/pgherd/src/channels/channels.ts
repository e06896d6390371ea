import { TracedOperation } from './channel.ts';

/** The cluster that a message is about. */
export interface TracedCluster {
  /** The option `applicationName`. */
  readonly applicationName: string;
  readonly database: string;
  readonly user: string;
}

interface Traced {
  readonly cluster: TracedCluster;
  /** Why it failed; absent before its end, and if it succeeded. */
  error?: unknown;
}

/** How long a call took and where it ran: known at its end. Times are milliseconds. */
export interface CallTimes {
  /** The node that it ran on last; absent if it reached none. */
  node?: string | undefined;
  /** Attempts that were sent; 0 if none was. */
  attempts?: number | undefined;
  /** From the call to its end. */
  durationMs?: number | undefined;
  /** Until it was first sent: for a node, a connection, its turn. */
  waitedMs?: number | undefined;
  /** From the first to the last attempt; 0 if there was one. */
  retriedMs?: number | undefined;
  /** From the last attempt to the end. */
  ranMs?: number | undefined;
}

/** Message of `pgherd:query`: one statement, or one verb that sends several. Values are never part of it. */
export interface QueryMessage extends Traced, CallTimes {
  /** `query` also for `rows`, `one`, `maybeOne`, `sql` and `notify`. */
  readonly verb: 'query' | 'batch' | 'stream' | 'copyFrom' | 'copyTo' | 'script';
  /** Where it was called: on the cluster, in a transaction, or on a lease. */
  readonly scope: 'cluster' | 'transaction' | 'lease';
  /** The SQL; of a batch its first statement. */
  readonly text: string;
  /** The SQL of all statements of a batch. */
  readonly texts?: readonly string[] | undefined;
  /** Target of the call; absent for the cluster's own. */
  readonly target?: string | undefined;
  /** Whether it shared its connection with others; known at its end. */
  shared?: boolean | undefined;
  /** Rows that the command tag counts; known at its end. */
  rowCount?: number | null | undefined;
}

/** Message of `pgherd:transaction`: one call of `transaction`, all its attempts included, or what `begin` has begun, until its end. */
export interface TransactionMessage extends Traced {
  readonly target: string;
  readonly isolation?: string | undefined;
  readonly readOnly: boolean;
  /** Runs of its function so far. */
  attempts: number;
  /** The node of the last run; absent before the first. */
  node?: string | undefined;
  /** How it ended: known at its end; absent if {@link error} says more. `unknown`: whether COMMIT was executed is not known. */
  outcome?: 'committed' | 'rolled-back' | 'lost' | 'unknown' | undefined;
}

/** Message of `pgherd:acquire`: waiting for a node and a connection of its own. */
export interface AcquireMessage extends Traced {
  readonly target: string;
  /** The node of the connection; known at its end. */
  node?: string | undefined;
}

/** Message of `pgherd:connect`: opening one connection, the login included. */
export interface ConnectMessage extends Traced {
  readonly node: string;
  readonly host: string;
  readonly port: number;
  readonly purpose: 'pool' | 'monitor' | 'guest';
}

/** Message of `pgherd:probe`: one round of questions to a node. */
export interface ProbeMessage extends Traced {
  readonly node: string;
}

/** The tracing channels, by their names. */
export interface TracingMessages {
  'pgherd:query': QueryMessage;
  'pgherd:transaction': TransactionMessage;
  'pgherd:acquire': AcquireMessage;
  'pgherd:connect': ConnectMessage;
  'pgherd:probe': ProbeMessage;
}

export const QUERY = new TracedOperation<QueryMessage>('pgherd:query');
export const TRANSACTION = new TracedOperation<TransactionMessage>('pgherd:transaction');
export const ACQUIRE = new TracedOperation<AcquireMessage>('pgherd:acquire');
export const CONNECT = new TracedOperation<ConnectMessage>('pgherd:connect');
export const PROBE = new TracedOperation<ProbeMessage>('pgherd:probe');
