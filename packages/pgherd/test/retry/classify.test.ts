import { describe, expect, it } from 'vitest';
import { type ErrorCode, OutcomeUnknownError, PgHerdError } from '../../src/model/errors.ts';
import type { ConnectFailure } from '../../src/model/names.ts';
import { causeChain } from '../../src/retry/chain.ts';
import { classifyError, connectFailureOf, phaseOf } from '../../src/retry/classify.ts';
import { type ErrorKind, type NodeVerdict, PHASES } from '../../src/retry/rules.ts';

/** An error as a driver throws it for an ErrorResponse. */
function serverError(code: string, severity = 'ERROR'): Error {
  return Object.assign(new Error(`server says ${code}`), { code, severity, routine: 'somewhere' });
}

/** An outcome that is unknown because of `cause`. */
function unknownOf(cause: unknown): OutcomeUnknownError {
  return new OutcomeUnknownError('statement', 'who knows', { cause });
}

/** An error of Node's. */
function systemError(code: string): Error {
  return Object.assign(new Error(`connect ${code}`), { code, errno: -1, syscall: 'connect' });
}

describe('what an error of the server means', () => {
  it.each<[string, string, ErrorKind, NodeVerdict]>([
    ['40001', 'ERROR', 'serialization', 'none'],
    ['40P01', 'ERROR', 'deadlock', 'none'],
    ['40002', 'ERROR', 'outcome-unknown', 'none'],
    ['40003', 'ERROR', 'outcome-unknown', 'none'],
    ['08007', 'ERROR', 'outcome-unknown', 'none'],
    ['08000', 'FATAL', 'connection-lost', 'probe'],
    ['08001', 'FATAL', 'connection-lost', 'probe'],
    ['08003', 'FATAL', 'connection-lost', 'probe'],
    ['08004', 'FATAL', 'connection-lost', 'probe'],
    ['08006', 'FATAL', 'connection-lost', 'probe'],
    // A foreign server's connection, of postgres_fdw: ours is fine.
    ['08001', 'ERROR', 'statement', 'none'],
    ['08006', 'ERROR', 'statement', 'none'],
    ['08P01', 'FATAL', 'statement', 'probe'],
    ['57P01', 'FATAL', 'shutdown', 'probe'],
    ['57P02', 'FATAL', 'shutdown', 'probe'],
    ['57P05', 'FATAL', 'shutdown', 'probe'],
    ['25P03', 'FATAL', 'cancelled', 'probe'],
    ['25P04', 'FATAL', 'cancelled', 'probe'],
    ['XX000', 'FATAL', 'statement', 'probe'],
    ['58030', 'PANIC', 'statement', 'probe'],
    ['57P03', 'FATAL', 'starting-up', 'probe'],
    ['53300', 'FATAL', 'too-many-connections', 'none'],
    ['25006', 'ERROR', 'read-only', 'none'],
    ['57014', 'ERROR', 'cancelled', 'none'],
    ['55P03', 'ERROR', 'lock-not-available', 'none'],
    ['28000', 'FATAL', 'authentication', 'none'],
    ['28P01', 'FATAL', 'authentication', 'none'],
    ['3D000', 'FATAL', 'database-missing', 'none'],
    ['23505', 'ERROR', 'constraint', 'none'],
    ['23514', 'ERROR', 'constraint', 'none'],
    ['42601', 'ERROR', 'statement', 'none'],
    ['42P01', 'ERROR', 'statement', 'none'],
    ['22012', 'ERROR', 'statement', 'none'],
    ['P0001', 'ERROR', 'statement', 'none'],
    ['XX000', 'ERROR', 'statement', 'none'],
    ['53200', 'ERROR', 'statement', 'none'],
    ['0A000', 'ERROR', 'statement', 'none'],
  ])('%s %s: %s, and of the node: %s', (code, severity, kind, nodeVerdict) => {
    expect(classifyError(serverError(code, severity))).toMatchObject({
      kind,
      nodeVerdict,
      sqlState: code,
      severity,
    });
  });
});

