import { describe, expect, it } from 'vitest';
import { PgHerdError } from '../../src/model/errors.ts';
import { onHostFailure } from '../../src/retry/on-host-failure.ts';

const server = (code: string, severity = 'FATAL') =>
  Object.assign(new Error('said the server'), { code, severity });
const system = (code: string) => Object.assign(new Error('said the system'), { code });
const own = (code: ConstructorParameters<typeof PgHerdError>[0]) => new PgHerdError(code, 'said pgherd');

describe('a host that gives no session', () => {
  it.each([
    ['refuses TCP', system('ECONNREFUSED'), 'next-host'],
    ['has no address', system('ENOTFOUND'), 'next-host'],
    ['has no socket', system('ENOENT'), 'next-host'],
    ['cuts the connection', system('ECONNRESET'), 'next-host'],
    ['is silent', own('PGHERD_CONNECT_TIMEOUT'), 'next-host'],
    ['has the certificate of a stranger', own('PGHERD_TLS_FAILED'), 'next-host'],
    ['speaks another protocol', own('PGHERD_PROTOCOL_ERROR'), 'next-host'],
    ['is too old', own('PGHERD_SERVER_TOO_OLD'), 'next-host'],
    ['is starting', server('57P03'), 'next-host'],
    ['is shutting down', server('57P01'), 'next-host'],
    ['is full', server('53300'), 'next-host'],
    ['refuses the password', server('28P01'), 'stop'],
    ['has no line for us in pg_hba.conf', server('28000'), 'stop'],
    ['demands what we do not allow', own('PGHERD_AUTHENTICATION_FAILED'), 'stop'],
    ['does not prove that it knows the password', own('PGHERD_SERVER_NOT_PROVEN'), 'stop'],
    ['has no such database', server('3D000'), 'stop'],
    ['refuses a setting', server('22023'), 'stop'],
    ['may not be asked, for there is no password', own('PGHERD_CREDENTIALS_FAILED'), 'stop'],
  ] as const)('because it %s', (_reason, error, outcome) => {
    expect(onHostFailure(error)).toBe(outcome);
  });
});
