import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startProxy, type TcpProxy, waitUntil } from '../src/index.ts';
import { reservePorts } from '../src/process/ports.ts';

let server: Server;
let proxy: TcpProxy;
let release: () => void;
let accepted: Socket[] = [];
let atServer = '';
const clients: Socket[] = [];

beforeEach(async () => {
  accepted = [];
  atServer = '';
  server = net.createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      atServer += chunk.toString();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const reservation = await reservePorts(1);
  release = reservation.release;
  const [port = 0] = reservation.ports;
  proxy = await startProxy(port, (server.address() as AddressInfo).port);
});

afterEach(async () => {
  await proxy.close();
  release();
  for (const socket of [...clients.splice(0), ...accepted]) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

interface Client {
  readonly socket: Socket;
  /** What happened, in order: text received, `end`, `error <code>`, `close`. */
  readonly events: string[];
}

async function open(): Promise<Client> {
  const socket = net.connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
  clients.push(socket);
  const events: string[] = [];
  socket.on('data', (chunk) => events.push(chunk.toString()));
  socket.on('end', () => events.push('end'));
  socket.on('error', (error) => events.push(`error ${'code' in error ? error.code : error.message}`));
  socket.on('close', () => events.push('close'));
  await waitUntil(() => socket.readyState === 'open' || socket.destroyed, { what: 'the client to connect' });
  return { socket, events };
}

async function pair(): Promise<{ client: Client; peer: Socket }> {
  const before = accepted.length;
  const client = await open();
  await waitUntil(() => accepted.length > before, { what: 'the server to accept' });
  const peer = accepted.at(-1);
  if (!peer) throw new Error('nothing accepted');
  return { client, peer };
}

describe('the proxy', () => {
  it('passes bytes both ways, and data before its end', async () => {
    const { client, peer } = await pair();
    client.socket.end('question');
    await waitUntil(() => atServer === 'question' && peer.readableEnded, {
      what: 'the question and its end',
    });
    peer.end('answer');
    await waitUntil(() => client.events.includes('close'), { what: 'the end of the answer' });
    expect(client.events).toEqual(['answer', 'end', 'close']);
    await waitUntil(() => proxy.connections === 0, { what: 'the pair to be forgotten' });
  });

  it('passes megabytes whole', async () => {
    const { client, peer } = await pair();
    peer.write('x'.repeat(5_000_000));
    await waitUntil(() => client.events.join('').length === 5_000_000, { what: '5 MB' });
  });

  it('passes a reset as a reset', async () => {
    const { client, peer } = await pair();
    peer.resetAndDestroy();
    await waitUntil(() => client.events.includes('close'), { what: 'the reset' });
    expect(client.events).toEqual(['error ECONNRESET', 'close']);
  });

  it('refuses when its server refuses: the client sees a reset', async () => {
    await new Promise((resolve) => server.close(resolve));
    const client = await open();
    await waitUntil(() => client.events.includes('close'), { what: 'the reset' });
    expect(client.events).toEqual(['error ECONNRESET', 'close']);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  it('blackhole: nothing passes, the end no more than data; all of it after healing', async () => {
    const { client, peer } = await pair();
    const cut = await proxy.partition();
    client.socket.write('into the hole');
    peer.end('answer');
    const late = await open();
    late.socket.write(', late');
    const silent = new Promise((resolve) => setTimeout(resolve, 30));
    await silent;
    expect(atServer).toBe('');
    expect(client.events).toEqual([]);
    await cut.undo();
    await waitUntil(() => client.events.includes('end'), { what: 'the held end' });
    expect(client.events).toEqual(['answer', 'end']);
    await waitUntil(() => atServer.includes('into the hole') && atServer.includes(', late'), {
      what: 'the held data',
    });
  });

  it('blackhole one way: the other way is open', async () => {
    const { client, peer } = await pair();
    await using _cut = await proxy.partition({ direction: 'to-client' });
    client.socket.write('heard');
    await waitUntil(() => atServer === 'heard', { what: 'the open direction' });
    peer.write('unheard');
    const later = await pair();
    later.client.socket.write(' too');
    await waitUntil(() => atServer === 'heard too', { what: 'a later message' });
    expect(client.events).toEqual([]);
  });

  it('drop: what was sent is lost, and its connection is reset on healing', async () => {
    const { client, peer } = await pair();
    const cut = await proxy.partition({ mode: 'drop', direction: 'to-client' });
    const passed = new Promise((resolve) => peer.write('lost', resolve));
    await passed;
    client.socket.write('x');
    await waitUntil(() => atServer === 'x', { what: 'the open direction' });
    await waitUntil(() => peer.writableLength === 0, { what: 'the loss' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(client.events).toEqual([]);
    await cut.undo();
    await waitUntil(() => client.events.includes('close'), { what: 'the reset' });
    expect(client.events).toEqual(['error ECONNRESET', 'close']);
  });

  it('reset: the open and the new ones', async () => {
    const { client } = await pair();
    const cut = await proxy.partition({ mode: 'reset' });
    await waitUntil(() => client.events.includes('close'), { what: 'the reset' });
    const late = await open();
    await waitUntil(() => late.events.includes('close'), { what: 'the second reset' });
    expect([client.events[0], late.events[0]]).toEqual(['error ECONNRESET', 'error ECONNRESET']);
    await cut.undo();
    await pair();
  });

  it('refuse: nobody listens until healed', async () => {
    const cut = await proxy.partition({ mode: 'refuse' });
    const client = await open();
    expect(client.events[0]).toBe('error ECONNREFUSED');
    await cut.undo();
    await pair();
  });

  it('delay: each way so much later, in order', async () => {
    const { client, peer } = await pair();
    await proxy.delay(40);
    const begun = performance.now();
    client.socket.write('a');
    await waitUntil(() => atServer === 'a', { what: 'the question', everyMs: 1 });
    expect(performance.now() - begun).toBeGreaterThanOrEqual(39);
    peer.write('b');
    peer.end();
    await waitUntil(() => client.events.includes('end'), { what: 'the answer', everyMs: 1 });
    expect(performance.now() - begun).toBeGreaterThanOrEqual(78);
    expect(client.events).toEqual(['b', 'end']);
    await proxy.heal();
  });

  it('watch: tells what arrives and from which port the server sees it, also what does not pass', async () => {
    const { client, peer } = await pair();
    const arrivals: string[] = [];
    const watching = proxy.watch(({ chunk, direction, serverSidePort }) => {
      arrivals.push(`${direction} ${chunk.toString()} ${serverSidePort === peer.remotePort}`);
    });
    await proxy.partition();
    client.socket.write('in vain');
    await waitUntil(() => arrivals.length === 1, { what: 'the watcher to be told' });
    await watching.undo();
    client.socket.write(', and unseen');
    await proxy.heal();
    await waitUntil(() => atServer === 'in vain, and unseen', { what: 'the data to pass after healing' });
    expect(arrivals).toEqual(['to-server in vain true']);
  });

  it('cutWhen: the connection ends before the chunk', async () => {
    const { client, peer } = await pair();
    const cut = proxy.cutWhen((chunk, direction) => direction === 'to-client' && chunk.includes('COMMIT'));
    peer.write('fine');
    await waitUntil(() => client.events.length > 0, { what: 'what may pass' });
    peer.write('COMMIT');
    await waitUntil(() => client.events.includes('close'), { what: 'the cut' });
    expect(client.events).toEqual(['fine', 'error ECONNRESET', 'close']);
    await cut.undo();
    const next = await pair();
    next.peer.write('COMMIT');
    await waitUntil(() => next.client.events.includes('COMMIT'), { what: 'no cut any more' });
  });
});

describe('connections that are forgotten', () => {
  it('pass nothing any more, whichever side ends or the proxy heals, while later ones work', async () => {
    const lost = await pair();
    lost.client.socket.write('before');
    await waitUntil(() => atServer === 'before', { what: 'the first words' });
    expect(proxy.forget()).toBe(1);
    expect(proxy.connections).toBe(0);
    lost.client.socket.write('into the void');
    lost.peer.write('unheard');
    await proxy.heal();
    proxy.reset();
    const later = await pair();
    later.client.socket.write(' after');
    await waitUntil(() => atServer === 'before after', { what: 'the later connection to work' });
    later.peer.end('answer');
    await waitUntil(() => later.client.events.includes('answer'), { what: 'its answer' });
    lost.peer.end();
    await waitUntil(() => lost.peer.writableFinished, { what: 'the server to end' });
    expect(lost.client.events).toEqual([]);
    expect(proxy.forget()).toBeLessThanOrEqual(1);
  });

  it('end when the proxy closes', async () => {
    const { client } = await pair();
    proxy.forget();
    await proxy.close();
    await waitUntil(() => client.events.includes('close'), { what: 'the end' });
  });
});

describe('slow logins', () => {
  it('hold back the first answer of later connections only, and nothing behind it', async () => {
    const open = await pair();
    const slow = await proxy.delayLogins(300);
    const since = performance.now();
    const { client, peer } = await pair();
    peer.write('first');
    open.peer.write('at once');
    await waitUntil(() => open.client.events.length > 0, { what: 'the open one to answer' });
    expect(client.events).toEqual([]);
    await waitUntil(() => client.events.length > 0, { what: 'the slow one to answer' });
    expect(performance.now() - since).toBeGreaterThanOrEqual(290);
    await slow.undo();
    const next = await pair();
    next.peer.write('quick');
    await waitUntil(() => next.client.events.includes('quick'), { what: 'the next one to answer' });
  });
});
