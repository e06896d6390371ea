import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer } from './answers.ts';
import { STREAM_HEADERS } from './headers.ts';
import type { AskedFor } from './requests.ts';
import type { Viewer } from './viewers.ts';

/** A request of `node:http`; Express adds where the dashboard is mounted. */
export function askedOfNode(request: IncomingMessage): AskedFor {
  const { originalUrl, baseUrl } = request as { originalUrl?: unknown; baseUrl?: unknown };
  return {
    method: request.method ?? 'GET',
    url: typeof originalUrl === 'string' ? originalUrl : (request.url ?? '/'),
    mountedAt: typeof baseUrl === 'string' ? baseUrl : undefined,
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
  };
}

export function sendOverNode(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: Answer,
): void {
  response.writeHead(status, { ...headers, 'content-length': String(body.length) });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** A response of `node:http` that stays open. */
export function viewerOverNode(response: ServerResponse, onGone: (viewer: Viewer) => void): Viewer {
  response.writeHead(200, STREAM_HEADERS);
  // A message of one sample fits into what the system takes at once; nothing is gained by waiting for more.
  response.socket?.setNoDelay(true);
  const viewer: Viewer = {
    get isReady() {
      return !response.writableNeedDrain && !response.destroyed;
    },
    send: (bytes) => void response.write(bytes),
    end: () => void response.destroy(),
  };
  // A connection that breaks is a viewer that has gone.
  response.on('error', () => undefined);
  response.on('close', () => onGone(viewer));
  return viewer;
}
