import { isOfStaleName, PgHerdError } from '../model/errors.ts';
import type { ConnectFailure } from '../model/names.ts';
import { causeChain, codeOf } from './chain.ts';
import {
  type ErrorKind,
  type ErrorRule,
  isSqlState,
  LOST_MESSAGES,
  type NodeVerdict,
  type Phase,
  ruleFor,
} from './rules.ts';

/** What an error means for running the work again. */
export interface Classification {
  readonly kind: ErrorKind;
  /** SQLSTATE, if a server or a driver reported one. */
  readonly sqlState: string | undefined;
  /** `ERROR`, `FATAL`, `PANIC`; only errors from a server have one. */
  readonly severity: string | undefined;
  readonly nodeVerdict: NodeVerdict;
  /** Whether the server ended the session with it: a FATAL or a PANIC. */
  readonly endsSession: boolean;
  /** Whether the error itself states the outcome of the work: see {@link ErrorRule.outcomeKnown}. */
  readonly outcomeKnown: boolean;
  /** Whether it is certain that nothing was executed, if the work failed in `phase`. */
  safeToRetry(phase: Phase): boolean;
}

/**
 * Classifies an error. Searches `cause` and `AggregateError`, guarded against cycles; the first link with a
 * known meaning counts.
 */
export function classifyError(error: unknown): Classification {
  for (const link of causeChain(error)) {
    const found = classifyLink(link);
    if (found !== undefined) return found;
  }
  return classification('other', undefined, undefined, undefined);
}

function classifyLink(link: unknown): Classification | undefined {
  if (typeof link !== 'object' || link === null) return undefined;
  const code = codeOf(link);
  const severity = severityOf(link, code);
  if (isOfStaleName(link)) return classification('stale-name', code, severity, undefined);
  const rule = code === undefined ? undefined : ruleFor(code);
  if (rule !== undefined && !(rule.notAsError === true && severity === 'ERROR')) {
    return classification(rule.kind, code, severity, rule, isConfirmed(link));
  }
  if (severity !== undefined) return classification('statement', code, severity, undefined);
  const message = link instanceof Error ? link.message : '';
  return LOST_MESSAGES.some((known) => message.startsWith(known)) ? LOST : undefined;
}

/** An ErrorResponse always has a code; without one, the severity is that of an application's own error. */
function severityOf(link: object, code: string | undefined): string | undefined {
  if (!('severity' in link) || typeof link.severity !== 'string') return undefined;
  return code !== undefined && isSqlState(code) ? link.severity : undefined;
}

function classification(
  kind: ErrorKind,
  code: string | undefined,
  severity: string | undefined,
  rule: ErrorRule | undefined,
  confirmed = false,
): Classification {
  const byFatal = severity === 'FATAL' && rule?.fatalIsCertain === true;
  const endsSession = severity === 'FATAL' || severity === 'PANIC';
  const certain = severity === 'ERROR' || byFatal || confirmed;
  return {
    kind,
    sqlState: code !== undefined && isSqlState(code) ? code : undefined,
    severity,
    nodeVerdict: endsSession && !OF_LOGINS.has(kind) ? 'probe' : (rule?.nodeVerdict ?? 'none'),
    endsSession,
    outcomeKnown: rule?.outcomeKnown === true,
    safeToRetry: (phase) => kind !== 'outcome-unknown' && nothingExecuted(certain, phase),
  };
}

/** Kinds of errors by which a sound server refuses a login. */
const OF_LOGINS: ReadonlySet<ErrorKind> = new Set([
  'authentication',
  'database-missing',
  'too-many-connections',
]);

/** Whether it is our own error of a limit, and the server has confirmed that it cancelled the statement. */
function isConfirmed(link: object): boolean {
  return link instanceof PgHerdError && link.details['cancelled'] === true;
}

const LOST = classification('connection-lost', undefined, undefined, {
  codes: [],
  kind: 'connection-lost',
  nodeVerdict: 'probe',
});

/**
 * Nothing was executed, for certain, if the statement was never handed to the socket, was queued behind a
 * FATAL, or was answered with an ERROR or with a FATAL that the server itself raises. A bare close proves
 * nothing.
 */
