import { argumentError } from '../model/errors.ts';
import { quoteIdentifier } from './quote.ts';

/** A piece of SQL with its values, `{ text, values }`, which every verb accepts. */
export interface SqlFragment {
  /** The SQL, with `$1`, `$2` … in place of the values. */
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Builds fragments: a value in `${}` becomes a parameter, unless it is a fragment itself. */
export interface SqlTag {
  /**
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for `undefined`, a function or a symbol in `${}`, and if it
   * is called without a template.
   */
  (strings: TemplateStringsArray, ...values: readonly unknown[]): SqlFragment;
  /**
   * A quoted name; several names make a qualified one: `sql.identifier('shop', 'orders')` is
   * `"shop"."orders"`.
   */
  identifier(...names: readonly string[]): SqlFragment;
  /** The same as {@link SqlTag.identifier}. */
  id(...names: readonly string[]): SqlFragment;
  /** Fragments or values in sequence, separated by commas unless `separator` is given. */
  join(items: readonly unknown[], separator?: SqlFragment): SqlFragment;
}

type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'fragment'; readonly fragment: Fragment };

/** Maximum number of parameters of a statement: the protocol counts them in two bytes. */
export const MAX_PARAMETERS = 65_535;

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** A fragment made by this module; an object that only looks like one is a value. */
export class Fragment implements SqlFragment {
  readonly #parts: readonly Part[];
  #made: SqlFragment | undefined;

  constructor(parts: readonly Part[]) {
    this.#parts = parts;
  }

  get text(): string {
    return this.#make().text;
  }

  get values(): readonly unknown[] {
    return this.#make().values;
  }

  /** Values may be secrets: their number is shown. */
  toJSON(): object {
    return { text: this.text, values: this.values.length };
  }

  [INSPECT](_depth: number, options: object, inspect: (value: unknown, options: object) => string): string {
    return `sql ${inspect(this.toJSON(), options)}`;
  }

  #make(): SqlFragment {
    this.#made ??= this.#compile();
    return this.#made;
  }

  #compile(): SqlFragment {
    const texts: string[] = [];
    const values: unknown[] = [];
    // A stack instead of recursion: fragments may be nested deeply if a long list is joined step by step.
    const stack: (readonly [readonly Part[], number])[] = [[this.#parts, 0]];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      const [parts, at] = top;
      const part = parts[at];
      if (part === undefined) continue;
      stack.push([parts, at + 1]);
      if (part.kind === 'text') texts.push(part.text);
      else if (part.kind === 'value') texts.push(`$${values.push(part.value)}`);
      else stack.push([part.fragment.#parts, 0]);
    }
    return Object.freeze({ text: texts.join(''), values: Object.freeze(values) });
  }
}

/** The parts of a template. */
export function partsOf(strings: TemplateStringsArray, values: readonly unknown[]): readonly Part[] {
  if (!Array.isArray(strings) || !('raw' in strings) || strings.length !== values.length + 1) {
    throw argumentError(
      'sql is a template tag: write sql`select …`, not sql("select …"). Pass a plain string to query(text, values).',
    );
  }
  const parts: Part[] = [];
  for (const [index, text] of (strings as readonly (string | undefined)[]).entries()) {
    if (text === undefined)
      throw argumentError('The template contains an escape sequence that is invalid in JavaScript.');
    if (text !== '') parts.push({ kind: 'text', text });
    if (index < values.length) parts.push(partOf(values[index]));
  }
  return parts;
}

function partOf(value: unknown): Part {
  if (value instanceof Fragment) return { kind: 'fragment', fragment: value };
  if (value === undefined || typeof value === 'function' || typeof value === 'symbol') {
    const what = value === undefined ? 'undefined' : `a ${typeof value}`;
    throw argumentError(
      `A value of the template is ${what}, which cannot be a parameter. Use null for NULL.`,
    );
  }
  return { kind: 'value', value };
}

function identifier(...names: readonly string[]): SqlFragment {
  const quoted = names.map((name) => {
    if (typeof name !== 'string' || name === '' || name.includes('\0')) {
      throw argumentError('An identifier must be a non-empty string without NUL.');
    }
    return quoteIdentifier(name);
  });
  if (quoted.length === 0) throw argumentError('sql.identifier needs at least one name.');
  return new Fragment([{ kind: 'text', text: quoted.join('.') }]);
}

const COMMA = new Fragment([{ kind: 'text', text: ', ' }]);

function join(items: readonly unknown[], separator: SqlFragment = COMMA): SqlFragment {
  if (!Array.isArray(items) || items.length === 0) {
    throw argumentError('sql.join needs a non-empty array: SQL has no empty list.');
  }
  if (!(separator instanceof Fragment)) {
    throw argumentError('The separator of sql.join must be a fragment: sql` and `.');
  }
  const parts: Part[] = [];
  for (const [index, item] of items.entries()) {
    if (index > 0) parts.push({ kind: 'fragment', fragment: separator });
    parts.push(partOf(item));
  }
  return new Fragment(parts);
}

/** The methods that every tag has. */
export const TAG_PARTS: Pick<SqlTag, 'identifier' | 'id' | 'join'> = Object.freeze({
  identifier,
  id: identifier,
  join,
});

/**
 * Builds fragments that belong to no connection, to be nested or passed to any verb.
 *
 * @example
 * ```ts
 * const open = sql`state = ${'open'}`;
 * const found = await db.rows(sql`select * from ${sql.id('orders')} where ${open} and id in (${sql.join([1, 2, 3])})`);
 * ```
 */
export const sql: SqlTag = Object.freeze(
  Object.assign(
    (strings: TemplateStringsArray, ...values: readonly unknown[]): SqlFragment =>
      new Fragment(partsOf(strings, values)),
    TAG_PARTS,
  ),
);
