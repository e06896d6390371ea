import net from 'node:net';
import tls from 'node:tls';
import { createTestCluster, type TestAuthority, type TestCluster, type TestNode } from '@pgherd/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admit, look } from '../../src/tls.ts';

let cluster: TestCluster;
let node: TestNode;
let authority: TestAuthority;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 0, auth: 'scram-sha-256', tls: true });
  node = cluster.primary;
  authority = cluster.tls.authority;
});

afterAll(() => cluster?.close());

const ask = (method: string) => admit(node, `host all all 127.0.0.1/32 ${method}`);
const to = (...parameters: readonly string[]) => `${node.directUrl}?${parameters.join('&')}`;

describe('channel_binding', () => {
  it('require is content with SCRAM over TLS, which binds', async () => {
    await ask('scram-sha-256');
    for (const binding of ['require', 'prefer', 'disable']) {
      expect(await look(to('sslmode=require', `channel_binding=${binding}`))).toMatchObject({ ssl: true });
    }
  });

  it.each([
    ['scram-sha-256', 'sslmode=disable'],
    ['password', 'sslmode=require'],
    ['trust', 'sslmode=require'],
  ])('require refuses a server that asks for %s with %s', async (method, mode) => {
    await ask(method);
    const seen = await look(to(mode, 'channel_binding=require'));
    expect(seen).toMatchObject({ refused: expect.stringMatching(/channel_binding=require demands/) });
    expect(await look(to(mode))).toHaveProperty('ssl');
  });
});

describe('require_auth', () => {
  it.each([
    ['scram-sha-256', 'scram-sha-256', true],
    ['scram-sha-256', 'password,scram-sha-256', true],
    ['password', 'scram-sha-256', false],
    ['password', '!password', false],
    ['trust', 'scram-sha-256', false],
    ['trust', 'none', true],
    ['scram-sha-256', 'none', false],
  ])('a server that asks for %s, where it says %s', async (method, allowed, taken) => {
    await ask(method);
    const seen = await look(to('sslmode=require', `require_auth=${allowed}`));
    expect(seen).toMatchObject(
      taken ? { ssl: true } : { refused: expect.stringContaining('require_auth allows') },
    );
  });
});

/** A server that does with each socket what it is told to. */
async function rogue(
  serve: (socket: net.Socket) => void,
): Promise<AsyncDisposable & { readonly port: number }> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  return { port, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

const message = (type: string, ...parts: readonly (Buffer | number)[]) => {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'number' ? int32(part) : part)));
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
};
function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
const READY = Buffer.concat([message('R', 0), message('Z', Buffer.from('I'))]);

describe('a server that is not ours', () => {
  const lookAt = (port: number, more: string) =>
    look(`postgresql://app:secret@127.0.0.1:${port}/app?${more}`);

  it('cannot put words before the encryption', async () => {
    await using server = await rogue((socket) =>
      socket.once('data', () => socket.write(Buffer.concat([Buffer.from('S'), READY]))),
    );
    expect(await lookAt(server.port, 'sslmode=require')).toMatchObject({
      refused: expect.stringContaining("followed the server's answer about TLS"),
    });
  });

  it('is asked for TLS first by prefer, and has none of it: the same connection goes on in the clear', async () => {
    const seen: string[] = [];
    await using server = await rogue((socket) => {
      socket.on('data', (packet) => {
        seen.push(packet.readUInt32BE(4).toString(16));
        if (seen.length % 2 === 1) socket.write('N');
        else socket.destroy();
      });
    });
    await lookAt(server.port, 'sslmode=prefer&connect_timeout=2');
    expect(seen.slice(0, 2)).toEqual(['4d2162f', '30000']);
    expect(new Set(seen).size).toBe(2);
  });

  it('cannot leave out its own proof after SCRAM', async () => {
    await using server = await rogue((socket) => {
      const mechanisms = Buffer.from('SCRAM-SHA-256\0\0');
      socket.once('data', () => {
        socket.write(message('R', 10, mechanisms));
        socket.once('data', () => socket.write(READY));
      });
    });
    for (const more of ['', '&require_auth=scram-sha-256']) {
      expect(await lookAt(server.port, `sslmode=disable${more}`)).toMatchObject({
        refused: expect.stringContaining('did not prove that it knows the password'),
      });
    }
  });

  it('must name its protocol where TLS begins at once', async () => {
    const { certificate, key } = await authority.issue();
    const server = tls.createServer({ cert: certificate, key }, (socket) =>
      socket.on('error', () => undefined),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    expect(await lookAt(port, 'sslmode=require&sslnegotiation=direct')).toMatchObject({
      refused: expect.stringContaining('does not announce the PostgreSQL protocol'),
    });
    await new Promise((resolve) => server.close(resolve));
  });
});
