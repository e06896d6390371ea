import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { hostname } from 'node:os';
import type { Cluster } from 'pgherd';
import { textAnswer } from './answers.ts';
import { createDashboard } from './dashboard.ts';
import type { DashboardOptions } from './options.ts';
import { sendOverNode } from './over-node.ts';

/** Where a dashboard of its own listens. */
export interface ServeOptions extends Omit<DashboardOptions, 'basePath'> {
  /** Address or name to listen on. Default `127.0.0.1`. Beyond this machine a token is needed: one is made if none is given. */
  readonly host?: string | undefined;
  /** Default 0: a free one. */
  readonly port?: number | undefined;
}

/** A dashboard that listens. */
export interface ServedDashboard extends AsyncDisposable {
  /** Its address for a browser, the token included (`#token=…`). */
  readonly url: string;
  /** What requests for data have to bring; `undefined`: nothing. */
  readonly token: string | undefined;
  /** Ends the pages that are open, and stops to listen. The cluster stays open. */
  close(): Promise<void>;
}

/**
 * Serves the dashboard of a cluster on a port of its own: on this machine only, unless `host` says otherwise. Without a token, requests that a
 * browser sends under another name than that of this machine are refused, so that no foreign page reads along (DNS rebinding).
 *
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for options that cannot be used; what `node:net` throws if the port is in use.
 */
export async function serveDashboard(db: Cluster, options: ServeOptions = {}): Promise<ServedDashboard> {
  const { host = '127.0.0.1', port = 0, ...given } = options;
  const isOpen = Object.hasOwn(given, 'token') || isLoopback(host);
  const made = isOpen ? {} : { token: randomBytes(24).toString('base64url') };
  const dashboard = createDashboard(db, { ...given, ...made });
  const { token } = { ...given, ...made };
  const server = createServer((request, response) => {
    if (token === undefined && !isNamedAsLocal(request)) refuse(request, response);
    else dashboard.handler(request, response);
  });
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    dashboard.close();
    throw error;
  }
  const url = `http://${shownHost(host)}:${(server.address() as AddressInfo).port}/`;
  const close = async (): Promise<void> => {
    dashboard.close();
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return {
    url: token === undefined ? url : `${url}#token=${token}`,
    token,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Whether an address is of this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Whether the browser asked for this machine by name or address. */
function isNamedAsLocal({ headers }: IncomingMessage): boolean {
  const host = (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return isLoopback(host.toLowerCase());
}

function refuse(request: IncomingMessage, response: ServerResponse): void {
  sendOverNode(
    request,
    response,
    textAnswer(421, 'Without a token, ask for this machine by its address: 127.0.0.1.\n'),
  );
}

/** An address that a browser of another machine can ask for. */
function shownHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return hostname();
  return isIP(host) === 6 ? `[${host}]` : host;
}
