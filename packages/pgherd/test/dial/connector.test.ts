import { beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionListener, ConnectRequest, Driver, DriverResult } from '../../src/connection/port.ts';
import { Connector } from '../../src/dial/connector.ts';
import type { NodeLabels } from '../../src/model/topology.ts';
import type { ClusterOptions } from '../../src/options/options.ts';
import { resolveSettings } from '../../src/options/settings.ts';
import { PoolerConnection } from '../../src/pooler/pooler-connection.ts';
import { NO_LABELS, unknownNode } from '../../src/topology/node.ts';
import { ScriptedConnection, serverError } from '../support/scripted-connection.ts';
import { type VirtualClock, virtualClock } from '../support/virtual-clock.ts';

interface Dialled {
  readonly request: ConnectRequest;
  readonly listener: ConnectionListener;
  readonly connection: ScriptedConnection;
}

const never = new AbortController().signal;
const refused = serverError('unsupported startup parameter: options', '08P01', 'FATAL');

let clock: VirtualClock;
let dialled: Dialled[];
let told: string[];
let outdated: string[];
/** What the next connections are, in order; then a direct one each. */
let script: (ScriptedConnection | Error)[];

beforeEach(() => {
  clock = virtualClock();
  [dialled, told, outdated, script] = [[], [], [], []];
});

function direct(remoteAddress = '10.0.0.1'): ScriptedConnection {
  const connection = new ScriptedConnection({ backendPid: 7, remoteAddress });
  connection.answer = (text) => ({ rows: text.includes('pg_backend_pid') ? [{ pid: '7' }] : [] });
  return connection;
}

function behindPooler(): ScriptedConnection {
  const connection = new ScriptedConnection({ backendPid: -1, remoteAddress: '10.0.0.1' });
  connection.answer = (text) => ({ rows: text.includes('pg_backend_pid') ? [{ pid: '7' }] : [] });
  return connection;
}

/** Like a real one: what waits for an answer is rejected when it is destroyed. */
function silent(): ScriptedConnection & { reply(error?: Error): void } {
  const connection = behindPooler();
  let settle: (error?: Error) => void = () => undefined;
  connection.answer = () =>
    new Promise<Partial<DriverResult>>((resolve, reject) => {
      settle = (error) => (error === undefined ? resolve({}) : reject(error));
    });
  const destroy = connection.destroy.bind(connection);
  connection.destroy = () => {
    destroy();
    settle(new Error('Connection terminated unexpectedly'));
  };
  return Object.assign(connection, { reply: (error?: Error) => settle(error) });
}

function connector(options: Partial<ClusterOptions> = {}, labels: Partial<NodeLabels> = {}): Connector {
  const driver: Driver = {
    name: 'scripted',
    capabilities: { parameterStatus: true, transactionStatus: true },
    async connect(request, listener, signal) {
      signal.throwIfAborted();
      const next = script.shift() ?? direct();
      if (next instanceof Error) throw next;
      dialled.push({ request, listener, connection: next });
      listener.parameter('in_hot_standby', 'on');
      return next;
    },
  };
  const url = 'postgresql://app:secret@db.test:5432/shop';
  const settings = resolveSettings({ url, clock, env: {}, ...options }, driver);
  const [host] = settings.plan.hosts;
  if (host === undefined) throw new Error('no host');
  const node = unknownNode(host, { ...NO_LABELS, ...labels });
  return new Connector({
    name: node.name,
    listed: node.name,
    settings,
    describe: () => node,
    outdated: (reason) => outdated.push(reason),
    warned: (message) => told.push(message),
    loginsChanged: () => undefined,
    lookUp: () => undefined,
    reached: () => undefined,
  });
}

const deaf: ConnectionListener = { parameter() {}, message() {}, closed() {} };

