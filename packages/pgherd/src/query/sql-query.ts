import type { CallOptions } from '../call/call.ts';
import type { QueryResult, Row } from '../model/statement.ts';
import { Fragment, partsOf, type SqlFragment, type SqlTag, TAG_PARTS } from '../sql/tag.ts';
import type { Execute } from './executor.ts';

/**
 * A fragment that runs, once, when it is awaited; not when it is nested in another one or passed to a verb.
 */
export interface SqlQuery<R = Row> extends SqlFragment, PromiseLike<QueryResult<R>> {}

/** The tag of a cluster, a transaction or a lease: its fragments can be awaited. */
export interface SqlQueryTag extends SqlTag {
  /** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` as of {@link SqlTag}. */
  <R = Row>(strings: TemplateStringsArray, ...values: readonly unknown[]): SqlQuery<R>;
}

/** The tag whose fragments run by `execute`. */
export function boundTag(execute: Execute): SqlQueryTag {
  const tag = (strings: TemplateStringsArray, ...values: readonly unknown[]) => {
    const fragment = new Fragment(partsOf(strings, values));
    let result: Promise<QueryResult<Row>> | undefined;
    const started = async () => execute({ text: fragment.text, values: fragment.values }, NO_OPTIONS);
    const then: Promise<QueryResult<Row>>['then'] = (onResult, onError) => {
      result ??= started();
      return result.then(onResult, onError);
    };
    return Object.defineProperty(fragment, 'then', { value: then });
  };
  return Object.freeze(Object.assign(tag, TAG_PARTS)) as unknown as SqlQueryTag;
}

const NO_OPTIONS: CallOptions = Object.freeze({});
