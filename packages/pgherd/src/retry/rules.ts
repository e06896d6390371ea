import { PgHerdError } from '../model/errors.ts';

/** What an error means, whatever class it is of. */
export const ERROR_KINDS = Object.freeze([
  'connection-lost',
  'connect-failed',
  'shutdown',
  'starting-up',
  'too-many-connections',
  'unavailable',
  'read-only',
  'serialization',
  'stale-name',
  'deadlock',
  'lock-not-available',
  'authentication',
  'database-missing',
  'constraint',
  'outcome-unknown',
  'cancelled',
  'statement',
  'other',
] as const);
/** One of {@link ERROR_KINDS}. */
export type ErrorKind = (typeof ERROR_KINDS)[number];

/**
 * How far work had come when it failed. `not-handed`: not given to the socket. `behind-fatal`: sent behind a
 * statement that a FATAL answered, which ends the session before it is read. `sent`: given to the socket.
 * `in-transaction`: inside a transaction whose COMMIT was not sent. `commit-sent`: it was.
 */
export const PHASES = Object.freeze([
  'not-handed',
  'behind-fatal',
  'sent',
  'in-transaction',
  'commit-sent',
] as const);
/** One of {@link PHASES}. */
export type Phase = (typeof PHASES)[number];

/** What an error says about the node: nothing, or ask it at once. */
export type NodeVerdict = 'none' | 'probe';

/** What errors of some codes mean. */
export interface ErrorRule {
  /** SQLSTATE or its beginning; codes of the system (`ECONNREFUSED`) and of pgherd stand whole. */
  readonly codes: readonly string[];
  readonly kind: ErrorKind;
  /** Default `none`. */
  readonly nodeVerdict?: NodeVerdict;
  /**
   * Whether a FATAL of it proves that what it answers was not executed. The ERROR of a statement always does; a FATAL only
   * where the server raises it instead of executing. Default `false`.
   */
  readonly fatalIsCertain?: boolean;
  /** Whether it does not count for an ERROR: one of class 08 is about a foreign server's connection, ours is fine. Default `false`. */
  readonly notAsError?: boolean;
  /**
   * Whether the error itself says what became of the work: it was refused before it was sent, or it was executed and the message says
   * so. The outcome is then never reported as unknown. Default `false`.
   */
  readonly outcomeKnown?: boolean;
}

/**
 * The table of errors; the first row that matches counts, so that later rows are more general. Sources: the appendix
 * "PostgreSQL Error Codes", libuv's names, and the codes that postgres.js makes up.
 */
export const ERROR_RULES: readonly ErrorRule[] = Object.freeze([
  { codes: ['40001'], kind: 'serialization' },
  { codes: ['40P01'], kind: 'deadlock' },
  { codes: ['40002', '40003', '08007', 'PGHERD_OUTCOME_UNKNOWN'], kind: 'outcome-unknown' },
  {
    codes: ['57P01', '57P02', '57P05'],
    kind: 'shutdown',
    nodeVerdict: 'probe',
    fatalIsCertain: true,
  },
  { codes: ['57P03'], kind: 'starting-up', nodeVerdict: 'probe', fatalIsCertain: true },
  { codes: ['53300'], kind: 'too-many-connections', fatalIsCertain: true },
  { codes: ['25006'], kind: 'read-only' },
  { codes: ['57014', 'PGHERD_TIMEOUT', 'PGHERD_ABORTED'], kind: 'cancelled' },
  // A transaction that exceeded its own limits (idle_in_transaction_session_timeout, transaction_timeout) would do so again.
  { codes: ['25P03', '25P04'], kind: 'cancelled', fatalIsCertain: true },
  {
    codes: [
      'PGHERD_INVALID_ARGUMENT',
      'PGHERD_CONNECTION_BUSY',
      'PGHERD_UNSUPPORTED',
      'PGHERD_STATEMENT_NOT_ALLOWED',
      'PGHERD_SELF_DEADLOCK',
      'PGHERD_CLOSED',
    ],
    kind: 'other',
    outcomeKnown: true,
  },
  { codes: ['55P03'], kind: 'lock-not-available' },
  {
    codes: ['28', 'AUTH_TYPE_NOT_IMPLEMENTED', 'SASL_SIGNATURE_MISMATCH'],
    kind: 'authentication',
  },
  {
    codes: ['PGHERD_AUTHENTICATION_FAILED', 'PGHERD_SERVER_NOT_PROVEN'],
    kind: 'authentication',
    outcomeKnown: true,
  },
  { codes: ['3D000'], kind: 'database-missing' },
  { codes: ['PGHERD_DATABASE_MISSING'], kind: 'database-missing', outcomeKnown: true },
  { codes: ['23'], kind: 'constraint' },
  { codes: ['08P01'], kind: 'statement' },
  { codes: ['08'], kind: 'connection-lost', nodeVerdict: 'probe', notAsError: true },
  {
    codes: ['PGHERD_NO_SUITABLE_NODE', 'PGHERD_WAIT_TIMEOUT', 'PGHERD_POOL_FULL'],
    kind: 'unavailable',
    outcomeKnown: true,
  },
  {
    codes: [
      'PGHERD_CONNECTION_LOST',
      'PGHERD_PROTOCOL_ERROR',
      'CONNECTION_CLOSED',
      'CONNECTION_DESTROYED',
      'CONNECTION_ENDED',
    ],
    kind: 'connection-lost',
    nodeVerdict: 'probe',
  },
  {
    codes: ['PGHERD_CONNECT_TIMEOUT', 'PGHERD_TLS_FAILED'],
    kind: 'connect-failed',
    nodeVerdict: 'probe',
    outcomeKnown: true,
  },
  {
    codes: [
      'CONNECT_TIMEOUT',
      'ECONNREFUSED',
      'EHOSTUNREACH',
      'ENETUNREACH',
      'EHOSTDOWN',
      'ENOTFOUND',
      'EAI_AGAIN',
      'ENOENT',
      'EACCES',
    ],
    kind: 'connect-failed',
    nodeVerdict: 'probe',
  },
  {
    codes: [
      'ECONNRESET',
      'EPIPE',
      'ETIMEDOUT',
      'ECONNABORTED',
      'ENOTCONN',
      'ERR_STREAM_DESTROYED',
      'ERR_SOCKET_CLOSED',
    ],
    kind: 'connection-lost',
    nodeVerdict: 'probe',
  },
]);

