import { unsendable } from '../failures.ts';
import { checkValueCount, type WireValue } from './writer.ts';

/** Makes text or bytes of a value for which the wire has no rule of its own. */
export interface ValuePreparer {
  prepareValue(value: unknown): unknown;
}

const NO_VALUES: readonly WireValue[] = Object.freeze([]);

/**
 * The parameters of a statement as they are sent.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` if a value cannot be sent, or if there are too many.
 */
export function wireValues(
  values: readonly unknown[] | undefined,
  preparer: ValuePreparer,
): readonly WireValue[] {
  if (values === undefined || values.length === 0) return NO_VALUES;
  checkValueCount(values.length);
  const wire: WireValue[] = [];
  for (const value of values) wire.push(typeof value === 'string' ? value : wireValue(value, preparer));
  return wire;
}

function wireValue(value: unknown, preparer: ValuePreparer): WireValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  try {
    const prepared = preparer.prepareValue(value);
    if (prepared === null || prepared === undefined) return null;
    return prepared instanceof Uint8Array ? prepared : String(prepared);
  } catch (cause) {
    throw unsendable(cause);
  }
}
