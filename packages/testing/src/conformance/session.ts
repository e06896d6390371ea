import { waitUntil } from '../wait.ts';
import { RecordingListener } from './recording-listener.ts';
import { NOT_SENT, rejection } from './rejection.ts';
import { IN_CLEAR, NEVER, type Suite } from './suite.ts';

/** What is known of a session, and how it is protected. */
export function describeSession(suite: Suite): void {
  const { describe, it, expect, connect, request } = suite;

  describe('a session', () => {
    it('has its process number and the address of the other side', async () => {
      const { connection } = await connect();
      const { rows } = await connection.query({ text: 'select pg_backend_pid() as pid' });
      expect(connection.backendPid).toBe(rows[0]?.['pid']);
      expect(connection.remoteAddress).toBe('127.0.0.1');
      connection.destroy();
      expect(connection.remoteAddress).toBe('127.0.0.1');
    });

    for (const mode of ['require', 'verify-full'] as const) {
      it(`speaks TLS: ${mode}`, async () => {
        const verify = mode === 'require' ? 'none' : 'full';
        const rootCert = suite.cluster.tls?.rootCertFile;
        const { connection } = await connect({ tls: { ...IN_CLEAR, mode, verify, rootCert } });
        const text = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()';
        expect((await connection.query({ text })).rows).toEqual([{ ssl: true }]);
      });
    }

    it('refuses a certificate that no trusted authority signed', async () => {
      const tls = { ...IN_CLEAR, mode: 'verify-full', verify: 'full' } as const;
      const error = await rejection(suite.driver.connect(request({ tls }), new RecordingListener(), NEVER));
      expect(error).toMatchObject({ code: 'PGHERD_TLS_FAILED' });
    });

    it('does not answer a server that asks for another proof than require_auth allows', async () => {
      const changes = request({ requireAuth: ['none'] });
      const error = await rejection(suite.driver.connect(changes, new RecordingListener(), NEVER));
      expect(error).toMatchObject({ code: 'PGHERD_AUTHENTICATION_FAILED' });
    });

    it('is never replaced by another one: what comes after its end is not sent', async () => {
      const { connection, listener } = await connect();
      await connection.query({ text: "set work_mem = '5MB'" });
      await suite.terminate(connection);
      await waitUntil(() => listener.closures.length > 0, { what: 'the end' });
      for (const work of [
        () => connection.query({ text: 'select 1' }),
        () => connection.simple('select 1'),
      ]) {
        expect(await rejection(work())).toMatchObject(NOT_SENT);
      }
      await waitUntil(async () => (await suite.sessions()) === 0, { what: 'the session to be gone' });
      expect(listener.closures).toHaveLength(1);
    });

    it('settles what is handed over at the instant of its end', async () => {
      const { connection, listener } = await connect();
      suite.cluster.primary.proxy.reset();
      const ends: unknown[] = [];
      await waitUntil(async () => {
        ends.push(await connection.query({ text: 'select 1' }).catch((error: unknown) => error));
        return listener.closures.length > 0;
      });
      const late = await rejection(connection.query({ text: 'select 1' }));
      expect(late).toMatchObject(NOT_SENT);
      expect(ends.at(-1)).toBeInstanceOf(Error);
    });
  });
}