function hearing(): { listener: ConnectionListener; heard: string[] } {
  const heard: string[] = [];
  const listener: ConnectionListener = {
    parameter: (name, value) => heard.push(`${name}=${value}`),
    message: ({ message }) => heard.push(message),
    closed: () => heard.push('closed'),
  };
  return { listener, heard };
}

describe('a server itself', () => {
  it('is asked for its process once, and its parameters are believed', async () => {
    const one = connector();
    const { listener, heard } = hearing();
    const first = await one.connectMonitor(listener, never);
    await one.connectMonitor(deaf, never);
    expect(first).toBe(dialled[0]?.connection);
    expect(dialled.map(({ connection }) => connection.sent.length)).toEqual([1, 0]);
    expect(heard).toEqual(['in_hot_standby=on']);
    dialled[0]?.listener.closed(undefined);
    expect(heard).toEqual(['in_hot_standby=on', 'closed']);
    expect([one.behindPooler, told]).toEqual([false, []]);
  });

  it('gets startup parameters, and is told that a connection is for reads', async () => {
    const one = connector({ url: 'postgresql://app@db.test/shop?options=-c%20geqo%3Doff&schema=a' });
    await one.connect('read-only', deaf, never);
    await one.connect('read-write', deaf, never);
    const common = { options: '-c geqo=off', search_path: 'a' };
    expect(dialled.map(({ request }) => request.startup)).toEqual([
      { ...common, default_transaction_read_only: 'on' },
      common,
    ]);
  });

  it('too old is refused, and its connection destroyed', async () => {
    const old = new ScriptedConnection({ parameters: { server_version: '12.9' } });
    script = [old];
    await expect(connector().connect('read-write', deaf, never)).rejects.toMatchObject({
      code: 'PGHERD_SERVER_TOO_OLD',
    });
    expect(old.closed).toBe(true);
  });
});

