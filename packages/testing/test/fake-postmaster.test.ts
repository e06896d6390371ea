import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createFakePostmaster, type FakePostmaster, type FakeScript, waitUntil } from '@pgherd/testing';
import pg from 'pg';
import { describe, expect, it } from 'vitest';

/** A client of `pg` that ends with its scope, however the fake treated it. */
async function connected(
  fake: FakePostmaster,
  config: pg.ClientConfig = {},
): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: fake.url, ...config });
  client.on('error', () => {});
  await client.connect();
  return Object.assign(client, {
    [Symbol.asyncDispose]: async () => {
      const { stream } = (client as unknown as { connection: { stream: net.Socket } }).connection;
      stream.destroy();
    },
  });
}

/** A bare socket, with everything that came. */
async function rawSocket(fake: FakePostmaster) {
  const socket = net.connect(fake.port, fake.host);
  const seen = { bytes: Buffer.alloc(0), ended: false, error: undefined as unknown };
  socket.on('data', (chunk: Buffer) => {
    seen.bytes = Buffer.concat([seen.bytes, chunk]);
  });
  socket.on('end', () => {
    seen.ended = true;
  });
  socket.on('error', (error) => {
    seen.error = error;
  });
  await new Promise((resolve) => socket.once('connect', resolve));
  return {
    socket,
    seen,
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

function startupPacket(parameters: Readonly<Record<string, string>>, version = 3 << 16): Buffer {
  const pairs = Object.entries(parameters).flat();
  const body = Buffer.from(`${[...pairs, ''].join('\0')}\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(body.length + 8, 0);
  head.writeInt32BE(version, 4);
  return Buffer.concat([head, body]);
}

function query(text: string): Buffer {
  const body = Buffer.from(`${text}\0`);
  const head = Buffer.from('Q\0\0\0\0');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

async function rejection(
  work: Promise<unknown>,
): Promise<{ code?: string; severity?: string; message: string }> {
  return work.then(
    () => Promise.reject(new Error('it did not fail')),
    (error) => error,
  );
}

describe('what a driver sees', () => {
  it('a session with parameters, rows with types, and a goodbye', async () => {
    await using fake = await createFakePostmaster({
      version: '16.9',
      respond: ({ text, values }) =>
        text.startsWith('select')
          ? { rows: [{ n: 1, big: 2n, ratio: 0.5, yes: true, none: null, echo: values[0], doc: { a: 1 } }] }
          : undefined,
    });
    const client = new pg.Client({ connectionString: fake.url, application_name: 'observed' });
    const seen = new Map<string, string>();
    const wire = (client as unknown as { connection: NodeJS.EventEmitter }).connection;
    wire.on('parameterStatus', (message: { parameterName: string; parameterValue: string }) =>
      seen.set(message.parameterName, message.parameterValue),
    );
    await client.connect();
    expect(Object.fromEntries(seen)).toMatchObject({ server_version: '16.9', in_hot_standby: 'off' });
    const { rows } = await client.query('select $1', ['x']);
    expect(rows).toEqual([{ n: 1, big: '2', ratio: 0.5, yes: true, none: null, echo: 'x', doc: { a: 1 } }]);
    await client.end();
    const [connection] = fake.connections;
    expect(connection?.startup).toMatchObject({ user: 'app', database: 'app', application_name: 'observed' });
    expect(connection?.statements).toMatchObject([
      { text: 'select $1', values: ['x'], protocol: 'extended' },
    ]);
    await fake.waitFor(() => connection?.terminated);
    expect(connection).toMatchObject({ ended: 'by-client', messages: 'PBDESX' });
    expect(fake.open).toEqual([]);
  });

  it('named statements are parsed once, portals are suspended, unknown names refused', async () => {
    await using fake = await createFakePostmaster({
      respond: () => ({ rows: Array.from({ length: 5 }, (_, n) => ({ n })) }),
    });
    await using client = await connected(fake);
    for (let round = 0; round < 2; round += 1) {
      expect((await client.query({ name: 'five', text: 'select', values: [] })).rows).toHaveLength(5);
    }
    expect(fake.connections[0]?.messages).toBe('PBDESBDES');
    const submittable = { text: 'select', values: [], rows: 2 };
    expect((await client.query(submittable as pg.QueryConfig)).rows).toHaveLength(5);
    const wire = (client as unknown as { connection: { parsedStatements: Record<string, string> } })
      .connection;
    wire.parsedStatements['never'] = 'select 2';
    expect(await rejection(client.query({ name: 'never', text: 'select 2', values: [] }))).toMatchObject({
      code: '26000',
    });
    expect((await client.query('select')).rows).toHaveLength(5);
  });

  it('transactions: a failed one refuses work until it is rolled back', async () => {
    await using fake = await createFakePostmaster();
    await using client = await connected(fake);
    await client.query('begin');
    await using _ = fake.fault({ at: 'query', times: 1, do: { kind: 'error', sqlState: '23505' } });
    expect(await rejection(client.query('insert into t values (1)'))).toMatchObject({ code: '23505' });
    expect(await rejection(client.query('select 1'))).toMatchObject({ code: '25P02' });
    expect((await client.query('commit')).command).toBe('ROLLBACK');
    expect((await client.query('insert into t values (1)')).command).toBe('INSERT');
  });

  it('a standby refuses writes, a promotion is told with the next reply', async () => {
    await using fake = await createFakePostmaster({ role: 'standby' });
    await using client = await connected(fake);
    expect(await rejection(client.query('insert into t values (1)'))).toMatchObject({ code: '25006' });
    const told: string[] = [];
    const wire = (client as unknown as { connection: NodeJS.EventEmitter }).connection;
    wire.on('parameterStatus', (message: { parameterName: string; parameterValue: string }) =>
      told.push(`${message.parameterName}=${message.parameterValue}`),
    );
    fake.change({ role: 'primary', timeline: 2 });
    expect(told).toEqual([]);
    await client.query('insert into t values (1)');
    expect(told).toEqual(['in_hot_standby=off']);
    await client.query('set default_transaction_read_only = on');
    expect(told.at(-1)).toBe('default_transaction_read_only=on');
    expect(await rejection(client.query('delete from t'))).toMatchObject({ code: '25006' });
  });

  it.each(['12.22', '13.18'])('PostgreSQL %s reports no role', async (version) => {
    await using fake = await createFakePostmaster({ version });
    await using client = await connected(fake);
    expect(await rejection(client.query('show in_hot_standby'))).toMatchObject({ code: '42704' });
    expect((await client.query('show server_version')).rows).toEqual([{ server_version: version }]);
  });

  it('a statement that runs is cancelled by process id and key, and only by them', async () => {
    await using fake = await createFakePostmaster({
      respond: ({ text }) => (text === 'hang' ? new Promise(() => {}) : undefined),
    });
    await using client = await connected(fake);
    const running = rejection(client.query('hang'));
    await fake.waitFor(() => fake.connections[0]?.busy);
    const { pid = 0, secretKey = 0 } = fake.connections[0] ?? {};
    for (const key of [secretKey ^ 1, secretKey]) {
      using canceller = await rawSocket(fake);
      const packet = Buffer.from([0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e, 0, 0, 0, 0, 0, 0, 0, 0]);
      packet.writeInt32BE(pid, 8);
      packet.writeUInt32BE(key >>> 0, 12);
      canceller.socket.write(packet);
      await waitUntil(() => canceller.seen.ended, { what: 'the end of the cancel request' });
    }
    expect(await running).toMatchObject({ code: '57014' });
    expect(fake.cancels.map(({ connection }) => connection?.pid)).toEqual([undefined, pid]);
  });

  it('a Unix socket besides the port', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'fake-'));
    try {
      await using fake = await createFakePostmaster({ socketDirectory: folder });
      await using client = await connected(fake, { connectionString: '', host: folder, port: fake.port });
      expect((await client.query('select 1')).rowCount).toBe(1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('authentication', () => {
  const password = 'pässword';
  it.each(['password', 'md5', 'scram-sha-256'] as const)('%s: right and wrong', async (method) => {
    await using fake = await createFakePostmaster({ authentication: { method, password } });
    await using client = await connected(fake);
    expect((await client.query('select 1')).rowCount).toBe(1);
    const wrong = new pg.Client({
      host: fake.host,
      port: fake.port,
      user: 'app',
      database: 'app',
      password: 'other',
    });
    expect(await rejection(wrong.connect())).toMatchObject({ code: '28P01', severity: 'FATAL' });
  });

  it('silence in the middle ends when the fault is taken back', async () => {
    await using fake = await createFakePostmaster({ authentication: { method: 'scram-sha-256', password } });
    const fault = fake.fault({ at: 'password', do: { kind: 'silence' } });
    const client = new pg.Client({ connectionString: fake.url });
    const connecting = client.connect();
    await fake.waitFor(() => fault.hits > 0);
    expect(fake.connections[0]?.started).toBe(false);
    await fault.undo();
    await connecting;
    await client.end();
  });
});

describe('bytes on the wire', () => {
  it('TLS is refused, by default with one letter', async () => {
    await using fake = await createFakePostmaster();
    using raw = await rawSocket(fake);
    raw.socket.write(SSL_REQUEST);
    await waitUntil(() => raw.seen.bytes.length > 0);
    expect(raw.seen.bytes.toString()).toBe('N');
    raw.socket.write(startupPacket({ user: 'app' }));
    await fake.waitFor(() => fake.connections[0]?.started);
  });

  it('a packet may come byte by byte, several messages at once', async () => {
    await using fake = await createFakePostmaster();
    using raw = await rawSocket(fake);
    for (const byte of startupPacket({ user: 'app', database: 'x' })) raw.socket.write(Buffer.of(byte));
    raw.socket.write(Buffer.concat([query('insert a'), query('select 1'), query('')]));
    await fake.waitFor(() => fake.statements.length === 3);
    await waitUntil(() => raw.seen.bytes.includes('SELECT 1'));
    expect(fake.connections[0]?.startup).toEqual({ user: 'app', database: 'x' });
    expect(fake.connections[0]?.messages).toBe('QQQ');
  });

  it('a newer minor version is negotiated down, another major one refused', async () => {
    await using fake = await createFakePostmaster();
    using newer = await rawSocket(fake);
    newer.socket.write(startupPacket({ user: 'app' }, (3 << 16) | 2));
    await fake.waitFor(() => fake.connections[0]?.started);
    await waitUntil(() => newer.seen.bytes.toString('latin1', 0, 1) === 'v');
    using older = await rawSocket(fake);
    older.socket.write(startupPacket({ user: 'app' }, 2 << 16));
    await waitUntil(() => older.seen.ended);
  });

  it('a client that sends nonsense is told so and dropped', async () => {
    await using fake = await createFakePostmaster();
    for (const nonsense of [
      Buffer.from('Q\xff\xff\xff\xff', 'latin1'),
      Buffer.from('~\0\0\0\x04', 'latin1'),
    ]) {
      using raw = await rawSocket(fake);
      raw.socket.write(Buffer.concat([startupPacket({ user: 'app' }), nonsense]));
      await waitUntil(() => raw.seen.ended);
      expect(raw.seen.bytes.includes('08P01')).toBe(true);
    }
    using http = await rawSocket(fake);
    http.socket.write('GET / HTTP/1.1\r\n\r\n');
    await waitUntil(() => http.seen.ended);
  });

  it.each([
    ['close', { kind: 'close' }, { ended: true, error: undefined }],
    ['reset', { kind: 'reset' }, { error: { code: 'ECONNRESET' } }],
    ['truncated', { kind: 'truncated' }, { ended: true }],
    ['FATAL', { kind: 'error', severity: 'FATAL', sqlState: '57P01' }, { ended: true }],
  ] as const)('%s ends the connection', async (_name, action, expected) => {
    await using fake = await createFakePostmaster();
    using raw = await rawSocket(fake);
    raw.socket.write(startupPacket({ user: 'app' }));
    await waitUntil(() => raw.seen.bytes.includes('Z\0\0\0\x05I'));
    fake.act(action);
    await waitUntil(() => raw.socket.destroyed || raw.seen.ended);
    expect(raw.seen).toMatchObject(expected);
    expect(fake.connections[0]?.ended).toBe('by-server');
  });

  it('garbage, lengths, unknown types and statuses are sent as told', async () => {
    await using fake = await createFakePostmaster();
    using raw = await rawSocket(fake);
    raw.socket.write(startupPacket({ user: 'app' }));
    await fake.waitFor(() => fake.connections[0]?.started);
    fake.act({ kind: 'garbage' });
    fake.act({ kind: 'length', bytes: 3 });
    fake.act({ kind: 'unknown-message' });
    fake.act({ kind: 'notice', sqlState: '01000', message: 'hear me' });
    fake.act({ kind: 'ready-status', status: 'X' });
    raw.socket.write(query('insert a'));
    await waitUntil(() => raw.seen.bytes.includes('Z\0\0\0\x05X'));
    for (const part of ['HTTP/1.1 400', 'D\0\0\0\x03', '~\0\0\0', 'hear me', 'INSERT 0 1']) {
      expect(raw.seen.bytes.includes(part)).toBe(true);
    }
  });

  it('silence keeps what is to be sent, a part passes, and all of it comes later', async () => {
    await using fake = await createFakePostmaster();
    using raw = await rawSocket(fake);
    raw.socket.write(startupPacket({ user: 'app' }));
    await waitUntil(() => raw.seen.bytes.includes('Z\0\0\0\x05I'));
    const before = raw.seen.bytes.length;
    fake.act({ kind: 'partial', bytes: 3 });
    raw.socket.write(query('insert a'));
    await fake.waitFor(() => fake.statements.length === 1);
    await waitUntil(() => raw.seen.bytes.length === before + 3);
    raw.socket.write(query('delete b'));
    await fake.waitFor(() => fake.statements.length === 2);
    fake.act({ kind: 'close' });
    expect(raw.seen.bytes.length).toBe(before + 3);
    fake.connections[0]?.resume();
    await waitUntil(() => raw.seen.ended);
    expect(raw.seen.bytes.includes('INSERT 0 1')).toBe(true);
    expect(raw.seen.bytes.includes('DELETE 1')).toBe(true);
  });

  it('a deaf connection does not see what is sent until it hears again', async () => {
    await using fake = await createFakePostmaster();
    await using client = await connected(fake);
    fake.act({ kind: 'deaf' });
    const late = client.query('select 1');
    await using other = await connected(fake);
    expect((await other.query('select 1')).rowCount).toBe(1);
    expect(fake.connections[0]?.statements).toEqual([]);
    fake.resume();
    expect((await late).rowCount).toBe(1);
  });
});

describe('faults', () => {
  it('strike as often as told, where told, and count', async () => {
    await using fake = await createFakePostmaster({
      respond: () => ({ rows: [{ n: 1 }, { n: 2 }, { n: 3 }] }),
    });
    await using client = await connected(fake);
    const fault = fake.fault({
      at: 'row',
      afterRows: 2,
      times: 1,
      when: (connection, statement) =>
        connection.startup['user'] === 'app' && statement?.text === 'select two',
      do: { kind: 'error', sqlState: '22012' },
    });
    expect((await client.query('select one')).rows).toHaveLength(3);
    const rows: unknown[] = [];
    const work = client.query(new pg.Query('select two'));
    work.on('row', (row) => rows.push(row));
    await new Promise((resolve) => work.on('error', resolve));
    expect(rows).toHaveLength(2);
    expect((await client.query('select two')).rows).toHaveLength(3);
    expect(fault.hits).toBe(1);
  });

  it('an error at Sync comes after the rows, as a deferred constraint does', async () => {
    await using fake = await createFakePostmaster();
    await using client = await connected(fake);
    await using _ = fake.fault({ at: 'sync', do: { kind: 'error', sqlState: '23503' } });
    expect(await rejection(client.query('insert into t values ($1)', [1]))).toMatchObject({ code: '23503' });
  });

  it('probes get rows as rewritten', async () => {
    await using fake = await createFakePostmaster({ role: 'standby', lsn: '1/2', systemIdentifier: '77' });
    await using client = await connected(fake);
    const probe = 'select 1 as in_recovery, 2 as lsn, (select 3) as system_identifier';
    expect((await client.query(probe)).rows).toEqual([
      { in_recovery: 'true', lsn: '1/2', system_identifier: '77' },
    ]);
    await using _ = fake.rewriteProbes(({ lsn: _lsn, ...row }) => ({ ...row, more: 'x' }));
    expect((await client.query(probe)).rows).toEqual([
      { in_recovery: 'true', system_identifier: '77', more: 'x' },
    ]);
  });

  it('a refused port is there again afterwards', async () => {
    await using fake = await createFakePostmaster();
    await using client = await connected(fake);
    const lost = rejection(client.query('begin').then(() => client.query('select pg_sleep(9)')));
    const down = await fake.refuse();
    await lost.catch(() => {});
    expect(await rejection(connected(fake))).toMatchObject({ code: 'ECONNREFUSED' });
    await down.undo();
    await using again = await connected(fake);
    expect((await again.query('select 1')).rowCount).toBe(1);
  });

  it.runIf(process.platform === 'linux')('a host that accepts nobody lets attempts hang', async () => {
    await using fake = await createFakePostmaster();
    const full = await fake.acceptNobody();
    const waiting = new pg.Client({ connectionString: fake.url, connectionTimeoutMillis: 100 });
    expect((await rejection(waiting.connect())).message).toMatch(/timeout/);
    expect(fake.connections).toHaveLength(0);
    await full.undo();
    await using client = await connected(fake);
    expect((await client.query('select 1')).rowCount).toBe(1);
  });

  it('nothing is left behind', async () => {
    const script: FakeScript = { faults: [{ at: 'startup', do: { kind: 'silence' } }] };
    const fake = await createFakePostmaster(script);
    using raw = await rawSocket(fake);
    raw.socket.write(startupPacket({ user: 'app' }));
    await fake.waitFor(() => fake.connections[0]?.startup['user']);
    await fake.close();
    await fake.close();
    await waitUntil(() => raw.socket.destroyed || raw.seen.ended);
    const late = net.connect(fake.port, fake.host);
    const [error] = await new Promise<unknown[]>((resolve) => late.once('error', (...args) => resolve(args)));
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });
});
