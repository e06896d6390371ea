import { waitUntil } from '../wait.ts';
import { rejection } from './rejection.ts';
import type { Suite } from './suite.ts';

/** What the server says by itself. */
export function describeServerMessages(suite: Suite): void {
  const { describe, it, expect, connect } = suite;

  describe('what the server says by itself', () => {
    it('notices and warnings come with severity, SQLSTATE and routine', async () => {
      const { connection, listener } = await connect();
      await connection.simple(
        "do $$ begin raise notice 'hay'; raise warning 'rain' using errcode = '01234'; end $$",
      );
      expect(listener.messages).toMatchObject([
        { severity: 'NOTICE', sqlState: '00000', message: 'hay' },
        { severity: 'WARNING', sqlState: '01234', message: 'rain' },
      ]);
      expect(typeof listener.messages[0]?.routine).toBe('string');
    });

    it('a FATAL on an idle session is reported before the end, and the end once', async () => {
      const { connection, listener } = await connect();
      await suite.terminate(connection);
      await waitUntil(() => listener.closures.length > 0, { what: 'the end' });
      expect(listener.messages).toMatchObject([{ severity: 'FATAL', sqlState: '57P01' }]);
      expect(connection.closed).toBe(true);
      await waitUntil(async () => (await suite.sessions()) === 0, { what: 'the session to be gone' });
      await connection.end();
      connection.destroy();
      expect(listener.closures).toHaveLength(1);
    });

    it('a FATAL while a statement runs rejects that statement with it', async () => {
      const { connection, listener } = await connect();
      const running = rejection(connection.query({ text: 'select pg_sleep(300)' }));
      const text =
        "select pg_terminate_backend(pid) as ok from pg_stat_activity where query = 'select pg_sleep(300)'";
      await waitUntil(async () => (await suite.cluster.primary.sql(text)).length > 0, {
        what: 'the statement',
      });
      expect(await running).toMatchObject({ code: '57P01', severity: 'FATAL' });
      await waitUntil(() => listener.closures.length === 1, { what: 'the end' });
      expect(connection.closed).toBe(true);
    });

    if (suite.driver.capabilities.notifications !== true) return;
    it('notifications come with channel, payload and the process that sent them', async () => {
      const { connection, listener } = await connect();
      await connection.query({ text: 'listen "Odd channel"' });
      const { connection: other } = await connect();
      await other.query({ text: `select pg_notify('Odd channel', 'hay, "needle"')` });
      await waitUntil(() => listener.notifications.length > 0, { what: 'the notification' });
      const processId = other.backendPid;
      const expected = [{ channel: 'Odd channel', payload: 'hay, "needle"', processId }];
      expect(listener.notifications).toEqual(expected);
    });
  });
}
