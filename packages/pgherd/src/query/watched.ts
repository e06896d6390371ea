import { type CallOptions, type CallRecord, NO_OPTIONS } from '../call/call.ts';
import type { CallChange } from '../call/interceptor.ts';
import type { QueryResult, Row, Statement } from '../model/statement.ts';
import type { CallWatch, WatchedStatement } from '../tracing/watch.ts';
import { assertCopy } from './copy.ts';
import type { Executor } from './executor.ts';
import type { LongWork, WorkKind } from './long-work.ts';

/** Where an executor runs its statements. */
export type Place = Pick<WatchedStatement, 'scope' | 'node'>;

/** The place of the verbs of a cluster. */
export const ON_CLUSTER: Place = Object.freeze({ scope: 'cluster', node: undefined });

/**
 * The executor, with what watches its statements around it. What is held for a while, such as a transaction, is watched if something
 * watches when it begins; on a cluster each call decides.
 */
export function watchedExecutor(executor: Executor, watch: CallWatch, place: Place): Executor {
  if (place.scope !== 'cluster' && watch.isIdle) return executor;
  return {
    ...executor,
    execute: (statement, options) =>
      watch.isIdle
        ? executor.execute(statement, options)
        : watch.statement(
            watchedStatement(place, 'query', statement, undefined, options),
            (change, left, record) =>
              executor.execute(changed(statement, change), withTags(left, change), record),
            rowCountOf,
          ),
    start: (work, options) =>
      watch.isIdle ? executor.start(work, options) : startWatched(executor, watch, place, work, options),
  };
}

/** Started work, which is watched until it ends. */
function startWatched<T>(
  executor: Executor,
  watch: CallWatch,
  place: Place,
  work: WorkKind<T>,
  options: CallOptions,
): Promise<LongWork<T>> {
  const { verb, statement, texts } = work;
  const watched = watchedStatement(place, verb, statement, texts, options);
  return new Promise((resolve, reject) => {
    const run = async (change: CallChange, left: CallOptions, record: CallRecord): Promise<void> => {
      let ended: (failure: unknown) => void = noop;
      const end = new Promise<unknown>((settle) => {
        ended = settle;
      });
      const { text } = change;
      if (text !== undefined && (verb === 'copyFrom' || verb === 'copyTo')) assertCopy(text, verb);
      const sent = { ...work, statement: changed(statement, change), ended };
      resolve(await executor.start(sent, withTags(left, change), record));
      const failure = await end;
      if (failure !== undefined) throw failure;
    };
    watch.statement(watched, run, () => undefined).catch(reject);
  });
}

/** Runs a script, watched if anything watches. */
export function watchedScript(
  watch: CallWatch,
  place: Place,
  text: string,
  options: CallOptions | undefined,
  run: (options: CallOptions | undefined, text: string, record?: CallRecord) => Promise<QueryResult<Row>>,
): Promise<QueryResult<Row>> {
  // What is no text is refused by the verb itself.
  if (watch.isIdle || typeof text !== 'string') return run(options, text);
  return watch.statement(
    watchedStatement(place, 'script', { text }, undefined, options ?? NO_OPTIONS),
    (change, left, record) =>
      run(options === undefined && left === NO_OPTIONS ? undefined : left, change.text ?? text, record),
    rowCountOf,
  );
}

/** Not by spread: that costs a statement more than all its other notes. */
function watchedStatement(
  { scope, node }: Place,
  verb: WatchedStatement['verb'],
  { text, values }: Statement,
  texts: readonly string[] | undefined,
  options: CallOptions,
): WatchedStatement {
  return { verb, scope, text, texts, values, options, node };
}

function changed(statement: Statement, { text, values }: CallChange): Statement {
  if (text === undefined && values === undefined) return statement;
  const sent = { ...statement, text: text ?? statement.text, values: values ?? statement.values };
  // A name stands for one text.
  return sent.text === statement.text ? sent : { ...sent, name: undefined };
}

function withTags(options: CallOptions, { comment }: CallChange): CallOptions {
  return comment === undefined ? options : { ...options, comment: { ...options.comment, ...comment } };
}

function rowCountOf({ rowCount }: QueryResult<Row>): number | null {
  return rowCount;
}

function noop(): void {}
