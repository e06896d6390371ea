import type { ConnectRequest, Driver } from 'pgherd/connection';
import { FAKE_PHASES, type FakeAction, type FakePhase } from '../fake/actions.ts';
import { createFakePostmaster, type FakePostmaster } from '../fake/fake-postmaster.ts';
import { FAULTS, isCoded } from './faults.ts';
import { RecordingListener } from './recording-listener.ts';
import { rejection } from './rejection.ts';
import { type ConformancePgherd, IN_CLEAR, NEVER, type Suite } from './suite.ts';

const AUTHENTICATION = { method: 'scram-sha-256', password: 'secret' } as const;

/** Some faults end by a limit only, milliseconds. */
const LIMIT_MS = 300;

function requestTo(fake: FakePostmaster, { Secret }: ConformancePgherd): ConnectRequest {
  return {
    address: { host: fake.host, port: fake.port, transport: 'tcp' },
    user: 'app',
    database: 'app',
    password: new Secret('secret'),
    tls: { ...IN_CLEAR, mode: 'prefer' },
    startup: {},
    keepAliveMs: undefined,
  };
}

/** Connects and asks once, as a cluster uses a driver; an abort destroys the connection. */
async function askOnce(driver: Driver, request: ConnectRequest, signal: AbortSignal): Promise<void> {
  const connection = await driver.connect(request, new RecordingListener(), signal);
  signal.addEventListener('abort', () => connection.destroy());
  try {
    await connection.simple('select 1');
    await connection.query({ text: 'select n from t where id = $1', values: [1] });
  } finally {
    connection.destroy();
  }
}

/** What is wrong with how a driver takes a fault; `undefined` if nothing is. */
async function wrongWith(
  { makeDriver, pgherd }: Suite,
  at: FakePhase,
  action: FakeAction,
): Promise<string | undefined> {
  await using fake = await createFakePostmaster({ authentication: AUTHENTICATION });
  const fault = fake.fault({ at, do: action });
  const limit = new AbortController();
  const end = askOnce(makeDriver(), requestTo(fake, pgherd), limit.signal).then(
    () => undefined,
    (error: unknown) => (isCoded(pgherd, error) ? undefined : `an error without a code: ${String(error)}`),
  );
  await fake.waitFor(() => fault.hits > 0, { what: 'the fault to strike' });
  const reason = new pgherd.PgHerdError('PGHERD_TIMEOUT', 'the limit');
  const timer = setTimeout(() => limit.abort(reason), LIMIT_MS);
  try {
    return await end;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A server that does everything wrong at every phase. Each is met by a driver that has met no other: ports are used again, and
 * what a driver learned of one server must not hold for the next.
 */
export function describeHostileServers(suite: Suite): void {
  const { describe, it, expect, makeDriver, pgherd } = suite;

  describe('servers that do wrong', () => {
    for (const at of FAKE_PHASES) {
      it(`a fault at ${at}, of every kind, ends in an answer or in an error with a code`, async () => {
        const found = await Promise.all(
          Object.entries(FAULTS).map(async ([name, action]) => {
            const wrong = await wrongWith(suite, at, action).catch(String);
            return wrong === undefined ? [] : [`${name}: ${wrong}`];
          }),
        );
        expect(found.flat()).toEqual([]);
      });
    }

    it('a server without TLS is refused if TLS is required, and accepted if it is preferred', async () => {
      const driver = makeDriver();
      await using fake = await createFakePostmaster({ authentication: AUTHENTICATION });
      const preferred = requestTo(fake, pgherd);
      const required = { ...preferred, tls: { ...IN_CLEAR, mode: 'require' } as const };
      const error = await rejection(driver.connect(required, new RecordingListener(), NEVER));
      expect(error).toMatchObject({ code: 'PGHERD_TLS_FAILED' });
      const connection = await driver.connect(preferred, new RecordingListener(), NEVER);
      expect(connection.closed).toBe(false);
      connection.destroy();
    });

    for (const method of ['md5', 'password'] as const) {
      it(`authenticates by ${method}`, async () => {
        await using fake = await createFakePostmaster({ authentication: { method, password: 'secret' } });
        const request = requestTo(fake, pgherd);
        const connection = await makeDriver().connect(request, new RecordingListener(), NEVER);
        expect(connection.status).toBe('idle');
        connection.destroy();
      });
    }
  });
}