function nothingExecuted(certain: boolean, phase: Phase): boolean {
  switch (phase) {
    case 'not-handed':
    case 'behind-fatal':
      return true;
    case 'in-transaction':
      // Without a COMMIT the server rolls everything back.
      return true;
    case 'sent':
    case 'commit-sent':
      return certain;
    default:
      return phase satisfies never;
  }
}

/** Phases that a driver reports, if certain, in `details.phase` of its `PGHERD_CONNECTION_LOST`. */
const REPORTED_PHASES = Object.freeze(['not-handed', 'behind-fatal'] as const);

/** Errors whose `details.phase` counts. */
const WITH_PHASE: ReadonlySet<string> = new Set([
  'PGHERD_CONNECTION_LOST',
  'PGHERD_TIMEOUT',
  'PGHERD_ABORTED',
]);

/**
 * The phase in which a statement failed with `error`: `sent` unless the driver reports another one by
 * `PGHERD_CONNECTION_LOST` with `details: { phase }`: `not-handed` if it did not send the statement,
 * `behind-fatal` if the statement was queued behind one that was answered with FATAL. A limit of the call
 * that was reached before its statement was sent is `not-handed`, too.
 */
export function phaseOf(error: unknown): 'not-handed' | 'behind-fatal' | 'sent' {
  if (error instanceof PgHerdError && WITH_PHASE.has(error.code)) {
    return REPORTED_PHASES.find((phase) => phase === error.details['phase']) ?? 'sent';
  }
  return isOfConnecting(error) ? 'not-handed' : 'sent';
}

/**
 * Node.js errors name the system call that failed: if it is one of connecting, nothing can have been sent.
 */
export function isOfConnecting(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('syscall' in error)) return false;
  return error.syscall === 'connect' || error.syscall === 'getaddrinfo';
}

/**
 * Whether the server, or a pooler, says that the password is wrong. Servers that pass the password on (PAM, LDAP, cloud tokens), and
 * poolers, have other codes for it.
 */
export function isPasswordRefused(error: unknown): boolean {
  return causeChain(error).some((link) => {
    const code = codeOf(link);
    if (code === '28P01') return true;
    const others = code === '28000' || code === '08P01';
    return others && link instanceof Error && link.message.includes('authentication failed');
  });
}

/** SQLSTATEs of a FATAL that refuses a login for lack of the right to connect, or because the database takes no connections. */
const NOT_LET_IN: ReadonlyMap<string, ConnectFailure> = new Map([
  ['42501', 'authentication'],
  ['55000', 'database-missing'],
]);

/** Why a connection could not be opened. */
export function connectFailureOf(error: unknown): ConnectFailure {
  const { kind, severity, sqlState = '' } = classifyError(error);
  const notLetIn = severity === 'FATAL' ? NOT_LET_IN.get(sqlState) : undefined;
  if (notLetIn !== undefined) return notLetIn;
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

/** OpenSSL's names for a certificate that is not trusted, as Node.js reports them. */
const CERTIFICATE_CODES =
  /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|EPROTO)/;
const NO_TLS_MESSAGE = 'The server does not support SSL connections';

function failureOf(chain: readonly unknown[]): ConnectFailure {
  const codes = chain.map(codeOf);
  const has = (...wanted: readonly string[]) =>
    codes.some((code) => code !== undefined && wanted.includes(code));
  if (has('PGHERD_SERVER_TOO_OLD')) return 'server-too-old';
  if (has('PGHERD_TLS_FAILED')) return 'tls';
  if (has('PGHERD_PROTOCOL_ERROR')) return 'protocol';
  if (has('PGHERD_CONNECT_TIMEOUT', 'CONNECT_TIMEOUT', 'ETIMEDOUT')) return 'timeout';
  if (has('ECONNREFUSED', 'ENOENT')) return 'refused';
  if (has('EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'EACCES')) return 'unreachable';
  if (has('ENOTFOUND', 'EAI_AGAIN')) return 'name-not-found';
  if (codes.some((code) => code !== undefined && CERTIFICATE_CODES.test(code))) return 'tls';
  if (chain.some((link) => link instanceof Error && link.message === NO_TLS_MESSAGE)) return 'tls';
  return chain.some((link) => classifyLink(link)?.kind === 'connection-lost') ? 'closed' : 'other';
}
