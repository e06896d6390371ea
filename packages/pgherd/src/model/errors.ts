import { foreign, printable } from './foreign.ts';

/**
 * Every code an error of ours can carry, in the order of `docs/errors.md`, which a test keeps complete.
 * A code never changes its meaning; a new meaning is a new code.
 */
export const ERROR_CODES = Object.freeze([
  'PGHERD_INVALID_DSN',
  'PGHERD_INVALID_OPTIONS',
  'PGHERD_UNSUPPORTED',
  'PGHERD_CONNECT_FAILED',
  'PGHERD_CONNECT_TIMEOUT',
  'PGHERD_SERVER_TOO_OLD',
  'PGHERD_TLS_FAILED',
  'PGHERD_CREDENTIALS_FAILED',
  'PGHERD_AUTHENTICATION_FAILED',
  'PGHERD_DATABASE_MISSING',
  'PGHERD_SERVER_NOT_PROVEN',
  'PGHERD_PROTOCOL_ERROR',
  'PGHERD_NO_SUITABLE_NODE',
  'PGHERD_AMBIGUOUS_PRIMARY',
  'PGHERD_FOREIGN_CLUSTER',
  'PGHERD_DISCOVERY_FAILED',
  'PGHERD_WAIT_TIMEOUT',
  'PGHERD_TIMEOUT',
  'PGHERD_ABORTED',
  'PGHERD_POOL_FULL',
  'PGHERD_POOL_SELF_DEADLOCK',
  'PGHERD_SELF_DEADLOCK',
  'PGHERD_LEASE_RELEASED',
  'PGHERD_CONNECTION_BUSY',
  'PGHERD_CONNECTION_LOST',
  'PGHERD_OUTCOME_UNKNOWN',
  'PGHERD_TRANSACTION_ENDED',
  'PGHERD_TRANSACTION_ROLLED_BACK',
  'PGHERD_WRONG_ROW_COUNT',
  'PGHERD_SCHEMA_MISMATCH',
  'PGHERD_INVALID_ARGUMENT',
  'PGHERD_INVALID_TOKEN',
  'PGHERD_STATEMENT_NOT_ALLOWED',
  'PGHERD_CLOSED',
] as const);

/** One of {@link ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** What an error carries besides its message. */
export interface PgHerdErrorOptions {
  /** The error behind it, as it was thrown. Several causes are one `AggregateError`. */
  readonly cause?: unknown;
  /** Facts for programs, never a secret and never a statement's parameter. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Gives a class of errors the name by which its instances are known: `instanceof` recognises them also if another copy of this
 * module made them (a program may load the package by `import` and by `require`, or have two versions of it), and their `name` is the
 * same after a bundler has shortened all names. A class that a program derives from it has the ordinary `instanceof`.
 */
export function nameErrorClass(type: abstract new (...args: never) => Error, name: string): void {
  const brand = Symbol.for(`pgherd.${name}`);
  Object.defineProperty(type.prototype, 'name', { value: name, writable: true, configurable: true });
  Object.defineProperty(type.prototype, brand, { value: true });
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this !== type) return Function.prototype[Symbol.hasInstance].call(this, value);
      return typeof value === 'object' && value !== null && brand in value;
    },
  });
}

/**
 * The base of every error that pgherd itself makes. Distinguish errors by `code`, not by class or message.
 * Errors of the server pass through with their own fields.
 */
export class PgHerdError extends Error {
  static {
    nameErrorClass(PgHerdError, 'PgHerdError');
  }
  readonly code: ErrorCode;
  /** Text of the statement that failed, without its values. Not enumerable: `JSON.stringify` and loggers leave it out. */
  declare readonly query: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: PgHerdErrorOptions = {}) {
    super(printable(message), options.cause === undefined ? undefined : { cause: options.cause });
    // The name by which other libraries know an abort.
    if (code === 'PGHERD_ABORTED') this.name = 'AbortError';
    this.code = code;
    this.details = Object.freeze({ ...options.details });
  }
}

/** A connection string, or a parameter that came with it, cannot be used. Code `PGHERD_INVALID_DSN`. */
export class InvalidDsnError extends PgHerdError {
  static {
    nameErrorClass(InvalidDsnError, 'InvalidDsnError');
  }
  constructor(message: string, options?: PgHerdErrorOptions) {
    super('PGHERD_INVALID_DSN', message, options);
  }
}

/**
 * Options are unknown, contradictory or out of range; all violations at once. Code `PGHERD_INVALID_OPTIONS`.
 */