/**
 * Work that may be done again after an error: a statement or a transaction that is run again, a subscription that connects again, a
 * search for a connection that goes on at another node.
 */
export type Work = 'statement' | 'transaction' | 'subscription' | 'search';

const STATEMENT_AND_TRANSACTION: readonly Work[] = Object.freeze(['statement', 'transaction']);

/** Errors of ours after which work is never done again, whatever `retry.isRetryable` says. */
const FINAL: ReadonlyMap<string, readonly Work[]> = new Map([
  ['PGHERD_TIMEOUT', STATEMENT_AND_TRANSACTION],
  ['PGHERD_ABORTED', [...STATEMENT_AND_TRANSACTION, 'search']],
  ['PGHERD_CLOSED', [...STATEMENT_AND_TRANSACTION, 'subscription', 'search']],
  ['PGHERD_OUTCOME_UNKNOWN', ['transaction']],
  ['PGHERD_UNSUPPORTED', ['subscription']],
  ['PGHERD_AUTHENTICATION_FAILED', ['subscription']],
  ['PGHERD_POOL_FULL', ['search']],
]);

/** Whether the work is never done again after this error, whatever `retry.isRetryable` says. */
export function isFinal(error: unknown, work: Work): boolean {
  return error instanceof PgHerdError && FINAL.get(error.code)?.includes(work) === true;
}

/** What the kind of an error means by itself. Facts that are omitted are `false`. */
export interface KindRule {
  /** The same work may succeed a little later, or on another node. */
  readonly transient?: boolean;
  /** The connection is the cause: lost, not opened, or its server is starting or shutting down. */
  readonly ofConnection?: boolean;
  /** As the ERROR of a question about the outcome of a COMMIT: the server lives and may answer when asked again. */
  readonly askAgain?: boolean;
}

/** The table of kinds. */
export const KIND_RULES: Readonly<Record<ErrorKind, KindRule>> = Object.freeze({
  'connection-lost': { transient: true, ofConnection: true },
  'connect-failed': { transient: true, ofConnection: true },
  shutdown: { transient: true, ofConnection: true },
  'starting-up': { transient: true, ofConnection: true },
  'too-many-connections': { transient: true, ofConnection: true },
  unavailable: { transient: true },
  'read-only': { askAgain: true },
  serialization: { transient: true, askAgain: true },
  'stale-name': { transient: true },
  deadlock: { transient: true, askAgain: true },
  'lock-not-available': { askAgain: true },
  authentication: {},
  'database-missing': {},
  constraint: {},
  'outcome-unknown': {},
  cancelled: {},
  statement: {},
  other: {},
});

/** How messages begin by which drivers report, without any code, that they gave a connection up. */
export const LOST_MESSAGES: readonly string[] = Object.freeze([
  'Connection terminated',
  'Client was closed and is not queryable',
  'Client has encountered a connection error and is not queryable',
  'There was an error establishing an SSL connection',
  'Received unexpected ',
]);

const SQLSTATE_PATTERN = /^[0-9A-Z]{5}$/;
const SYSTEM_CODE_PATTERN = /^E[A-Z_]+$/;

/** The rule for a code, looked at without its severity. */
export function ruleFor(code: string): ErrorRule | undefined {
  return ERROR_RULES.find((rule) => rule.codes.some((known) => matches(code, known)));
}

/** Whether a code has the form of a SQLSTATE and is none of the system's. */
export function isSqlState(code: string): boolean {
  return SQLSTATE_PATTERN.test(code) && !SYSTEM_CODE_PATTERN.test(code);
}

function matches(code: string, known: string): boolean {
  return code === known || (SQLSTATE_PATTERN.test(code) && known.length < 5 && code.startsWith(known));
}
