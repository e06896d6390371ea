import { waitUntil } from '../wait.ts';
import { RecordingListener } from './recording-listener.ts';
import { rejection } from './rejection.ts';
import { socketCount } from './sockets.ts';
import { NEVER, type Suite } from './suite.ts';

/** A session begins with what was asked for, and reports the server's parameters. */
export function describeConnect(suite: Suite): void {
  const { describe, it, expect, connect } = suite;

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

    it('reports the parameters of the server, to the listener and in the map', async () => {
      const { connection, listener } = await connect();
      const version = connection.parameters.get('server_version') ?? '';
      expect(Number.parseInt(version, 10)).toBe(suite.cluster.version);
      expect(Object.fromEntries(listener.parameters)).toEqual(Object.fromEntries(connection.parameters));
      if (suite.cluster.version >= 14) {
        expect(connection.parameters.get('in_hot_standby')).toBe('off');
        expect(connection.parameters.get('default_transaction_read_only')).toBe('off');
      }
      await connection.simple("set application_name = 'renamed'");
      expect(listener.parameters.at(-1)).toEqual(['application_name', 'renamed']);
      expect(connection.parameters.get('application_name')).toBe('renamed');
    });

    it('reports a changed parameter for that connection alone', async () => {
      const [{ connection }, { connection: earlier }] = [await connect(), await connect()];
      await connection.simple("set application_name = 'renamed'");
      const { connection: later } = await connect();
      const names = [connection, earlier, later].map(({ parameters }) => parameters.get('application_name'));
      expect(names).toEqual(['renamed', 'conformance', 'conformance']);
    });

    it('has the methods that its capabilities name', async () => {
      const { connection } = await connect();
      const { cancel, pipelining, batch, cursor, copy } = suite.driver.capabilities;
      const methods = [
        [cancel, connection.cancel],
        [pipelining, connection.pipeline],
        [batch, connection.batch],
        [cursor, connection.cursor],
        [copy, connection.copyIn],
        [copy, connection.copyOut],
      ] as const;
      for (const [named, method] of methods) if (named === true) expect(typeof method).toBe('function');
    });
  });
}

/** A connection that does not come about is an error, and no news for the listener. */
export function describeRefusals(suite: Suite): void {
  const { describe, it, expect, request, driver } = suite;

  describe('a connection that is refused or aborted', () => {
    const refused = [
      ['a wrong password', { password: new suite.pgherd.Secret('wrong') }, '28P01'],
      ['an unknown role', { user: 'no_such_role' }, '28P01'],
      ['a missing database', { database: 'nowhere' }, '3D000'],
    ] as const;
    for (const [what, changes, code] of refused) {
      it(`rejects ${what} with the error of the server, and reports nothing to the listener`, async () => {
        const listener = new RecordingListener();
        const error = await rejection(driver.connect(request(changes), listener, NEVER));
        expect(error).toMatchObject({ code, severity: 'FATAL' });
        expect(JSON.stringify([error, String(error)])).not.toContain('wrong');
        expect(listener.closures).toEqual([]);
      });
    }

    it('rejects if the server asks for a password and none is configured', async () => {
      const changes = request({ password: undefined });
      const error = await rejection(driver.connect(changes, new RecordingListener(), NEVER));
      expect(error).toMatchObject({ code: 'PGHERD_AUTHENTICATION_FAILED' });
    });

    it('rejects with the error of the system if nothing listens there', async () => {
      await suite.cluster.primary.partition({ mode: 'refuse' });
      const error = await rejection(driver.connect(request(), new RecordingListener(), NEVER));
      expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    });

    it('rejects with the reason of an abort, at once, whatever it waits for', async () => {
      const reason = new Error('enough');
      const before = AbortSignal.abort(reason);
      expect(await rejection(driver.connect(request(), new RecordingListener(), before))).toBe(reason);
      // Accepted by the kernel, never answered: a frozen server.
      await suite.cluster.primary.partition({ mode: 'blackhole' });
      const held = socketCount();
      const controller = new AbortController();
      const listener = new RecordingListener();
      const pending = rejection(driver.connect(request(), listener, controller.signal));
      await waitUntil(() => suite.cluster.primary.proxy.connections > 0, { what: 'the connection' });
      controller.abort(reason);
      expect(await pending).toBe(reason);
      expect(listener.closures).toEqual([]);
      await waitUntil(() => socketCount() === held, { what: 'the socket to be gone' });
    });

    it('ignores an abort after the connection was made', async () => {
      const controller = new AbortController();
      const connection = await driver.connect(request(), new RecordingListener(), controller.signal);
      suite.keep(connection);
      controller.abort();
      expect((await connection.simple('select 1 as n')).rows).toHaveLength(1);
    });
  });
}
