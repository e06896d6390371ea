import { waitUntil } from '@pgherd/testing';
import type { DriverConnection, PipelinedStatement } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { rejection } from '../support.ts';
import { type ConformanceBench, IN_CLEAR, NEVER, Recorder } from './bench.ts';

/** How a pipelined statement ended: its rows, or the error. */
function pipelined(
  connection: DriverConnection,
  text: string,
  values: readonly unknown[] = [],
  prepare = true,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const one: PipelinedStatement = {
      statement: { text, values },
      prepare,
      answered: (rows) => resolve(rows),
      failed: reject,
    };
    connection.pipeline?.(one);
  });
}

/** Who a session is, whom it tells what, and what becomes of what is in flight. */
export function sessionConformance(bench: ConformanceBench): void {
  const { connect, request } = bench;

  describe('who the session is', () => {
    it('tells its process number and the address of the other side', async () => {
      const { connection } = await connect();
      const { rows } = await connection.query({ text: 'select pg_backend_pid() as pid' });
      expect(connection.backendPid).toBe(rows[0]?.['pid']);
      expect(connection.remoteAddress).toBe('127.0.0.1');
      connection.destroy();
      expect(connection.remoteAddress).toBe('127.0.0.1');
    });

    it.each(['require', 'verify-full'] as const)('speaks TLS: %s', async (mode) => {
      const verify = mode === 'require' ? 'none' : 'full';
      const rootCert = bench.cluster.tls?.rootCertFile;
      const { connection } = await connect({ tls: { ...IN_CLEAR, mode, verify, rootCert } });
      const text = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()';
      expect((await connection.query({ text })).rows).toEqual([{ ssl: true }]);
    });

    it('refuses a certificate that nobody vouches for', async () => {
      const tls = { ...IN_CLEAR, mode: 'verify-full', verify: 'full' } as const;
      const error = await rejection(bench.driver.connect(request({ tls }), new Recorder(), NEVER));
      expect(error).toMatchObject({ code: 'PGHERD_TLS_FAILED' });
    });

    it('does not answer a server that asks for less than require_auth', async () => {
      const changes = request({ requireAuth: ['none'] });
      const error = await rejection(bench.driver.connect(changes, new Recorder(), NEVER));
      expect(error).toMatchObject({ code: 'PGHERD_AUTHENTICATION_FAILED' });
    });
  });

  describe('cancel and pipeline', () => {
    it('cancels what runs, and the session goes on', async () => {
      const { connection } = await connect();
      const running = rejection(connection.query({ text: 'select pg_sleep(30)' }));
      const text = "select 1 from pg_stat_activity where query = 'select pg_sleep(30)' and state = 'active'";
      await waitUntil(async () => (await bench.cluster.primary.sql(text)).length > 0);
      await connection.cancel?.(NEVER);
      expect(await running).toMatchObject({ code: '57014' });
      expect((await connection.query({ text: 'select 1 as n' })).rows).toEqual([{ n: 1 }]);
    });

    it('answers pipelined statements in order, each a transaction of its own', async () => {
      const { connection } = await connect();
      const text = 'select 10 / $1::int as n';
      const ends = await Promise.allSettled([
        ...[1, 2, 0, 5].map((n) => pipelined(connection, text, [n])),
        pipelined(connection, 'select 7 as n', [], false),
      ]);
      expect(ends.map((end) => (end.status === 'fulfilled' ? end.value : end.reason))).toMatchObject([
        [{ n: 10 }],
        [{ n: 5 }],
        { code: '22012' },
        [{ n: 2 }],
        [{ n: 7 }],
      ]);
      expect(connection.status).toBe('idle');
    });

    it('behind a FATAL nothing was executed, and it is told so', async () => {
      const { connection } = await connect();
      await pipelined(connection, 'select $1::int as n', [1]);
      const [first, ...behind] = await Promise.all([
        rejection(pipelined(connection, 'select pg_terminate_backend(pg_backend_pid())')),
        rejection(pipelined(connection, 'select $1::int as n', [2])),
        rejection(pipelined(connection, 'select 3 as n')),
      ]);
      expect(first).toMatchObject({ code: '57P01', severity: 'FATAL' });
      for (const error of behind) expect(error).toMatchObject({ code: 'PGHERD_CONNECTION_LOST' });
    });

    it('refuses at once what cannot be sent', async () => {
      const { connection } = await connect();
      const circular: Record<string, unknown> = {};
      circular['self'] = circular;
      const error = await rejection(pipelined(connection, 'select $1::json', [circular]));
      expect(error).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
      expect(await pipelined(connection, 'select 1 as n')).toEqual([{ n: 1 }]);
    });
  });

  describe('a session that is gone', () => {
    it('is never replaced by another one: what comes later is not sent', async () => {
      const { connection, told } = await connect();
      await connection.query({ text: "set work_mem = '5MB'" });
      await bench.terminate(connection);
      await waitUntil(() => told.closures.length > 0);
      for (const work of [
        () => connection.query({ text: 'select 1' }),
        () => connection.simple('select 1'),
      ]) {
        expect(await rejection(work())).toMatchObject({ code: 'PGHERD_CONNECTION_LOST' });
      }
      await waitUntil(async () => (await bench.sessions()) === 0);
      expect(told.closures).toHaveLength(1);
    });

    it('what is handed over in the moment of its end is settled', async () => {
      const { connection, told } = await connect();
      bench.cluster.primary.proxy.reset();
      const ends: unknown[] = [];
      await waitUntil(async () => {
        ends.push(await connection.query({ text: 'select 1' }).catch((error: unknown) => error));
        return told.closures.length > 0;
      });
      expect(await rejection(connection.query({ text: 'select 1' }))).toMatchObject({
        code: 'PGHERD_CONNECTION_LOST',
      });
      expect(ends.at(-1)).toBeInstanceOf(Error);
    });
  });

  describe('notifications', () => {
    it('come with channel, payload and the process that sent them', async () => {
      const { connection, told } = await connect();
      await connection.query({ text: 'listen "Odd channel"' });
      const { connection: other } = await connect();
      await other.query({ text: `select pg_notify('Odd channel', 'hay, "needle"')` });
      await waitUntil(() => told.notifications.length > 0);
      const processId = other.backendPid;
      expect(told.notifications).toEqual([{ channel: 'Odd channel', payload: 'hay, "needle"', processId }]);
    });
  });

  describe('a reset', () => {
    it('keeps named statements usable, also inside a transaction', async () => {
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

    it('gives back the role that the session began with', async () => {
      const { connection } = await connect({ startup: { work_mem: '7MB' } });
      await connection.query({ text: 'set role pg_monitor' }).catch(() => undefined);
      await connection.query({ text: "set work_mem = '5MB'" });
      await connection.reset();
      const text = "select current_user::text as who, current_setting('work_mem') as work_mem";
      expect((await connection.query({ text })).rows).toEqual([{ who: 'app', work_mem: '7MB' }]);
    });
  });
}
