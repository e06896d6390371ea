import { waitUntil } from '@pgherd/testing';
import { type Driver, Secret } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { conformanceBench, NEVER, Recorder } from './conformance/bench.ts';
import { hostileServers } from './conformance/hostile.ts';
import { sessionConformance } from './conformance/session.ts';
import { valueConformance } from './conformance/values.ts';
import { rejection } from './support.ts';

/** Which server the suite runs on. */
export interface ConformanceOptions {
  /** Major version. Default: the newest one installed. */
  readonly version?: number | undefined;
}

/** What every adapter of the driver port must do; called at the top of a test file. */
export function driverConformance(
  name: string,
  makeDriver: () => Driver,
  options: ConformanceOptions = {},
): void {
  describe(`driver ${name} on PostgreSQL ${options.version ?? 'as installed'}`, () => {
    const driver = makeDriver();
    const bench = conformanceBench(driver, { version: options.version, tls: true });
    const { request, connect, terminate, sessions } = bench;

    sessionConformance(bench);
    valueConformance(bench);
    hostileServers(makeDriver);

    describe('connect', () => {
      it('opens a session with the name, startup parameters and role asked for', async () => {
        const startup = { work_mem: '5MB', search_path: 'a\\b, "with space"', options: '-c lock_timeout=7s' };
        const { connection } = await connect({ startup });
        const { rows } = await connection.query({
          text: `select current_user::text as who, current_setting('application_name') as app,
            current_setting('work_mem') as work_mem, current_setting('search_path') as path,
            current_setting('lock_timeout') as lock_timeout`,
        });
        expect(rows).toEqual([
          { who: 'app', app: 'conformance', work_mem: '5MB', path: 'a\\b, "with space"', lock_timeout: '7s' },
        ]);
        expect(connection).toMatchObject({ closed: false, dirty: false, status: 'idle' });
      });

      it('tells the parameters of the server, to the listener and in the map', async () => {
        const { connection, told } = await connect();
        expect(connection.parameters.get('server_version')).toMatch(
          new RegExp(`^${bench.cluster.version}\\b`),
        );
        expect(Object.fromEntries(told.parameters)).toEqual(Object.fromEntries(connection.parameters));
        if (bench.cluster.version >= 14) {
          expect(connection.parameters.get('in_hot_standby')).toBe('off');
          expect(connection.parameters.get('default_transaction_read_only')).toBe('off');
        }
        await connection.simple("set application_name = 'renamed'");
        expect(told.parameters.at(-1)).toEqual(['application_name', 'renamed']);
        expect(connection.parameters.get('application_name')).toBe('renamed');
      });

      it('tells a parameter that changes of that connection alone', async () => {
        const [{ connection }, { connection: earlier }] = [await connect(), await connect()];
        await connection.simple("set application_name = 'renamed'");
        const { connection: later } = await connect();
        const names = [connection, earlier, later].map(({ parameters }) =>
          parameters.get('application_name'),
        );
        expect(names).toEqual(['renamed', 'conformance', 'conformance']);
      });

      it.each([
        ['a wrong password', { password: new Secret('wrong') }, '28P01'],
        ['an unknown role', { user: 'nobody_at_all' }, '28P01'],
        ['a missing database', { database: 'nowhere' }, '3D000'],
      ])('rejects %s with the error of the server, and tells the listener nothing', async (_what, changes, code) => {
        const told = new Recorder();
        const error = await rejection(driver.connect(request(changes), told, NEVER));
        expect(error).toMatchObject({ code, severity: 'FATAL' });
        expect(JSON.stringify([error, String(error)])).not.toContain('wrong');
        expect(told.closures).toEqual([]);
      });

      it('rejects where no password is configured and one is asked for', async () => {
        const told = new Recorder();
        const error = await rejection(driver.connect(request({ password: undefined }), told, NEVER));
        expect(error).toMatchObject({ code: 'PGHERD_AUTHENTICATION_FAILED' });
      });

      it('rejects with the error of the system where nobody listens', async () => {
        await bench.cluster.primary.partition({ mode: 'refuse' });
        const error = await rejection(driver.connect(request(), new Recorder(), NEVER));
        expect(error).toMatchObject({ code: 'ECONNREFUSED' });
      });

      it('rejects with the reason of an abort, at once, whatever it waits for', async () => {
        const reason = new Error('enough');
        const before = AbortSignal.abort(reason);
        expect(await rejection(driver.connect(request(), new Recorder(), before))).toBe(reason);
        // Accepted by the kernel, never answered: a frozen server.
        await bench.cluster.primary.partition({ mode: 'blackhole' });
        const held = sockets();
        const controller = new AbortController();
        const told = new Recorder();
        const pending = rejection(driver.connect(request(), told, controller.signal));
        await waitUntil(() => bench.cluster.primary.proxy.connections > 0);
        controller.abort(reason);
        expect(await pending).toBe(reason);
        expect(told.closures).toEqual([]);
        await waitUntil(() => sockets() === held, { what: 'the socket to be gone' });
      });

      it('an abort after the connection was made does nothing', async () => {
        const controller = new AbortController();
        const connection = await driver.connect(request(), new Recorder(), controller.signal);
        bench.keep(connection);
        controller.abort();
        expect((await connection.simple('select 1 as n')).rows).toHaveLength(1);
      });
    });

    describe('statements', () => {
      it('gives rows, count, fields and command', async () => {
        const { connection } = await connect();
        const result = await connection.query({
          text: 'select $1::int as n, $2::text as t',
          values: [1, 'x'],
        });
        expect(result).toMatchObject({ rows: [{ n: 1, t: 'x' }], rowCount: 1, command: 'SELECT' });
        expect(result.fields.map((field) => [field.name, field.dataTypeID])).toEqual([
          ['n', 23],
          ['t', 25],
        ]);
        const arrays = await connection.query({ text: 'select 1 as a, 2 as a', rowMode: 'array' });
        expect(arrays.rows).toEqual([[1, 2]]);
        const named = { name: 'n', text: 'select $1::int as n' };
        for (const n of [1, 2]) {
          expect((await connection.query({ ...named, values: [n] })).rows).toEqual([{ n }]);
        }
      });

      it('keeps severity and SQLSTATE of an error, and goes on', async () => {
        const { connection } = await connect();
        expect(await rejection(connection.query({ text: 'select 1/0' }))).toMatchObject({
          code: '22012',
          severity: 'ERROR',
        });
        expect(connection).toMatchObject({ closed: false, status: 'idle' });
        expect((await connection.query({ text: 'select 1 as n' })).rows).toEqual([{ n: 1 }]);
      });

      it('refuses several statements in one query, and runs none of them', async () => {
        const { connection } = await connect();
        const text = 'create table conformance_two (n int); select 1';
        expect(await rejection(connection.query({ text }))).toMatchObject({ code: '42601' });
        const { rows } = await connection.query({ text: "select to_regclass('conformance_two') as t" });
        expect(rows).toEqual([{ t: null }]);
      });

      it('simple runs several and gives the last result', async () => {
        const { connection } = await connect();
        expect((await connection.simple('select 1 as a; select 2 as b')).rows).toEqual([{ b: 2 }]);
      });

      it('settles a statement that the driver itself refuses, and goes on', async () => {
        const { connection } = await connect();
        const circular: Record<string, unknown> = {};
        circular['self'] = circular;
        const refused = await rejection(connection.query({ text: 'select $1::json', values: [circular] }));
        expect(refused).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
        expect((await connection.query({ text: 'select 1 as n' })).rows).toEqual([{ n: 1 }]);
      });
    });

    describe('state of the session', () => {
      it('tells the transaction status as of the last answer, also after an error', async () => {
        const { connection } = await connect();
        await connection.query({ text: 'begin' });
        expect(connection.status).toBe('in-transaction');
        await rejection(connection.query({ text: 'select 1/0' }));
        expect(connection.status).toBe('failed');
        await connection.query({ text: 'rollback' });
        expect(connection.status).toBe('idle');
      });

      it.each([
        "set work_mem = '5MB'",
        'listen news',
        'prepare p as select 1',
        'create temporary table scratch (n int)',
        'create temporary table scratch as select 1 as n',
        'select 1 as n into temporary scratch',
        "select set_config('work_mem', '5MB', false)",
        'select pg_advisory_lock(4711)',
        'do $$ begin end $$',
      ])('is dirty after: %s; and as new after reset', async (text) => {
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

      it('is not dirty after ordinary work, nor after text of the library', async () => {
        const { connection } = await connect();
        await connection.query({ text: 'select 1' });
        await connection.query({ text: 'begin' });
        await connection.query({ text: 'commit' });
        await connection.simple("set work_mem = '5MB'");
        expect(connection.dirty).toBe(false);
      });

      it('prepares named statements anew after a reset', async () => {
        const { connection } = await connect();
        const named = { name: 'again', text: 'select 1 as n' };
        await connection.query(named);
        await connection.reset();
        expect((await connection.query(named)).rows).toEqual([{ n: 1 }]);
      });
    });

    describe('what the server says by itself', () => {
      it('notices and warnings come with severity, SQLSTATE and routine', async () => {
        const { connection, told } = await connect();
        await connection.simple(
          "do $$ begin raise notice 'hay'; raise warning 'rain' using errcode = '01234'; end $$",
        );
        expect(told.messages).toMatchObject([
          { severity: 'NOTICE', sqlState: '00000', message: 'hay' },
          { severity: 'WARNING', sqlState: '01234', message: 'rain' },
        ]);
        expect(told.messages[0]?.routine).toBeTypeOf('string');
      });

      it('a FATAL while idle is told before the end, and the end once', async () => {
        const { connection, told } = await connect();
        await terminate(connection);
        await waitUntil(() => told.closures.length > 0);
        expect(told.messages).toMatchObject([{ severity: 'FATAL', sqlState: '57P01' }]);
        expect(connection.closed).toBe(true);
        await waitUntil(async () => (await sessions()) === 0);
        await connection.end();
        connection.destroy();
        expect(told.closures).toHaveLength(1);
      });

      it('a FATAL while a statement runs rejects that statement with it', async () => {
        const { connection, told } = await connect();
        const running = rejection(connection.query({ text: 'select pg_sleep(30)' }));
        await waitUntil(async () => {
          const text =
            "select pg_terminate_backend(pid) as ok from pg_stat_activity where query like 'select pg_sleep(3%'";
          return (await bench.cluster.primary.sql(text)).length > 0;
        });
        expect(await running).toMatchObject({ code: '57P01', severity: 'FATAL' });
        await waitUntil(() => told.closures.length === 1);
        expect(connection.closed).toBe(true);
      });
    });

    describe('the end', () => {
      it('a reset by the network rejects what runs, and is told once', async () => {
        const { connection, told } = await connect();
        const running = rejection(connection.query({ text: 'select pg_sleep(30)' }));
        await waitUntil(async () => (await sessions()) === 1);
        bench.cluster.primary.proxy.reset();
        expect(await running).toBeInstanceOf(Error);
        await waitUntil(() => told.closures.length === 1);
        expect(connection.closed).toBe(true);
      });

      it('destroy rejects what runs, is told once, and may be called again', async () => {
        const { connection, told } = await connect();
        const running = rejection(connection.query({ text: 'select pg_sleep(30)' }));
        connection.destroy();
        connection.destroy();
        expect(await running).toBeInstanceOf(Error);
        await waitUntil(() => told.closures.length === 1);
        const late = await rejection(connection.query({ text: 'select 1' }));
        expect(late).toMatchObject({ code: 'PGHERD_CONNECTION_LOST' });
        expect(told.closures).toHaveLength(1);
      });

      it('end says goodbye: the session is gone, and nothing rejects', async () => {
        const { connection, told } = await connect();
        await connection.end();
        await connection.end();
        await waitUntil(async () => (await sessions()) === 0);
        expect(connection.closed).toBe(true);
        expect(told.closures).toHaveLength(1);
      });

      it('counts the bytes it received', async () => {
        const { connection } = await connect();
        const before = connection.bytesReceived;
        expect(before).toBeGreaterThan(0);
        await connection.query({ text: "select repeat('x', 1000) as x" });
        expect(connection.bytesReceived).toBeGreaterThan(before + 1000);
      });

      it('keeps the process alive only while it is referenced', async () => {
        const { connection } = await connect();
        connection.setRef(true);
        const held = sockets();
        connection.setRef(false);
        expect(sockets()).toBe(held - 1);
        connection.setRef(true);
        expect(sockets()).toBe(held);
      });
    });
  });
}

function sockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}
