import { type CallOptions, NO_OPTIONS } from '../call/call.ts';
import { CALL_OPTIONS } from '../call/call-option-names.ts';
import { argumentError, invalidArgument, type PgHerdError } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import {
  assertOptions,
  noCallback,
  type OptionNames,
  optionNames,
  unknownOption,
} from '../model/option-names.ts';
import type { Statement } from '../model/statement.ts';
import { MAX_PARAMETERS } from '../sql/tag.ts';

/** A statement with its call options: the form that query builders and `sql` tags produce. */
export type QueryConfig = Statement & CallOptions;

/** SQL, or an object with its text. */
export type First = string | QueryConfig;
/** The values, or the options if the text is in an object. */
export type Second = readonly unknown[] | CallOptions | undefined;

/** The verb that takes a statement, and its options. */
export interface Form {
  readonly verb: string;
  readonly options: OptionNames;
}

const STATEMENT: OptionNames = optionNames<Statement>({
  text: true,
  values: true,
  name: true,
  rowMode: true,
  types: true,
});

/** Longest name of a prepared statement that pg and the server distinguish from others. */
const MAX_NAME_BYTES = 63;

/**
 * The statement and the options of a call. A plain call has none, and nothing to look through.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function normalize(
  form: Form,
  first: First,
  second: Second,
  third: CallOptions | undefined,
): readonly [Statement, CallOptions] {
  const options = third ?? NO_OPTIONS;
  if (options !== NO_OPTIONS) assertOptions(form.verb, options, form.options);
  if (typeof first === 'string') {
    if (second !== undefined) assertValues(form.verb, second);
    return [{ text: first, values: second as readonly unknown[] | undefined }, options];
  }
  assertConfig(form, first);
  if (second === undefined || second === null)
    return [first, third === undefined ? first : { ...first, ...options }];
  if (Array.isArray(second))
    throw argumentError('The values belong in the object; the second argument is for options.');
  assertOptions(form.verb, second, form.options);
  return [first, { ...first, ...second }];
}

/** A statement of a batch: its options would be those of all. */
export function batched(one: First, index: number): Statement {
  if (typeof one === 'string') return { text: one };
  assertConfig(BATCH, one);
  for (const name of CALL_OPTIONS) {
    if (one[name as keyof CallOptions] === undefined) continue;
    throw argumentError(
      `Statement ${index} of the batch has the option ${name}, but a batch is one call: give it to batch(statements, { ${name} }).`,
      { argument: name, index },
    );
  }
  return one;
}

const BATCH: Form = Object.freeze({ verb: 'a statement of batch', options: CALL_OPTIONS });

function assertConfig(form: Form, first: unknown): asserts first is QueryConfig {
  if (typeof first !== 'object' || first === null || typeof (first as QueryConfig).text !== 'string')
    throw noText(form.verb, first);
  const config = first as QueryConfig;
  if (config.values !== undefined) assertValues(form.verb, config.values);
  if (config.name !== undefined) assertName(config.name);
  if (config.types !== undefined || config.rowMode !== undefined) assertForm(config);
  // Objects of a class are those of query builders, which keep more in them.
  const prototype: unknown = Object.getPrototypeOf(first);
  if (prototype !== Object.prototype && prototype !== null) return;
  for (const name in first) {
    if (STATEMENT.has(name) || form.options.has(name)) continue;
    if (typeof Reflect.get(first, name) === 'function') throw noCallback(form.verb);
    throw unknownOption(form.verb, name, new Set([...STATEMENT, ...form.options]));
  }
}

/** The error for what is no statement. */
function noText(verb: string, given: unknown): PgHerdError {
  const isTemplate = Array.isArray(given) && 'raw' in given;
  if (isTemplate)
    return argumentError(`${verb} is no tag of templates: write db.sql\`…\`, or pass db.sql\`…\` to it.`);
  if (typeof given === 'function') return noCallback(verb);
  return argumentError(
    `The statement must be a string, or an object with the property text, which is a string; it is ${quoted(given)}.`,
    { argument: 'text' },
  );
}

function assertValues(verb: string, values: unknown): void {
  if (typeof values === 'function') throw noCallback(verb);
  if (!Array.isArray(values)) throw argumentError('The values of a statement must be an array.');
  if (values.length > MAX_PARAMETERS) throw tooManyValues(values.length);
}

/** The server truncates longer names: two statements would have the same name. */
function assertName(name: unknown): void {
  const fits = typeof name === 'string' && Buffer.byteLength(name) <= MAX_NAME_BYTES;
  if (fits && !name.includes('\0')) return;
  throw argumentError(
    `The name of a statement must be a string of at most ${MAX_NAME_BYTES} bytes without NUL.`,
  );
}

/** Callers without types may pass anything. */
function assertForm({ types, rowMode }: { readonly types?: unknown; readonly rowMode?: unknown }): void {
  if (rowMode !== undefined && rowMode !== 'object' && rowMode !== 'array')
    throw invalidArgument('rowMode', rowMode, "'object' or 'array'");
  if (
    types === undefined ||
    typeof (types as { getTypeParser?: unknown } | null)?.getTypeParser === 'function'
  )
    return;
  throw argumentError(
    "types of a statement must be an object with a function getTypeParser(oid, 'text'), as types of pgherd and pg are.",
  );
}

function tooManyValues(count: number): PgHerdError {
  return argumentError(
    `The statement has ${count} values; PostgreSQL accepts at most ${MAX_PARAMETERS}. Pass an array and unnest it, or use copyFrom.`,
  );
}
