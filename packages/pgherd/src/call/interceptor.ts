import type { CallOptions } from './call.ts';

/** The parts of the duration of a call, milliseconds. */
export interface RecordedTimes {
  readonly durationMs: number;
  /** Until it was first sent. */
  readonly waitedMs: number;
  /** From the first to the last attempt. */
  readonly retriedMs: number;
  /** From the last attempt to the end. */
  readonly ranMs: number;
}

/** A verb as an interceptor sees it. */
export interface InterceptedCall {
  /** `query` also for `rows`, `one`, `maybeOne`, `sql` and `notify`. */
  readonly verb:
    | 'query'
    | 'batch'
    | 'stream'
    | 'copyFrom'
    | 'copyTo'
    | 'script'
    | 'transaction'
    | 'begin'
    | 'acquire'
    | 'use';
  /** Where it was called: on the cluster, in a transaction, or on a lease. */
  readonly scope: 'cluster' | 'transaction' | 'lease';
  /** The SQL, with the changes of the interceptors before; `undefined` for verbs without. Of a batch its first statement. */
  readonly text: string | undefined;
  /** The values of its parameters. */
  readonly values: readonly unknown[] | undefined;
  /** The options of the call, as they were given. */
  readonly options: Readonly<CallOptions>;
}

/** What an interceptor may change; anything else, or of another verb, makes `next` reject. */
export interface CallChange {
  /** Other SQL. For `query`, `stream`, `copyFrom`, `copyTo` and `script`. Default: the SQL as it is. */
  readonly text?: string | undefined;
  /** Other values. For `query` and `stream`. Default: the values as they are. */
  readonly values?: readonly unknown[] | undefined;
  /** Tags for a comment behind the SQL, added to those of the call; see the option `comment`. For all verbs with SQL but `script`. Default: none. */
  readonly comment?: Readonly<Record<string, string>> | undefined;
}

/** How a call ended. */
export interface CallEnd extends RecordedTimes {
  /** The node that it ran on last. */
  readonly node: string | undefined;
  readonly attempts: number;
  /** Rows that the command tag counts; `null` if it counts none, `undefined` for verbs without. */
  readonly rowCount: number | null | undefined;
}

/**
 * A function around each verb: it may measure it, refuse it by throwing, or change its SQL, and calls `next` once to let it run. What it
 * returns does not matter, and what it throws after `next` has succeeded is reported as `cluster:warned`: the call ends as it ended.
 * @example
 * ```ts
 * import { createCluster } from 'pgherd';
 * const db = createCluster({
 *   url: 'postgres://app@db1,db2,db3/shop',
 *   interceptors: [
 *     async (call, next) => {
 *       if (call.text?.includes('drop table')) throw new Error('no tables are dropped here');
 *       const { node, durationMs } = await next();
 *       console.log(`${call.verb} on ${node} took ${durationMs} ms`);
 *     },
 *   ],
 * });
 * ```
 */
export type Interceptor = (call: InterceptedCall, next: (change?: CallChange) => Promise<CallEnd>) => unknown;