export class InvalidOptionsError extends PgHerdError {
  static {
    nameErrorClass(InvalidOptionsError, 'InvalidOptionsError');
  }
  /** One sentence for each violation, naming option, value and rule. */
  readonly violations: readonly string[];

  constructor(violations: readonly string[], options: PgHerdErrorOptions = {}) {
    super('PGHERD_INVALID_OPTIONS', describeViolations(violations), options);
    this.violations = Object.freeze([...violations]);
  }
}

function describeViolations(violations: readonly string[]): string {
  if (violations.length === 1) return `Invalid options: ${violations[0]}`;
  return `Invalid options, ${violations.length} violations:\n${violations.map((one) => `  - ${one}`).join('\n')}`;
}

/**
 * No node could serve the target in time; `details.nodes` says why for each. Code `PGHERD_NO_SUITABLE_NODE`.
 */
export class NoSuitableNodeError extends PgHerdError {
  static {
    nameErrorClass(NoSuitableNodeError, 'NoSuitableNodeError');
  }
  constructor(message: string, options?: PgHerdErrorOptions) {
    super('PGHERD_NO_SUITABLE_NODE', message, options);
  }
}

/**
 * Several servers claim to be the primary of one epoch, and none may be believed. Code
 * `PGHERD_AMBIGUOUS_PRIMARY`.
 */
export class AmbiguousPrimaryError extends PgHerdError {
  static {
    nameErrorClass(AmbiguousPrimaryError, 'AmbiguousPrimaryError');
  }
  constructor(message: string, options?: PgHerdErrorOptions) {
    super('PGHERD_AMBIGUOUS_PRIMARY', message, options);
  }
}

/** The nodes do not belong to one cluster. Code `PGHERD_FOREIGN_CLUSTER`. */
export class ForeignClusterError extends PgHerdError {
  static {
    nameErrorClass(ForeignClusterError, 'ForeignClusterError');
  }
  constructor(message: string, options?: PgHerdErrorOptions) {
    super('PGHERD_FOREIGN_CLUSTER', message, options);
  }
}

/** What has an unknown outcome after a lost connection: a COMMIT, or a statement outside a transaction. */
export type OutcomeKind = 'commit' | 'statement';

/**
 * The work was sent and no answer came back: whether it was done is unknown.
 * It is never run again. Code `PGHERD_OUTCOME_UNKNOWN`.
 */
export class OutcomeUnknownError extends PgHerdError {
  static {
    nameErrorClass(OutcomeUnknownError, 'OutcomeUnknownError');
  }
  readonly kind: OutcomeKind;

  constructor(kind: OutcomeKind, message: string, options?: PgHerdErrorOptions) {
    super('PGHERD_OUTCOME_UNKNOWN', message, options);
    this.kind = kind;
  }
}

/**
 * The message of any value that was thrown, for use inside a sentence of ours: a stranger's words are escaped
 * and cut. A name with several addresses fails with an `AggregateError`
 * whose message is empty: then the messages of its causes count.
 */
export function messageOf(error: unknown): string {
  try {
    if (error instanceof PgHerdError) return error.message;
    if (error instanceof AggregateError && error.message === '')
      return error.errors.map(messageOf).join('; ');
    return foreign(error instanceof Error ? error.message : String(error));
  } catch {
    return 'a value that cannot be shown';
  }
}

/**
 * The error for an argument of a call: what it is, and the rule that it breaks. Code
 * `PGHERD_INVALID_ARGUMENT`, with the name of the argument in `details`. Not for secrets: the value stands in
 * the message.
 */
export function invalidArgument(argument: string, value: unknown, must: string): PgHerdError {
  return argumentError(`${argument} is ${messageOf(value)}, but must be ${must}.`, { argument });
}

/** The error for an argument of a call, in a sentence of its own. Code `PGHERD_INVALID_ARGUMENT`. */
export function argumentError(sentence: string, details?: Readonly<Record<string, unknown>>): PgHerdError {
  return new PgHerdError('PGHERD_INVALID_ARGUMENT', sentence, { details });
}

const STALE_NAME = Symbol('stale name');

/** Notes that the prepared statement which raised this error may be the reason: it was given up, and a new one may succeed. */
export function markStaleName(error: object): void {
  Object.defineProperty(error, STALE_NAME, { value: true });
}

/** Whether {@link markStaleName} was called for it. */
export function isOfStaleName(error: object): boolean {
  return STALE_NAME in error;
}
