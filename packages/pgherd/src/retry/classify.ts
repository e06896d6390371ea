import { PgHerdError } from '../model/errors.ts';
import type { ConnectFailure } from '../model/names.ts';

/** What an error means, whatever class it is of. */
export const ERROR_KINDS = Object.freeze([
  'connection-lost',
  'connect-failed',
  'shutdown',
  'starting-up',
  'too-many-connections',
  'read-only',
  'serialization',
  'deadlock',
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

/** How far a statement had come when it failed. */
export type Phase = 'not-handed' | 'sent' | 'answered' | 'in-transaction' | 'commit-sent';

/** What an error says about the node: nothing, ask it at once, or it refuses writes. */
export type NodeVerdict = 'none' | 'probe' | 'read-only';

/** What is to be known of an error before anybody re-runs anything. */
export interface Classification {
  readonly kind: ErrorKind;
  /** SQLSTATE, where a server or a driver gave one. */
  readonly sqlState: string | undefined;
  /** `ERROR`, `FATAL`, `PANIC`; only errors that came from a server have one. */
  readonly severity: string | undefined;
  readonly nodeVerdict: NodeVerdict;
  /** Whether it is certain that nothing was executed, when the work had come as far as `phase`. */
  safeToRetry(phase: Phase): boolean;
}

interface Rule {
  /** SQLSTATE or its beginning; system error codes (`ECONNREFUSED`) stand whole. */
  readonly codes: readonly string[];
  readonly kind: ErrorKind;
  readonly nodeVerdict?: NodeVerdict;
}

/** Later rules are more general: the first that matches counts. Sources: PostgreSQL's errcodes appendix, libuv's codes. */
const RULES: readonly Rule[] = [
  { codes: ['40001'], kind: 'serialization' },
  { codes: ['40P01'], kind: 'deadlock' },
  { codes: ['40002', '40003', '08007'], kind: 'outcome-unknown' },
  { codes: ['57P01', '57P02', '57P05', '25P03', '25P04'], kind: 'shutdown', nodeVerdict: 'probe' },
  { codes: ['57P03'], kind: 'starting-up', nodeVerdict: 'probe' },
  { codes: ['53300'], kind: 'too-many-connections' },
  { codes: ['25006'], kind: 'read-only', nodeVerdict: 'read-only' },
  { codes: ['57014'], kind: 'cancelled' },
  { codes: ['28', 'PGHERD_AUTHENTICATION_FAILED'], kind: 'authentication' },
  { codes: ['3D000'], kind: 'database-missing' },
  { codes: ['23'], kind: 'constraint' },
  { codes: ['08P01'], kind: 'statement' },
  { codes: ['PGHERD_CONNECTION_LOST'], kind: 'connection-lost', nodeVerdict: 'probe' },
  { codes: ['08'], kind: 'connection-lost', nodeVerdict: 'probe' },
  {
    codes: [
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
];

const SQLSTATE_PATTERN = /^[0-9A-Z]{5}$/;
/** FATAL errors after which a server has certainly not executed what it was answering to. */
const CERTAIN_FATALS: ReadonlySet<string> = new Set([
  '57P01',
  '57P02',
  '57P05',
  '25P03',
  '25P04',
  '57P03',
  '53300',
]);
const SYSTEM_CODE_PATTERN = /^E[A-Z_]+$/;

/** How messages begin by which drivers report, without any code, that they gave a connection up. */
const LOST_MESSAGES: readonly string[] = [
  'Connection terminated',
  'Client was closed and is not queryable',
  'Client has encountered a connection error and is not queryable',
  'There was an error establishing an SSL connection',
  'Received unexpected ',
];

/**
 * Says what an error means. Looks through `cause` and `AggregateError`, guarded against cycles; the first link that
 * tells something counts.
 */
export function classifyError(error: unknown): Classification {
  for (const link of causeChain(error)) {
    const found = classifyLink(link);
    if (found !== undefined) return found;
  }
  return classification('other', undefined, undefined, 'none');
}

/** Every error in the chain of causes, outermost first, each once. */
export function causeChain(error: unknown): unknown[] {
  const seen = new Set<unknown>();
  const queue: unknown[] = [error];
  while (queue.length > 0) {
    const link = queue.shift();
    if (link === undefined || link === null || seen.has(link)) continue;
    seen.add(link);
    if (link instanceof AggregateError) queue.push(...(link.errors as unknown[]));
    if (typeof link === 'object' && 'cause' in link) queue.push(link.cause);
  }
  return [...seen];
}

function classifyLink(link: unknown): Classification | undefined {
  if (typeof link !== 'object' || link === null) return undefined;
  const code = 'code' in link && typeof link.code === 'string' ? link.code : undefined;
  const severity = severityOf(link);
  const rule =
    code === undefined ? undefined : RULES.find((one) => one.codes.some((known) => matches(code, known)));
  // An ERROR of class 08 is about somebody else's connection, a foreign server's: the statement failed, ours is fine.
  const ours = rule?.kind !== 'connection-lost' || severity !== 'ERROR';
  if (code !== undefined && rule !== undefined && ours) {
    return classification(rule.kind, sqlStateOf(code), severity, rule.nodeVerdict ?? 'none');
  }
  if (severity !== undefined) return classification('statement', code, severity, 'none');
  const message = link instanceof Error ? link.message : '';
  if (LOST_MESSAGES.some((known) => message.startsWith(known))) {
    return classification('connection-lost', undefined, undefined, 'probe');
  }
  return undefined;
}

function matches(code: string, known: string): boolean {
  return code === known || (SQLSTATE_PATTERN.test(code) && known.length < 5 && code.startsWith(known));
}

function sqlStateOf(code: string): string | undefined {
  return SQLSTATE_PATTERN.test(code) && !SYSTEM_CODE_PATTERN.test(code) ? code : undefined;
}

function severityOf(link: object): string | undefined {
  if (!('severity' in link) || typeof link.severity !== 'string') return undefined;
  // `routine` or `code` come with every ErrorResponse; an application's own error may have a severity as well.
  return 'code' in link && typeof link.code === 'string' && SQLSTATE_PATTERN.test(link.code)
    ? link.severity
    : undefined;
}

function classification(
  kind: ErrorKind,
  sqlState: string | undefined,
  severity: string | undefined,
  nodeVerdict: NodeVerdict,
): Classification {
  return {
    kind,
    sqlState,
    severity,
    nodeVerdict,
    safeToRetry: (phase) => nothingExecuted(kind, sqlState, severity, phase),
  };
}

/**
 * The rule of the house: certain that nothing was executed is what was never handed to the socket, and what a
 * server answered with an ERROR, or with a FATAL that the server itself raises. A bare close proves nothing.
 */
function nothingExecuted(
  kind: ErrorKind,
  sqlState: string | undefined,
  severity: string | undefined,
  phase: Phase,
): boolean {
  if (kind === 'outcome-unknown') return false;
  switch (phase) {
    case 'not-handed':
      return true;
    case 'in-transaction':
      // Without a COMMIT the server rolls back whatever had been done.
      return true;
    case 'sent':
    case 'answered':
    case 'commit-sent':
      if (severity === 'ERROR') return true;
      return severity === 'FATAL' && sqlState !== undefined && CERTAIN_FATALS.has(sqlState);
    default:
      return phase satisfies never;
  }
}

/** How far a statement had come that failed with `error`: a driver says when it did not send it. */
export function phaseOf(error: unknown): 'not-handed' | 'sent' {
  return error instanceof PgHerdError && error.code === 'PGHERD_CONNECTION_LOST' ? 'not-handed' : 'sent';
}

/** Why a connection could not be opened, as a word of {@link ConnectFailure}. */
export function connectFailureOf(error: unknown): ConnectFailure {
  const { kind } = classifyError(error);
  switch (kind) {
    case 'authentication':
      return 'authentication';
    case 'database-missing':
      return 'database-missing';
    case 'too-many-connections':
      return 'too-many-connections';
    case 'starting-up':
    case 'shutdown':
      return 'starting-up';
    default:
      return failureOf(causeChain(error));
  }
}

function codeOf(link: unknown): string | undefined {
  if (typeof link !== 'object' || link === null || !('code' in link)) return undefined;
  return typeof link.code === 'string' ? link.code : undefined;
}

/** OpenSSL's names for a certificate that is not believed, as Node reports them. */
const CERTIFICATE_CODES =
  /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|EPROTO)/;
const NO_TLS_MESSAGE = 'The server does not support SSL connections';

function failureOf(chain: readonly unknown[]): ConnectFailure {
  const codes = chain.map(codeOf);
  const has = (...wanted: readonly string[]) =>
    codes.some((code) => code !== undefined && wanted.includes(code));
  if (has('PGHERD_SERVER_TOO_OLD')) return 'server-too-old';
  if (has('PGHERD_CONNECT_TIMEOUT', 'ETIMEDOUT')) return 'timeout';
  if (has('ECONNREFUSED', 'ENOENT')) return 'refused';
  if (has('EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'EACCES')) return 'unreachable';
  if (has('ENOTFOUND', 'EAI_AGAIN')) return 'name-not-found';
  if (codes.some((code) => code !== undefined && CERTIFICATE_CODES.test(code))) return 'tls';
  if (chain.some((link) => link instanceof Error && link.message === NO_TLS_MESSAGE)) return 'tls';
  return chain.some((link) => classifyLink(link)?.kind === 'connection-lost') ? 'closed' : 'other';
}
