import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resetSocket } from '../src/reset.ts';
import { within } from '../src/wait.ts';

let server: net.Server;
let accepted: net.Socket[];

beforeEach(async () => {
  accepted = [];
  server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    accepted.push(socket);
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  for (const socket of accepted) socket.destroy();
  server.close();
});

async function connected(): Promise<net.Socket> {
  const { port } = server.address() as net.AddressInfo;
  const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  await Promise.all([once(socket, 'connect'), accepted.length > 0 || once(server, 'connection')]);
  return socket;
}

describe('resetting a socket', () => {
  it('is an RST to the other side', async () => {
    const socket = await connected();
    const [peer] = accepted;
    if (peer === undefined) throw new Error('nobody was accepted');
    const failed = once(peer, 'error');
    resetSocket(socket);
    expect((await within(failed, 5_000, 'the RST'))[0]).toMatchObject({ code: 'ECONNRESET' });
  });

  it('closes one whose own end is on its way', async () => {
    const socket = await connected();
    const closed = once(socket, 'close');
    socket.end();
    resetSocket(socket);
    await within(closed, 5_000, 'close');
  });
});
