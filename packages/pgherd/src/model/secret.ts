const inspectSymbol = Symbol.for('nodejs.util.inspect.custom');

/** Replaces a secret in logs, errors, `inspect` and `JSON.stringify`. */
export const REDACTED = '***';

/**
 * A value that never shows itself: `String`, `JSON.stringify` and `util.inspect` all give {@link REDACTED}.
 * Only `reveal()` returns it, so that every place that reads a password can be found by name.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Call it only to send the value to the server. */
  reveal(): string {
    return this.#value;
  }

  /** Whether both hold the same value, without showing either. */
  equals(other: Secret | undefined): boolean {
    return other !== undefined && other.#value === this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspectSymbol](): string {
    return REDACTED;
  }
}
