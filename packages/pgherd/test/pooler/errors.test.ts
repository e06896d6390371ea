import { describe, expect, it } from 'vitest';
import { fromPooler, refusesStartupParameters } from '../../src/pooler/errors.ts';
import { classifyError, connectFailureOf, phaseOf } from '../../src/retry/classify.ts';
import { serverError } from '../support/scripted-connection.ts';

const pooler = (message: string): Error => serverError(message, '08P01', 'FATAL');

describe('what a pooler says', () => {
  it.each([
    'query_wait_timeout',
    'server login has been failing, try again later (server_login_retry)',
    'server login has been failing, cached error: the database system is starting up (server_login_retry)',
    'no more connections allowed (max_client_conn)',
    'client_login_timeout',
  ])('"%s": nothing was sent to the server', (message) => {
    const error = fromPooler(pooler(message));
    expect(error).toMatchObject({ code: 'PGHERD_CONNECTION_LOST', cause: { message } });
    expect(phaseOf(error)).toBe('not-handed');
    expect(connectFailureOf(error)).toBe('closed');
  });

  it.each([
    'server conn crashed?',
    'client_idle_timeout',
    'idle transaction timeout',
    'something new',
  ])('"%s": the connection is lost, and with it the outcome', (message) => {
    const error = fromPooler(pooler(message));
    const { kind, severity, nodeVerdict, safeToRetry } = classifyError(error);
    expect({ kind, severity, nodeVerdict }).toEqual({
      kind: 'connection-lost',
      severity: undefined,
      nodeVerdict: 'probe',
    });
    expect(safeToRetry(phaseOf(error))).toBe(false);
    expect(safeToRetry('in-transaction')).toBe(true);
  });

  it.each([
    'SASL authentication failed',
    'password authentication failed',
    'no such user: stranger',
  ])('"%s": we are not let in', (message) => {
    expect(connectFailureOf(fromPooler(pooler(message)))).toBe('authentication');
  });

  it('what the server says through it passes as it is', () => {
    for (const error of [
      serverError('terminating connection', '57P01', 'FATAL'),
      serverError('bad message', '08P01', 'ERROR'),
      new Error('Connection terminated unexpectedly'),
      undefined,
    ]) {
      expect(fromPooler(error)).toBe(error);
    }
  });

  it('a refused startup parameter is told from everything else', () => {
    expect(refusesStartupParameters(pooler('unsupported startup parameter: options'))).toBe(true);
    expect(refusesStartupParameters(pooler('unsupported startup parameter in options: geqo'))).toBe(true);
    expect(refusesStartupParameters(pooler('server conn crashed?'))).toBe(false);
    expect(refusesStartupParameters(serverError('unsupported startup parameter', '22023', 'FATAL'))).toBe(
      false,
    );
  });
});
