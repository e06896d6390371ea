import { createFakePostmaster, FAKE_PHASES, type FakeAction, type FakePostmaster } from '@pgherd/testing';
import { type ConnectRequest, type Driver, PgHerdError, Secret } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { FAULTS, isCoded } from '../fakes.ts';
import { rejection } from '../support.ts';
import { IN_CLEAR, NEVER, Recorder } from './bench.ts';

const AUTHENTICATION = { method: 'scram-sha-256', password: 'secret' } as const;
/** Some faults are answered by nothing but a limit, milliseconds. */
const LIMIT_MS = 300;

function requestTo(fake: FakePostmaster): ConnectRequest {
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

/** Connects and asks once, as the cluster lets the driver do it; gives up when told. */
async function askOnce(driver: Driver, fake: FakePostmaster, signal: AbortSignal): Promise<void> {
  const connection = await driver.connect(requestTo(fake), new Recorder(), signal);
  signal.addEventListener('abort', () => connection.destroy());
  try {
    await connection.simple('select 1');
    await connection.query({ text: 'select n from t where id = $1', values: [1] });
  } finally {
    connection.destroy();
  }
}

/** What is wrong with how a driver takes a fault; `undefined` for nothing. */
async function wrongWith(
  driver: Driver,
  at: (typeof FAKE_PHASES)[number],
  action: FakeAction,
): Promise<string | undefined> {
  await using fake = await createFakePostmaster({ authentication: AUTHENTICATION });
  const fault = fake.fault({ at, do: action });
  const limit = new AbortController();
  const end = askOnce(driver, fake, limit.signal).then(
    () => undefined,
    (error: unknown) => (isCoded(error) ? undefined : `not understood: ${String(error)}`),
  );
  await fake.waitFor(() => fault.hits > 0, { what: 'the fault to strike' });
  const timer = setTimeout(() => limit.abort(new PgHerdError('PGHERD_TIMEOUT', 'the limit')), LIMIT_MS);
  try {
    return await end;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A server, or what stands in its place, that does everything wrong at every moment. Each is met by a driver that has met no
 * other: their ports come again, and what was learnt of one does not hold for the next.
 */
export function hostileServers(makeDriver: () => Driver): void {
  describe('servers that do wrong', () => {
    it.each(
      FAKE_PHASES,
    )('a fault at %s, of every kind, ends in an answer or in an error that is understood', async (at) => {
      const found = await Promise.all(
        Object.entries(FAULTS).map(async ([name, action]) => {
          const wrong = await wrongWith(makeDriver(), at, action).catch(String);
          return wrong === undefined ? [] : [`${name}: ${wrong}`];
        }),
      );
      expect(found.flat()).toEqual([]);
    });

    it('a server without TLS is refused where TLS is required, and taken where it is preferred', async () => {
      const driver = makeDriver();
      await using fake = await createFakePostmaster({ authentication: AUTHENTICATION });
      const required = { ...requestTo(fake), tls: { ...IN_CLEAR, mode: 'require' } as const };
      const error = await rejection(driver.connect(required, new Recorder(), NEVER));
      expect(error).toMatchObject({ code: 'PGHERD_TLS_FAILED' });
      const connection = await driver.connect(requestTo(fake), new Recorder(), NEVER);
      expect(connection.closed).toBe(false);
      connection.destroy();
    });

    it.each([
      ['md5', 'md5'],
      ['password', 'password'],
    ] as const)('authenticates by %s', async (_name, method) => {
      await using fake = await createFakePostmaster({ authentication: { method, password: 'secret' } });
      const connection = await makeDriver().connect(requestTo(fake), new Recorder(), NEVER);
      expect(connection.status).toBe('idle');
      connection.destroy();
    });
  });
}