describe('a pooler', () => {
  it('that names another process is found out: told once, old connections given up, nothing believed', async () => {
    script = [behindPooler(), behindPooler(), behindPooler()];
    const one = connector();
    const { listener, heard } = hearing();
    const connection = await one.connectMonitor(listener, never);
    expect(connection).toBeInstanceOf(PoolerConnection);
    expect(dialled.map((each) => each.connection.closed)).toEqual([true, false]);
    expect(await one.connect('read-only', listener, never)).toBeInstanceOf(PoolerConnection);
    expect(dialled[2]?.request.startup).toEqual({});
    expect(heard).toEqual([]);
    expect(told).toHaveLength(1);
    expect(outdated).toEqual(['there is a pooler before the server']);
  });

  it('that refuses startup parameters gets none', async () => {
    script = [refused, behindPooler()];
    const one = connector();
    expect(await one.connect('read-only', deaf, never)).toBeInstanceOf(PoolerConnection);
    expect(dialled.map(({ request }) => request.startup)).toEqual([{}]);
    expect(told).toEqual([expect.stringContaining('unsupported startup parameter')]);
  });

  it('that refuses the startup parameters of several connections at once gets none from any of them', async () => {
    script = [refused, refused];
    const one = connector();
    const both = await Promise.all([
      one.connect('read-only', deaf, never),
      one.connect('read-only', deaf, never),
    ]);
    for (const connection of both) expect(connection).toBeInstanceOf(PoolerConnection);
    expect(told).toHaveLength(1);
  });

  it('that one connection has found is not forgotten because another one shows no sign of it', async () => {
    const unhurried = direct();
    let answer: () => void = () => undefined;
    unhurried.answer = () =>
      new Promise((resolve) => {
        answer = () => resolve({ rows: [{ pid: '7' }] });
      });
    script = [unhurried, refused];
    const one = connector();
    const monitor = one.connectMonitor(deaf, never);
    await clock.settle();
    await one.connect('read-only', deaf, never);
    answer();
    expect(await monitor).toBeInstanceOf(PoolerConnection);
    expect(one.behindPooler).toBe(true);
  });

  it('that is denied is a server, if all it shows is another process, and is not trusted with process numbers', async () => {
    script = [behindPooler(), behindPooler()];
    const one = connector({ pooler: false });
    const monitor = await one.connectMonitor(deaf, never);
    expect(monitor).toBe(dialled[0]?.connection);
    expect(dialled[0]?.connection.sent).toEqual([]);
    expect(one.namesBackends).toBe(true);
    const own = { backendPid: 7, postmasterStartedAt: 'one' };
    const session = await one.connect('read-only', deaf, never);
    for (const _round of [1, 2]) {
      expect(one.served(monitor, own)).toBe('as-known');
      expect(one.served(session, { ...own, backendPid: 8 })).toBe('as-known');
    }
    expect([one.behindPooler, one.namesBackends, told]).toEqual([false, false, []]);
  });

  it('that is denied is found out by two processes on one connection: told once, all is opened anew', async () => {
    script = [behindPooler(), behindPooler(), behindPooler()];
    const one = connector({ pooler: false });
    const [monitor, session] = [
      await one.connectMonitor(deaf, never),
      await one.connect('read-only', deaf, never),
    ];
    const own = { backendPid: 7, postmasterStartedAt: 'one' };
    expect(one.served(monitor, own)).toBe('as-known');
    expect(one.served(monitor, { ...own, backendPid: 8 })).toBe('outdated');
    expect(one.served(session, own)).toBe('outdated');
    expect(told).toEqual([expect.stringMatching(/two processes .* The option pooler, or .* is false/)]);
    expect(outdated).toEqual(['there is a pooler before the server']);
    const after = await one.connectMonitor(deaf, never);
    expect(after).toBeInstanceOf(PoolerConnection);
    expect(one.served(after, own)).toBe('as-known');
    expect([one.behindPooler, one.namesBackends, told.length]).toEqual([true, false, 1]);
  });

  it('that is denied is found out by one process on two connections, which are looked at again before', async () => {
    script = [behindPooler(), behindPooler()];
    const one = connector({ pooler: false });
    const own = { backendPid: 7, postmasterStartedAt: 'one' };
    const [monitor, session] = [
      await one.connectMonitor(deaf, never),
      await one.connect('read-only', deaf, never),
    ];
    expect(one.served(monitor, own)).toBe('as-known');
    expect(one.served(session, own)).toBe('look-again');
    expect(one.served(monitor, own)).toBe('outdated');
    expect(told).toEqual([expect.stringContaining('one process of the server')]);
  });

  it('that is denied is found out by the startup parameters that it refuses: nothing else gets in', async () => {
    script = [behindPooler(), refused, behindPooler()];
    const one = connector({ pooler: false });
    await one.connectMonitor(deaf, never);
    expect(await one.connect('read-only', deaf, never)).toBeInstanceOf(PoolerConnection);
    expect(told).toEqual([expect.stringContaining('unsupported startup parameter')]);
  });

  it('lets the monitor in when its server has answered, over whichever connection that is first', async () => {
    const [first, second] = [silent(), silent()];
    script = [first, second];
    const one = connector({ pooler: true });
    const work = one.connectMonitor(deaf, never);
    await clock.advance(99);
    expect(dialled).toHaveLength(1);
    await clock.advance(1);
    expect(dialled).toHaveLength(2);
    second.reply();
    await work;
    await clock.advance(1_000);
    expect([first.closed, second.closed, dialled.length]).toEqual([true, false, 2]);
    expect(clock.pending).toBe(0);
  });

  it('says over a later connection what the first one waits for in vain', async () => {
    const [first, second] = [silent(), silent()];
    script = [first, second];
    const work = connector({ pooler: true }).connectMonitor(deaf, never);
    const failure = expect(work).rejects.toMatchObject({ code: 'PGHERD_CONNECTION_LOST' });
    await clock.advance(100);
    second.reply(serverError('server login has been failing (server_login_retry)', '08P01', 'FATAL'));
    await failure;
    expect([first.closed, second.closed, clock.pending]).toEqual([true, true, 0]);
  });

  it('is left alone at once when nobody waits any more', async () => {
    const [first, second] = [silent(), silent()];
    script = [first, second];
    const controller = new AbortController();
    const work = connector({ pooler: true }).connectMonitor(deaf, controller.signal);
    const failure = expect(work).rejects.toThrow('enough');
    await clock.advance(100);
    controller.abort(new Error('enough'));
    await failure;
    await clock.settle();
    expect([first.closed, second.closed, clock.pending]).toEqual([true, true, 0]);
  });

  it('whose server is lost loses the connection of the monitor too', async () => {
    const lost = serverError('server conn crashed?', '08P01', 'FATAL');
    const one = connector({ pooler: true });
    await one.connectMonitor(deaf, never);
    const connection = await one.connect('read-write', deaf, never);
    const inner = dialled[1]?.connection;
    if (inner === undefined) throw new Error('no connection');
    inner.answer = () => Promise.reject(lost);
    await expect(connection.query({ text: 'insert' })).rejects.toThrow('by the pooler');
    expect(dialled[0]?.connection.closed).toBe(true);
  });
});

