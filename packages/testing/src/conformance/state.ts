import { rejection } from './rejection.ts';
import type { Suite } from './suite.ts';

/** Statements that change the session, each in a way of its own. */
const CHANGES = [
  "set work_mem = '5MB'",
  'listen news',
  'prepare p as select 1',
  'create temporary table scratch (n int)',
  'create temporary table scratch as select 1 as n',
  'select 1 as n into temporary scratch',
  "select set_config('work_mem', '5MB', false)",
  'select pg_advisory_lock(4711)',
  'do $$ begin end $$',
];

/** What a connection knows of its session. */
export function describeState({ describe, it, expect, connect }: Suite): void {
  describe('state of the session', () => {
    it('has the transaction status of the last answer, also after an error', async () => {
      const { connection } = await connect();
      await connection.query({ text: 'begin' });
      expect(connection.status).toBe('in-transaction');
      await rejection(connection.query({ text: 'select 1/0' }));
      expect(connection.status).toBe('failed');
      await connection.query({ text: 'rollback' });
      expect(connection.status).toBe('idle');
    });

    for (const text of CHANGES) {
      it(`is dirty after: ${text}; and as new after reset`, async () => {
        const { connection } = await connect();
        await connection.query({ text });
        expect(connection.dirty).toBe(true);
        await connection.reset();
        expect(connection.dirty).toBe(false);
        const { rows } = await connection.query({
          text: `select current_setting('work_mem') <> '5MB' as memory, to_regclass('pg_temp.scratch') as scratch,
            (select count(*)::int from pg_listening_channels()) as channels,
            (select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks`,
        });
        expect(rows).toEqual([{ memory: true, scratch: null, channels: 0, locks: 0 }]);
      });
    }

    it('shows, if it can, whether it is the turn of the server, and how much came from it', async () => {
      const { connection } = await connect();
      const { traffic: before } = connection;
      if (before === undefined) return;
      expect(before.awaitsServer).toBe(false);
      const answer = connection.query({ text: 'select pg_sleep(1), 1 as n' });
      await new Promise((resolve) => setImmediate(resolve));
      expect(connection.traffic).toEqual({ awaitsServer: true, received: before.received });
      await answer;
      expect(connection.traffic?.awaitsServer).toBe(false);
      expect(connection.traffic?.received).toBeGreaterThan(before.received);
      if (connection.copyIn === undefined) return;
      await connection.query({ text: 'create temporary table taken (n int)' });
      const copy = await connection.copyIn('copy taken from stdin');
      await copy.end();
      expect(connection.traffic?.awaitsServer).toBe(false);
    });

    it("is not dirty after ordinary work, nor after the library's own SQL", async () => {
      const { connection } = await connect();
      await connection.query({ text: 'select 1' });
      await connection.query({ text: 'begin' });
      await connection.query({ text: 'commit' });
      await connection.simple("set work_mem = '5MB'");
      expect(connection.dirty).toBe(false);
    });
  });
}

/** `DISCARD ALL`, and what has to survive it. */
export function describeReset({ describe, it, expect, connect }: Suite): void {
  describe('a reset', () => {
    it('leaves named statements usable', async () => {
      const { connection } = await connect();
      const named = { name: 'again', text: 'select 1 as n' };
      await connection.query(named);
      await connection.reset();
      expect((await connection.query(named)).rows).toEqual([{ n: 1 }]);
    });

    it('leaves named statements usable inside a transaction, and drops those of PREPARE', async () => {
      const { connection } = await connect();
      const named = { name: 'kept', text: 'select $1::int as n', values: [1] };
      await connection.query(named);
      await connection.query({ text: 'prepare mine as select 1' });
      await connection.reset();
      await connection.query({ text: 'begin' });
      expect((await connection.query(named)).rows).toEqual([{ n: 1 }]);
      const text = "select count(*)::int as n from pg_prepared_statements where name = 'mine'";
      expect((await connection.query({ text })).rows).toEqual([{ n: 0 }]);
      await connection.query({ text: 'rollback' });
      expect(connection.status).toBe('idle');
    });

    it('restores the role and the parameters that the session began with', async () => {
      const { connection } = await connect({ startup: { work_mem: '7MB' } });
      await connection.query({ text: 'set role pg_monitor' }).catch(() => undefined);
      await connection.query({ text: "set work_mem = '5MB'" });
      await connection.reset();
      const text = "select current_user::text as who, current_setting('work_mem') as work_mem";
      expect((await connection.query({ text })).rows).toEqual([{ who: 'app', work_mem: '7MB' }]);
    });
  });
}
