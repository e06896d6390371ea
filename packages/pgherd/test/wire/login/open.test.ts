import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { ConnectRequest, TlsRequest } from '../../../src/connection/port.ts';
import { Secret } from '../../../src/model/secret.ts';
import { openSession } from '../../../src/wire/login/open.ts';
import { startupPacket } from '../../../src/wire/login/startup.ts';

const SSL_REQUEST_BYTES = 8;
const ERROR = Buffer.from('E\0\0\0\u0010SFATAL\0Mno\0\0\0');
const closing: (() => void)[] = [];

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server that answers the request for TLS so; what came on each of its connections. */
async function answering(answer: string): Promise<{ port: number; received: Buffer[] }> {
  const received: Buffer[] = [];
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    const index = received.push(Buffer.alloc(0)) - 1;
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      const before = received[index] ?? Buffer.alloc(0);
      received[index] = Buffer.concat([before, chunk]);
      if (before.length === 0) socket.write(answer, 'latin1');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, received };
}

function requestFor(port: number, mode: TlsRequest['mode']): ConnectRequest {
  return {
    address: { host: '127.0.0.1', port, transport: 'tcp' },
    user: 'app',
    database: 'app',
    password: new Secret('secret'),
    tls: { mode, verify: 'none', sni: true, negotiation: 'postgres', certMode: 'allow' },
    startup: {},
    keepAliveMs: undefined,
  };
}

const open = (request: ConnectRequest) =>
  openSession(
    request,
    {
      startup: startupPacket(request),
      maxIterations: 100_000,
      listener: { parameter: () => undefined, notice: () => undefined },
    },
    new AbortController().signal,
  );

describe('bytes in the clear behind the answer about TLS', () => {
  it.each([
    ['prefer', 'S'],
    ['prefer', 'N'],
    ['require', 'S'],
    ['require', 'N'],
  ] as const)('end the attempt of sslmode=%s after "%s", and nothing more is tried or sent', async (mode, letter) => {
    const { port, received } = await answering(`${letter}${ERROR.toString('latin1')}`);
    await expect(open(requestFor(port, mode))).rejects.toMatchObject({
      code: 'PGHERD_TLS_FAILED',
      message: expect.stringContaining('may have injected them'),
    });
    expect(received.map(({ length }) => length)).toEqual([SSL_REQUEST_BYTES]);
  });

  it('are not sent by a server without TLS, which sslmode=prefer then logs in to', async () => {
    const { port, received } = await answering('N');
    const opening = open(requestFor(port, 'prefer')).catch(() => undefined);
    await expect.poll(() => received[0]?.length ?? 0, { timeout: 60_000 }).toBeGreaterThan(SSL_REQUEST_BYTES);
    expect(received).toHaveLength(1);
    closing.splice(0).map((close) => close());
    await opening;
  });
});