describe('a name', () => {
  it('leads the pool to the address of the monitor, as long as that is connected', async () => {
    script = [direct('10.0.0.2'), direct(), direct(), direct()];
    const one = connector();
    const monitor = await one.connectMonitor(deaf, never);
    await one.connect('read-write', deaf, never);
    monitor.destroy();
    await one.connect('read-write', deaf, never);
    await one.connectMonitor(deaf, never);
    expect(dialled.map(({ request }) => request.address.hostaddr)).toEqual([
      undefined,
      '10.0.0.2',
      undefined,
      undefined,
    ]);
    expect(dialled.map(({ request }) => request.address.host)).toEqual(Array(4).fill('db.test'));
  });

  it('that leads elsewhere now takes the pool along', async () => {
    script = [direct('10.0.0.2'), direct('10.0.0.2'), direct('10.0.0.3'), direct()];
    const one = connector();
    await one.connectMonitor(deaf, never);
    const second = await one.connectMonitor(deaf, never);
    expect(outdated).toEqual([]);
    await one.connectMonitor(deaf, never);
    expect(outdated).toEqual(['db.test:5432 is at 10.0.0.3 now, was at 10.0.0.2']);
    dialled[2]?.connection.destroy();
    await one.connect('read-write', deaf, never);
    // The rival that was not kept is gone; the one before it still stands.
    expect(second.closed).toBe(false);
    expect(dialled[3]?.request.address.hostaddr).toBe('10.0.0.2');
  });

  it.each([
    ['an IP address', 'postgresql://app@10.0.0.9/shop', undefined],
    ['an address of its own', 'postgresql://app@db.test/shop?hostaddr=10.0.0.9', '10.0.0.9'],
  ])('%s is what was asked for', async (_what, url, hostaddr) => {
    const one = connector({ url });
    await one.connectMonitor(deaf, never);
    await one.connect('read-write', deaf, never);
    expect(dialled.map(({ request }) => request.address.hostaddr)).toEqual([hostaddr, hostaddr]);
  });
});

describe('passwords', () => {
  const url = 'postgresql://app:secret@db.test/shop';
  it.each([
    ['configured', url, undefined],
    ['discovered', url, ['none', 'scram-sha-256']],
    ['discovered', `${url}?require_auth=password,scram-sha-256`, ['scram-sha-256']],
    ['discovered', `${url}?require_auth=md5`, []],
  ] as const)('may be asked for by a %s host of %s by %j', async (origin, from, expected) => {
    const one = connector({ url: from }, { origin });
    await one.connect('read-write', deaf, never);
    expect(dialled[0]?.request.requireAuth).toEqual(expected);
    expect(dialled[0]?.request.password?.reveal()).toBe('secret');
  });
});
