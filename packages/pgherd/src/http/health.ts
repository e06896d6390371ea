import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Cluster } from '../cluster/cluster.ts';
import { type RequestPort, requestPortOf } from '../cluster/request-port.ts';
import type { ClusterHealth, ClusterStatus } from '../herd/health.ts';
import { checkOptions, oneOf, SWITCH } from './options.ts';

/** How {@link healthHandler} answers. */
export interface HealthHandlerOptions {
  /** The least status that counts as ready. Default `'degraded'`: something serves, if only reads. */
  readonly minimum?: 'up' | 'degraded' | undefined;
  /**
   * Whether the answer has the reasons, and the address, role and state of each node. Default `true`; `false` where strangers can ask.
   */
  readonly details?: boolean | undefined;
}

/** What an endpoint answers, for frameworks that have neither `node:http` nor Fetch. */
export interface HealthAnswer {
  /** 200 or 503. */
  readonly status: 200 | 503;
  /** Plain data, for JSON. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** One endpoint, in each form in which frameworks take it. */
export interface HealthEndpoint {
  /** For `node:http`, Express and Connect. */
  (request: IncomingMessage, response: ServerResponse): void;
  /** For Fetch: Hono, Next, Deno, Bun. */
  readonly fetch: () => Response;
  readonly answer: () => HealthAnswer;
}

/** The two questions that an orchestrator asks a process. */
export interface HealthHandler {
  /** Always 200: a process is not to be restarted because its database is down. */
  readonly liveness: HealthEndpoint;
  /**
   * 200 while requests are welcome, 503 while the cluster serves too little (`minimum`), and from the moment in which `db.close()`, `db.terminate()` or
   * the shutdown of `onShutdown` begins. A cluster that rests is ready.
   */
  readonly readiness: HealthEndpoint;
}

/**
 * Endpoints for the probes of an orchestrator, over `db.health()`. Asking for readiness is a use of the cluster, as `db.health()` is: the
 * first answer of a program is 503, and the cluster does not rest while it is asked.
 *
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for options that cannot be used.
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { createCluster, onShutdown } from 'pgherd';
 * import { healthHandler } from 'pgherd/http';
 *
 * const db = createCluster('postgres://app@db1,db2,db3/shop');
 * const { liveness, readiness } = healthHandler(db);
 * const server = createServer((req, res) => (req.url === '/livez' ? liveness(req, res) : readiness(req, res)));
 * ```
 */
export function healthHandler(cluster: Cluster, options: HealthHandlerOptions = {}): HealthHandler {
  const port = requestPortOf(cluster);
  checkOptions(options, { minimum: oneOf('up', 'degraded'), details: SWITCH });
  const { minimum = 'degraded', details = true } = options;
  const ready: readonly ClusterStatus[] = minimum === 'up' ? ['up'] : ['up', 'degraded'];
  return Object.freeze({
    liveness: endpoint(() => ALIVE),
    readiness: endpoint(() => {
      const health = healthOf(cluster, port);
      const isReady = health !== undefined && ready.includes(health.status);
      return { status: isReady ? 200 : 503, body: bodyOf(isReady, health, details) };
    }),
  });
}

const ALIVE: HealthAnswer = Object.freeze({ status: 200, body: Object.freeze({ alive: true }) });
/** What readiness answers once the cluster, or the program with it, begins to close. */
export const CLOSING: HealthAnswer = Object.freeze({
  status: 503,
  body: Object.freeze({ ready: false, closing: true }),
});
const HEADERS = Object.freeze({ 'content-type': 'application/json', 'cache-control': 'no-store' });

/** `undefined` once the cluster is closed or about to be. */
function healthOf(cluster: Cluster, port: RequestPort): ClusterHealth | undefined {
  return port.isLeaving || !cluster.isOpen ? undefined : cluster.health();
}

function bodyOf(ready: boolean, health: ClusterHealth | undefined, details: boolean): HealthAnswer['body'] {
  if (health === undefined) return CLOSING.body;
  if (details) return { ready, ...health };
  const { status, since } = health;
  return { ready, status, since };
}

function endpoint(answer: () => HealthAnswer): HealthEndpoint {
  const toNode = (_request: IncomingMessage, response: ServerResponse): void => {
    const { status, body } = answer();
    response.writeHead(status, HEADERS).end(JSON.stringify(body));
  };
  const fetch = (): Response => {
    const { status, body } = answer();
    return new Response(JSON.stringify(body), { status, headers: HEADERS });
  };
  return Object.freeze(Object.assign(toNode, { fetch, answer }));
}
