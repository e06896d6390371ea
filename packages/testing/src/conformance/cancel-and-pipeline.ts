import type { DriverConnection, PipelinedStatement } from 'pgherd/connection';
import { waitUntil } from '../wait.ts';
import { BEHIND_FATAL, rejection } from './rejection.ts';
import { NEVER, type Suite } from './suite.ts';

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
    if (connection.pipeline === undefined) throw new Error('The connection has no pipeline.');
    connection.pipeline(one);
  });
}

/** A request to cancel reaches what runs, and nothing else. */
export function describeCancel(suite: Suite): void {
  const { describe, it, expect, connect } = suite;

  describe('cancel', () => {
    it('ends what runs, and the session goes on', async () => {
      const { connection } = await connect();
      const running = rejection(connection.query({ text: 'select pg_sleep(300)' }));
      const text = "select 1 from pg_stat_activity where query = 'select pg_sleep(300)' and state = 'active'";
      await waitUntil(async () => (await suite.cluster.primary.sql(text)).length > 0, {
        what: 'the statement',
      });
      await connection.cancel?.(NEVER);
      expect(await running).toMatchObject({ code: '57014' });
      expect((await connection.query({ text: 'select 1 as n' })).rows).toEqual([{ n: 1 }]);
    });
  });
}

/** Statements that share a connection. */
export function describePipeline({ describe, it, expect, connect }: Suite): void {
  describe('pipeline', () => {
    it('answers in order, and each statement is a transaction of its own', async () => {
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

    it('fails statements behind a FATAL and says so: none was executed', async () => {
      const { connection } = await connect();
      await pipelined(connection, 'select $1::int as n', [1]);
      const [first, ...behind] = await Promise.all([
        rejection(pipelined(connection, 'select pg_terminate_backend(pg_backend_pid())')),
        rejection(pipelined(connection, 'select $1::int as n', [2])),
        rejection(pipelined(connection, 'select 3 as n')),
      ]);
      expect(first).toMatchObject({ code: '57P01', severity: 'FATAL' });
      for (const error of behind) expect(error).toMatchObject(BEHIND_FATAL);
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
}