describe('what an error of the system or the driver means', () => {
  it.each([
    'ECONNREFUSED',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'EHOSTDOWN',
    'ENOTFOUND',
    'EAI_AGAIN',
    'ENOENT',
    'EACCES',
  ])('%s: no connection', (code) => {
    expect(classifyError(systemError(code))).toMatchObject({
      kind: 'connect-failed',
      nodeVerdict: 'probe',
      sqlState: undefined,
      severity: undefined,
    });
  });

  it.each([
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'ECONNABORTED',
    'ENOTCONN',
    'ERR_STREAM_DESTROYED',
    'ERR_SOCKET_CLOSED',
  ])('%s: the connection is lost', (code) => {
    expect(classifyError(systemError(code))).toMatchObject({
      kind: 'connection-lost',
      nodeVerdict: 'probe',
      sqlState: undefined,
    });
  });

  it.each([
    'Connection terminated',
    'Connection terminated unexpectedly',
    'Connection terminated by user',
    'Client was closed and is not queryable',
    'Client has encountered a connection error and is not queryable',
  ])('"%s": the connection is lost', (message) => {
    expect(classifyError(new Error(message))).toMatchObject({
      kind: 'connection-lost',
      nodeVerdict: 'probe',
    });
  });

  it.each<[string, unknown]>([
    ['an error without a code', new Error('oops')],
    ['an unknown code', systemError('EWHATEVER')],
    ['a string', 'Connection terminated'],
    ['nothing', undefined],
    ['null', null],
    ['a number', 57],
    ['a code that is a number', Object.assign(new Error('oops'), { code: 40001 })],
    [
      'something that has the severity of an application',
      Object.assign(new Error('disk'), { severity: 'ERROR' }),
    ],
    [
      'something that has the severity and a code of an application',
      Object.assign(new Error('disk'), { severity: 'FATAL', code: 'E_DISK_FULL' }),
    ],
    ['an error of ours', new PgHerdError('PGHERD_WRONG_ROW_COUNT', 'two rows')],
  ])('%s: nothing is known, and nothing is certain once it was sent', (_name, error) => {
    const { kind, severity, nodeVerdict, safeToRetry } = classifyError(error);
    expect([kind, severity, nodeVerdict]).toEqual(['other', undefined, 'none']);
    expect(safeToRetry('sent')).toBe(false);
  });

  it('a code of an application that begins like a SQLSTATE is none', () => {
    expect(classifyError(Object.assign(new Error('oops'), { code: '28-bytes' })).kind).toBe('other');
  });
});

describe('where it looks', () => {
  it('at the causes, outermost first', () => {
    const error = new Error('the order was not saved', { cause: serverError('40001') });
    expect(classifyError(error)).toMatchObject({ kind: 'serialization', sqlState: '40001' });
    expect(classifyError(new Error('outer', { cause: error })).kind).toBe('serialization');
  });

  it('at each error of an AggregateError with an empty message', () => {
    const error = new AggregateError([systemError('ECONNREFUSED'), systemError('ECONNREFUSED')]);
    expect(error.message).toBe('');
    expect(classifyError(error).kind).toBe('connect-failed');
    expect(classifyError(new AggregateError([new Error('x'), systemError('ECONNRESET')])).kind).toBe(
      'connection-lost',
    );
  });

  it('through cycles', () => {
    const error = new Error('outer');
    const inner = new AggregateError([error], 'inner');
    error.cause = inner;
    expect(classifyError(error).kind).toBe('other');
    expect(causeChain(error)).toEqual([error, inner]);
    inner.errors.push(serverError('40P01'));
    expect(classifyError(error).kind).toBe('deadlock');
  });

  it('at every link once', () => {
    const shared = new Error('shared');
    expect(causeChain(new AggregateError([shared, new Error('other', { cause: shared })]))).toHaveLength(3);
  });
});

describe('certain that nothing was executed', () => {
  it.each<[string, unknown, string]>([
    ['an ERROR', serverError('23505'), 'yes yes yes yes yes'],
    ['a serialization failure', serverError('40001'), 'yes yes yes yes yes'],
    ['FATAL 57P01', serverError('57P01', 'FATAL'), 'yes yes yes yes yes'],
    ['FATAL 57P02', serverError('57P02', 'FATAL'), 'yes yes yes yes yes'],
    ['FATAL 57P05', serverError('57P05', 'FATAL'), 'yes yes yes yes yes'],
    ['FATAL 25P03', serverError('25P03', 'FATAL'), 'yes yes yes yes yes'],
    ['FATAL 57P03', serverError('57P03', 'FATAL'), 'yes yes yes yes yes'],
    ['FATAL 53300', serverError('53300', 'FATAL'), 'yes yes yes yes yes'],
    ['FATAL XX000', serverError('XX000', 'FATAL'), 'yes yes no yes no'],
    ['PANIC', serverError('XX000', 'PANIC'), 'yes yes no yes no'],
    ['WARNING 57P01, committed locally', serverError('57P01', 'WARNING'), 'yes yes no yes no'],
    ['a bare close', new Error('Connection terminated unexpectedly'), 'yes yes no yes no'],
    ['ECONNRESET', systemError('ECONNRESET'), 'yes yes no yes no'],
    ['08006 of the driver', Object.assign(new Error('gone'), { code: '08006' }), 'yes yes no yes no'],
    ['40003', serverError('40003'), 'no no no no no'],
    ['08007', serverError('08007'), 'no no no no no'],
    ['an unknown outcome', new OutcomeUnknownError('commit', 'who knows'), 'no no no no no'],
    ['an unknown outcome of a lost connection', unknownOf(systemError('ECONNRESET')), 'no no no no no'],
  ])('%s', (_name, error, expected) => {
    const { safeToRetry } = classifyError(error);
    expect(PHASES.map((phase) => (safeToRetry(phase) ? 'yes' : 'no')).join(' ')).toBe(expected);
  });
});

