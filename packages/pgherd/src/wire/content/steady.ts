/** OIDs of built-in types, from PostgreSQL's `pg_type.dat`. */
const BOOL = 16;
const INT8 = 20;
const INT2 = 21;
const INT4 = 23;
const TEXT = 25;
const OID = 26;
const JSON_TEXT = 114;
const FLOAT8 = 701;
const BPCHAR = 1042;
const VARCHAR = 1043;
const NUMERIC = 1700;
const UUID = 2950;

/** Digits that `float8` returns as they were. */
const EXACT_IN_FLOAT8 = 1e15;
const WHOLE = /^(0|-?[1-9]\d{0,17})$/;
const UUID_TEXT = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Whether all values mean the same whatever types their parameters have by now.
 *
 * The server fixes the types of a prepared statement's parameters when it parses the statement; after `ALTER TABLE … TYPE` it still
 * reads values by the old types and converts them, without an error where that loses something (a time of day in what was a `date`, a
 * time zone, digits of a `real`). A value is steady if its text is exactly how the old type writes it, and if no conversion that the
 * server makes without an error changes it. Values that are not go with a statement that is parsed anew.
 */
export function areSteady(values: readonly unknown[] | undefined, types: readonly number[]): boolean {
  if (values === undefined) return true;
  for (let index = 0; index < values.length; index++) {
    if (!isSteady(values[index], types[index] ?? 0)) return false;
  }
  return true;
}

function isSteady(value: unknown, type: number): boolean {
  switch (typeof value) {
    case 'number':
      return isSteadyNumber(value, type);
    case 'string':
      return isSteadyText(value, type);
    case 'boolean':
      return type === BOOL || isText(type);
    case 'bigint':
      return type === INT8 || type === NUMERIC || isText(type);
    case 'undefined':
      return true;
    case 'object':
      // Dates, bytes and arrays are written otherwise than the server writes them.
      return value === null || type === JSON_TEXT;
    default:
      // What cannot be sent is refused elsewhere.
      return true;
  }
}

function isSteadyNumber(value: number, type: number): boolean {
  switch (type) {
    case INT2:
    case INT4:
    case INT8:
    case OID:
    case NUMERIC:
      // A fraction would be rounded on its way into an integer.
      return Number.isSafeInteger(value);
    case FLOAT8:
      return Number.isInteger(value) && Math.abs(value) < EXACT_IN_FLOAT8;
    default:
      return isText(type);
  }
}

function isSteadyText(value: string, type: number): boolean {
  switch (type) {
    case TEXT:
    case VARCHAR:
    case JSON_TEXT:
      return true;
    case BPCHAR:
      return !value.endsWith(' ');
    case INT2:
    case INT4:
    case INT8:
    case OID:
    case NUMERIC:
      return WHOLE.test(value);
    case UUID:
      return UUID_TEXT.test(value);
    case BOOL:
      return value === 'true' || value === 'false';
    default:
      return false;
  }
}

function isText(type: number): boolean {
  return type === TEXT || type === VARCHAR;
}
