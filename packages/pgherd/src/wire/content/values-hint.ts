import { Tokens } from '../../sql/tokens.ts';

/** What the server answers where values are written as elsewhere: it takes the sign for an operator, or for nothing it knows. */
const NOT_UNDERSTOOD: ReadonlySet<string> = new Set(['42601', '42703', '42883']);
/** What it answers where the number of values is wrong: too few or too many, one that no parameter takes, none at all. */
const MISCOUNTED: ReadonlySet<string> = new Set(['08P01', '42P18', '42P02']);

/** `:name`, `@name` and `$name`; not `::type`, nor `a[1:n]`. */
const NAMED = /(?<![:\w])[:@$][A-Za-z_]\w*(?![\w$])/;

/** What is read of a statement. */
interface WithValues {
  readonly text: string;
  readonly values?: readonly unknown[] | undefined;
}

/**
 * What the values of a statement have to do with the error `code` that the server answered, as a sentence; `undefined` for nothing.
 *
 * @example
 * valuesHint('42601', { text: 'select * from t where a = ? and b = ?', values: [1, 2] }) // 'Values are written $1, $2, …'
 */
export function valuesHint(code: string | undefined, { text, values }: WithValues): string | undefined {
  const given = values?.length ?? 0;
  if (code === undefined) return undefined;
  if (MISCOUNTED.has(code)) return miscounted(bare(text), given);
  return given > 0 && NOT_UNDERSTOOD.has(code) ? otherwise(bare(text)) : undefined;
}

function miscounted(text: string, given: number): string | undefined {
  const numbers = new Set(Array.from(text.matchAll(/\$(\d{1,5})/g), ([, digits]) => Number(digits)));
  const most = Math.max(0, ...numbers);
  const unused = Array.from({ length: most }, (_, index) => index + 1).find((number) => !numbers.has(number));
  if (unused !== undefined)
    return `The text has $${most} and no $${unused}: each value from $1 on must be used.`;
  if (most === given) return undefined;
  const parameters =
    most === 0
      ? 'no parameter ($1, $2, …)'
      : most === 1
        ? 'one parameter, $1'
        : `${most} parameters, $1 to $${most}`;
  const besides = most === 0 ? otherwise(text) : undefined;
  return `The text has ${parameters}; ${given} ${given === 1 ? 'value was' : 'values were'} given.${besides === undefined ? '' : ` ${besides}`}`;
}

/** Values that are written as for another database or library. */
function otherwise(text: string): string | undefined {
  if (/\$\d/.test(text)) return undefined;
  const sign = text.includes('?') ? '?' : NAMED.exec(text)?.[0];
  return sign === undefined
    ? undefined
    : `Values are written $1, $2, … in the order of the array, or db.sql\`… \${value} …\`; this text has "${sign}", which PostgreSQL does not replace.`;
}

/** The text without what stands in strings, in quoted names and in comments. */
function bare(text: string): string {
  const parts: string[] = [];
  const tokens = new Tokens(text, false);
  let from = 0;
  for (let token = tokens.next(); token !== 'end'; token = tokens.next()) {
    if (token !== 'string' && token !== 'name') continue;
    parts.push(text.slice(from, tokens.start));
    from = tokens.end;
  }
  parts.push(text.slice(from));
  const rest = new Tokens(parts.join(''), false);
  while (rest.next() !== 'end');
  return rest.withoutComments;
}