describe('what errors of ours mean', () => {
  it.each<[ErrorCode, ErrorKind, NodeVerdict]>([
    ['PGHERD_TIMEOUT', 'cancelled', 'none'],
    ['PGHERD_ABORTED', 'cancelled', 'none'],
    ['PGHERD_NO_SUITABLE_NODE', 'unavailable', 'none'],
    ['PGHERD_WAIT_TIMEOUT', 'unavailable', 'none'],
    ['PGHERD_POOL_FULL', 'unavailable', 'none'],
    ['PGHERD_CONNECT_TIMEOUT', 'connect-failed', 'probe'],
    ['PGHERD_CONNECTION_LOST', 'connection-lost', 'probe'],
    ['PGHERD_AUTHENTICATION_FAILED', 'authentication', 'none'],
    ['PGHERD_OUTCOME_UNKNOWN', 'outcome-unknown', 'none'],
  ])('%s: %s, whatever its cause', (code, kind, nodeVerdict) => {
    const error = new PgHerdError(code, 'ours', { cause: serverError('40001') });
    expect(classifyError(error)).toMatchObject({ kind, nodeVerdict, sqlState: undefined });
  });
});

describe('how far a statement had come', () => {
  const lost = (details?: Record<string, unknown>) =>
    new PgHerdError('PGHERD_CONNECTION_LOST', 'gone', { details });

  it.each<[string, unknown, string]>([
    ['the driver did not send it', lost({ phase: 'not-handed' }), 'not-handed'],
    ['the connection was lost, and the driver says no more', lost(), 'sent'],
    ['it stood behind a FATAL', lost({ phase: 'behind-fatal' }), 'behind-fatal'],
    ['a read that was given up', lost({ phase: 'sent' }), 'sent'],
    ['a phase that nobody knows', lost({ phase: 'lost' }), 'sent'],
    ['no connection came about', systemError('ECONNREFUSED'), 'not-handed'],
    ['the socket failed', Object.assign(systemError('ECONNRESET'), { syscall: 'read' }), 'sent'],
    ['the server answered', serverError('23505'), 'sent'],
    ['nothing that tells', undefined, 'sent'],
  ])('%s', (_name, error, expected) => {
    expect(phaseOf(error)).toBe(expected);
  });
});

describe('why no connection could be had', () => {
  it.each<[unknown, ConnectFailure]>([
    [systemError('ECONNREFUSED'), 'refused'],
    [new AggregateError([systemError('ECONNREFUSED'), systemError('ECONNREFUSED')]), 'refused'],
    [systemError('ENOENT'), 'refused'],
    [systemError('EHOSTUNREACH'), 'unreachable'],
    [systemError('ENETUNREACH'), 'unreachable'],
    [systemError('EACCES'), 'unreachable'],
    [systemError('ENOTFOUND'), 'name-not-found'],
    [systemError('EAI_AGAIN'), 'name-not-found'],
    [systemError('ETIMEDOUT'), 'timeout'],
    [new PgHerdError('PGHERD_CONNECT_TIMEOUT', 'too slow'), 'timeout'],
    [systemError('ECONNRESET'), 'closed'],
    [systemError('EPIPE'), 'closed'],
    [new Error('Connection terminated unexpectedly'), 'closed'],
    [systemError('ERR_TLS_CERT_ALTNAME_INVALID'), 'tls'],
    [systemError('ERR_SSL_WRONG_VERSION_NUMBER'), 'tls'],
    [systemError('DEPTH_ZERO_SELF_SIGNED_CERT'), 'tls'],
    [systemError('SELF_SIGNED_CERT_IN_CHAIN'), 'tls'],
    [systemError('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), 'tls'],
    [systemError('UNABLE_TO_GET_ISSUER_CERT_LOCALLY'), 'tls'],
    [systemError('CERT_HAS_EXPIRED'), 'tls'],
    [serverError('28P01', 'FATAL'), 'authentication'],
    [serverError('28000', 'FATAL'), 'authentication'],
    [new PgHerdError('PGHERD_AUTHENTICATION_FAILED', 'no password'), 'authentication'],
    [serverError('3D000', 'FATAL'), 'database-missing'],
    [serverError('53300', 'FATAL'), 'too-many-connections'],
    [serverError('57P03', 'FATAL'), 'starting-up'],
    [serverError('57P01', 'FATAL'), 'starting-up'],
    [new PgHerdError('PGHERD_SERVER_TOO_OLD', 'PostgreSQL 9.6'), 'server-too-old'],
    [serverError('08P01', 'FATAL'), 'other'],
    [new Error('something else'), 'other'],
    [undefined, 'other'],
  ])('%s: %s', (error, failure) => {
    expect(connectFailureOf(error)).toBe(failure);
  });
});
