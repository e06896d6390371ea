import { PgHerdError } from '../model/errors.ts';

/**
 * A schema that can be asked to check a value: version 1 of [Standard Schema](https://standardschema.dev), which Zod,
 * Valibot, ArkType, Effect and others speak. The interface is written down here, so that nothing has to be installed for it.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (
      value: unknown,
      ...options: never[]
    ) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a schema says of a value: what it became, or what is wrong with it. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One thing that is wrong. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The type of the rows that a schema lets through. */
export type SchemaOutput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output'];

/** A statement whose rows are checked. */
export interface WithSchema<S extends StandardSchema> {
  /** Checks each row, and may change it: what it gives is what the caller gets. */
  readonly schema: S;
}

/** One thing that is wrong with a row, without its values. */
export interface RowIssue {
  /** Where in the row, `address.city`; empty for the row itself. */
  readonly path: string;
  readonly message: string;
}

/** Most issues that an error tells. */
const MAX_ISSUES = 10;
/** Most values of a row that are looked for in a message. */
const MAX_LEAVES = 200;

/** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for what is no schema. */
export function assertSchema(schema: unknown): asserts schema is StandardSchema {
  const standard = isObject(schema) ? (schema as { '~standard'?: unknown })['~standard'] : undefined;
  if (isObject(standard) && typeof (standard as { validate?: unknown }).validate === 'function') return;
  throw new PgHerdError(
    'PGHERD_INVALID_ARGUMENT',
    'schema must be a Standard Schema: an object with "~standard", as those of Zod, Valibot or ArkType are.',
  );
}

/**
 * The rows as the schema gives them back; `firstIndex` is the place of the first one in the whole result.
 * @throws PgHerdError `PGHERD_SCHEMA_MISMATCH` for the first row that it refuses.
 */
export async function checkedRows<S extends StandardSchema>(
  rows: readonly unknown[],
  schema: S,
  firstIndex = 0,
): Promise<SchemaOutput<S>[]> {
  const { validate } = schema['~standard'];
  const checked: SchemaOutput<S>[] = [];
  for (const [index, row] of rows.entries()) {
    const answer = validate(row);
    const result = answer instanceof Promise ? await answer : answer;
    if (result.issues !== undefined) throw mismatch(row, firstIndex + index, result.issues);
    checked.push(result.value as SchemaOutput<S>);
  }
  return checked;
}

function mismatch(row: unknown, index: number, issues: readonly SchemaIssue[]): PgHerdError {
  const told: RowIssue[] = issues.slice(0, MAX_ISSUES).map((issue) => {
    const keys = (issue.path ?? []).map((step) => (isObject(step) ? step.key : step));
    return { path: keys.map(String).join('.'), message: withoutValues(String(issue.message), row) };
  });
  const more = issues.length > told.length ? `; and ${issues.length - told.length} more` : '';
  const sentences = told.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  return new PgHerdError(
    'PGHERD_SCHEMA_MISMATCH',
    `Row ${index} does not fit the schema: ${sentences.join('; ')}${more}. The statement itself was executed.`,
    { details: { row: index, issues: Object.freeze(told) } },
  );
}

/** Some schemas put the value into their message; an error of ours never shows one. */
function withoutValues(message: string, row: unknown): string {
  let clean = message;
  // The longest first: a value may be part of another one.
  for (const leaf of leavesOf(row).sort((a, b) => b.length - a.length)) {
    clean = clean.replace(new RegExp(`(?<![\\p{L}\\p{N}_])${escaped(leaf)}(?![\\p{L}\\p{N}_])`, 'gu'), '…');
  }
  return clean;
}

function leavesOf(row: unknown): string[] {
  const leaves = new Set<string>();
  const seen = new Set<unknown>();
  const queue: unknown[] = [row];
  while (queue.length > 0 && leaves.size < MAX_LEAVES) {
    const value = queue.pop();
    if (value === null || value === undefined || typeof value === 'boolean') continue;
    if (value instanceof Date) {
      leaves.add(String(value));
      if (!Number.isNaN(value.getTime())) leaves.add(value.toISOString());
    } else if (isObject(value)) {
      if (seen.has(value) || ArrayBuffer.isView(value)) continue;
      seen.add(value);
      queue.push(...Object.values(value));
    } else if (String(value) !== '') leaves.add(String(value));
  }
  return [...leaves];
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' || typeof value === 'function' ? value !== null : false;
}
