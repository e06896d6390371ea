import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';

/** What a test's API does with a request. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on 127.0.0.1 in the place of Patroni's REST API. */
export interface RestApi {
  readonly url: string;
  readonly port: number;
  readonly requests: readonly IncomingMessage[];
  /** Resolves when the next request comes in. */
  asked(): Promise<unknown>;
  /** Resolves when no client is connected any more. */
  left(): Promise<void>;
  close(): Promise<void>;
}

/** Starts the server; with `tls` it speaks HTTPS. */
export async function startRestApi(handler: Handler, tls?: ServerOptions): Promise<RestApi> {
  const requests: IncomingMessage[] = [];
  const answer: Handler = (request, response) => {
    requests.push(request);
    server.emit('asked');
    handler(request, response);
  };
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
  let open = 0;
  server.on('connection', (socket) => {
    open += 1;
    socket.on('close', () => {
      open -= 1;
      if (open === 0) server.emit('left');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${address.port}`,
    port: address.port,
    requests,
    asked: () => once(server, 'asked'),
    left: async () => {
      if (open > 0) await once(server, 'left');
    },
    close: async () => {
      if (!server.listening) return;
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Answers with this as JSON. */
export function json(body: unknown): Handler {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
}
