import { waitUntil } from '../wait.ts';
import { NOT_SENT, rejection } from './rejection.ts';
import { socketCount } from './sockets.ts';
import type { Suite } from './suite.ts';

/** How a connection ends, and that it is reported once. */
export function describeEnd(suite: Suite): void {
  const { describe, it, expect, connect, sessions } = suite;

  describe('the end', () => {
    it('a reset by the network rejects what runs, and is reported once', async () => {
      const { connection, listener } = await connect();
      const running = rejection(connection.query({ text: 'select pg_sleep(300)' }));
      await waitUntil(async () => (await sessions()) === 1, { what: 'the session' });
      suite.cluster.primary.proxy.reset();
      expect(await running).toBeInstanceOf(Error);
      await waitUntil(() => listener.closures.length === 1, { what: 'the end' });
      expect(connection.closed).toBe(true);
    });

    it('destroy rejects what runs, is reported once, and may be called again', async () => {
      const { connection, listener } = await connect();
      const running = rejection(connection.query({ text: 'select pg_sleep(300)' }));
      connection.destroy();
      connection.destroy();
      expect(await running).toBeInstanceOf(Error);
      await waitUntil(() => listener.closures.length === 1, { what: 'the end' });
      const late = await rejection(connection.query({ text: 'select 1' }));
      expect(late).toMatchObject(NOT_SENT);
      expect(listener.closures).toHaveLength(1);
    });

    it('end says goodbye: the session is gone, and nothing rejects', async () => {
      const { connection, listener } = await connect();
      await connection.end();
      await connection.end();
      await waitUntil(async () => (await sessions()) === 0, { what: 'the session to be gone' });
      expect(connection.closed).toBe(true);
      expect(listener.closures).toHaveLength(1);
    });

    it('keeps the process alive only while it is referenced', async () => {
      const { connection } = await connect();
      connection.setRef(true);
      const held = socketCount();
      connection.setRef(false);
      expect(socketCount()).toBe(held - 1);
      connection.setRef(true);
      expect(socketCount()).toBe(held);
    });
  });
}
