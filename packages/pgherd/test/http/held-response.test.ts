import { createServer, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect, it } from 'vitest';
import { holdResponse } from '../../src/http/held-response.ts';

/** What a client receives of a response that was held until a header was set. */
async function received(respond: (response: ServerResponse) => void | Promise<void>): Promise<Response> {
  const server = createServer((_request, response) => {
    holdResponse(response, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      response.appendHeader('set-cookie', 'token=1');
    });
    void respond(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as { port: number };
    const response = await fetch(`http://127.0.0.1:${port}`);
    return new Response(await response.text(), response);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

it.each<[string, (response: ServerResponse) => void]>([
  ['end alone', (response) => void response.end('body')],
  [
    'write and end',
    (response) => {
      response.write('bo');
      response.end('dy');
    },
  ],
  [
    'writeHead with an object',
    (response) => void response.writeHead(200, { 'Set-Cookie': ['own=1'] }).end('body'),
  ],
  ['writeHead with a list', (response) => void response.writeHead(200, ['Set-Cookie', 'own=1']).end('body')],
  [
    'flushHeaders',
    (response) => {
      response.flushHeaders();
      response.end('body');
    },
  ],
])('a response gets the header of later: %s', async (_name, respond) => {
  const response = await received(respond);
  expect(await response.text()).toBe('body');
  const cookies = response.headers.getSetCookie();
  expect(cookies).toContain('token=1');
  if (String(respond).includes('own=1')) expect(cookies).toContain('own=1');
});

it('a long stream goes on once the response is open, in order', async () => {
  const pieces = Array.from({ length: 300 }, (_, index) => `${index} `.padEnd(2_000, '.'));
  const response = await received((to) => pipeline(Readable.from(pieces), to));
  expect(response.headers.getSetCookie()).toEqual(['token=1']);
  expect(await response.text()).toBe(pieces.join(''));
});

it('for the program the headers are sent as soon as it has sent them', async () => {
  const seen: boolean[] = [];
  const response = await received((to) => {
    seen.push(to.headersSent);
    to.writeHead(201);
    seen.push(to.headersSent);
    to.end(() => seen.push(to.headersSent));
  });
  expect(response.status).toBe(201);
  expect(seen.slice(0, 2)).toEqual([false, true]);
});

it('a status that Node refuses ends the connection, not the process', async () => {
  await expect(received((to) => void to.writeHead(9_999).end())).rejects.toThrow();
});
