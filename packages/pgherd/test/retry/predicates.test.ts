import { describe, expect, it } from 'vitest';
import { type ErrorCode, OutcomeUnknownError, PgHerdError } from '../../src/model/errors.ts';
import * as predicates from '../../src/retry/predicates.ts';
import { isConnectionError, isOutcomeUnknown, isRetryable, sqlState } from '../../src/retry/predicates.ts';

function server(code: string, severity = 'ERROR'): Error {
  return Object.assign(new Error(code), { code, severity });
}

function system(code: string, syscall: string): Error {
  return Object.assign(new Error(code), { code, syscall });
}

function ours(code: ErrorCode, cause?: unknown): PgHerdError {
  return new PgHerdError(code, 'ours', { cause });
}

describe('a question for each SQLSTATE that programs ask about', () => {
  const {
    isRetryable: _1,
    isConnectionError: _2,
    isOutcomeUnknown: _3,
    sqlState: _4,
    ...questions
  } = predicates;

  it.each<[string, (keyof typeof questions)[]]>([
    ['23505', ['isConstraintViolation', 'isUniqueViolation']],
    ['23503', ['isConstraintViolation', 'isForeignKeyViolation']],
    ['23502', ['isConstraintViolation', 'isNotNullViolation']],
    ['23514', ['isCheckViolation', 'isConstraintViolation']],
    ['23P01', ['isConstraintViolation', 'isExclusionViolation']],
    ['23000', ['isConstraintViolation']],
    ['40001', ['isSerializationFailure']],
    ['40P01', ['isDeadlock']],
    ['55P03', ['isLockNotAvailable']],
    ['57014', ['isQueryCanceled']],
    ['25006', ['isReadOnlyViolation']],
    ['42601', []],
  ])('%s: %o', (code, expected) => {
    const wrapped = new Error('the order was not saved', { cause: server(code) });
    const several = new AggregateError([new Error('other'), server(code)]);
    for (const error of [server(code), wrapped, several]) {
      const names = Object.entries(questions).filter(([, asks]) => asks(error));
      expect(names.map(([name]) => name).sort()).toEqual(expected);
    }
  });

  it('what is no error of a server has no SQLSTATE', () => {
    const round = new Error('round', { cause: undefined });
    round.cause = new Error('and round', { cause: round });
    for (const error of [undefined, null, 'no', 23505, new Error('23505'), system('EPIPE', 'write'), round]) {
      expect(sqlState(error)).toBeUndefined();
      expect(Object.values(questions).some((asks) => asks(error))).toBe(false);
    }
  });
});

describe('whether to run work again', () => {
  it.each<[string, unknown, boolean]>([
    ['a serialization failure', server('40001'), true],
    ['a deadlock', server('40P01'), true],
    ['the server is shut down', server('57P01', 'FATAL'), true],
    ['the server starts', server('57P03', 'FATAL'), true],
    ['too many connections', server('53300', 'FATAL'), true],
    ['nobody listens', system('ECONNREFUSED', 'connect'), true],
    ['there is no such name', system('EAI_AGAIN', 'getaddrinfo'), true],
    ['several addresses refuse', new AggregateError([system('ECONNREFUSED', 'connect')], ''), true],
    ['the route was lost while it ran', system('EHOSTUNREACH', 'read'), false],
    ['a bare close', new Error('Connection terminated unexpectedly'), false],
    ['a reset', system('ECONNRESET', 'read'), false],
    ['a warning that it is committed locally', server('57P01', 'WARNING'), false],
    [
      'an unknown outcome',
      new OutcomeUnknownError('commit', '?', { cause: server('57P01', 'FATAL') }),
      false,
    ],
    ['no node', ours('PGHERD_NO_SUITABLE_NODE'), true],
    ['no connection', ours('PGHERD_WAIT_TIMEOUT'), true],
    ['a full pool', ours('PGHERD_POOL_FULL'), true],
    ['a connection that did not open in time', ours('PGHERD_CONNECT_TIMEOUT'), true],
    ['a read that was lost', ours('PGHERD_CONNECTION_LOST', system('ECONNRESET', 'read')), true],
    ['the time is over', ours('PGHERD_TIMEOUT', ours('PGHERD_NO_SUITABLE_NODE')), false],
    ['it was aborted', ours('PGHERD_ABORTED', server('40001')), false],
    ['a wrong password', server('28P01', 'FATAL'), false],
    ['a constraint', server('23505'), false],
    ['a wrong statement', server('42601'), false],
    ['something else', new Error('oops'), false],
    ['nothing', undefined, false],
  ])('%s: %s', (_name, error, expected) => {
    expect(isRetryable(error)).toBe(expected);
    expect(isRetryable(new Error('outer', { cause: error }))).toBe(expected);
  });

  it('who knows how far the work had come may say so', () => {
    const lost = new Error('Connection terminated unexpectedly');
    expect(isRetryable(lost, 'in-transaction')).toBe(true);
    expect(isRetryable(lost, 'behind-fatal')).toBe(true);
    expect(isRetryable(lost, 'commit-sent')).toBe(false);
    expect(isRetryable(server('23505'), 'in-transaction')).toBe(false);
  });
});

describe('what the reason is', () => {
  it.each<[string, unknown, boolean, boolean]>([
    ['a bare close', new Error('Connection terminated unexpectedly'), true, false],
    ['a close that postgres.js reports', system('CONNECTION_CLOSED', 'write'), true, false],
    ['nobody listens', system('ECONNREFUSED', 'connect'), true, false],
    ['a shutdown', server('57P01', 'FATAL'), true, false],
    ["a foreign server's connection", server('08006'), false, false],
    [
      'an unknown outcome',
      new OutcomeUnknownError('statement', '?', { cause: system('EPIPE', 'write') }),
      false,
      true,
    ],
    ['08007', server('08007'), false, true],
    ['a constraint', server('23505'), false, false],
  ])('%s', (_name, error, connection, unknown) => {
    expect(isConnectionError(error)).toBe(connection);
    expect(isOutcomeUnknown(error)).toBe(unknown);
  });
});
