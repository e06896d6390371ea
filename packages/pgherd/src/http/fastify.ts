import type { IncomingMessage } from 'node:http';
import type { Cluster } from '../cluster/cluster.ts';
import { requestPortOf } from '../cluster/request-port.ts';
import type { CausalRequestOptions } from './carrier.ts';
import { CLOSING, type HealthAnswer, type HealthHandlerOptions, healthHandler } from './health.ts';
import { checkOptions, type OptionRule, SWITCH } from './options.ts';
import { type RequestScope, RequestScopes } from './scope.ts';

/** What {@link herdFastify} adds to an application. */
export interface HerdFastifyOptions {
  readonly cluster: Cluster;
  /** Routes for liveness and readiness. Default `true`. */
  readonly health?: HealthHandlerOptions | boolean | undefined;
  /** Default `/livez`. */
  readonly livenessPath?: string | undefined;
  /** Default `/readyz`. */
  readonly readinessPath?: string | undefined;
  /** Causal reads between requests. Default `false`. */
  readonly causal?: CausalRequestOptions | boolean | undefined;
  /** Whether the cluster is closed with the application, after its last request. Default `true`; `false` if others use it as well. */
  readonly close?: boolean | undefined;
  /** Put before both paths, as Fastify does it for other plugins. Default: none. */
  readonly prefix?: string;
  /** From which level on requests of the probes are logged. Default: that of the application. */
  readonly logLevel?: 'silent' | 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';
}

/** What is needed of an application of Fastify. */
export interface FastifyApp {
  addHook(name: never, hook: never): unknown;
  get(path: string, options: never, handler: never): unknown;
}

/** As far as the plugin uses them. */
interface Request {
  readonly raw: IncomingMessage;
}
interface Reply {
  code(status: number): Reply;
  header(name: string, value: string): Reply;
  send(body: unknown): Reply;
}
interface App {
  addHook(
    name: 'onRequest' | 'preValidation',
    hook: (request: Request, reply: Reply, done: Done) => void,
  ): void;
  addHook(name: 'onSend', hook: (request: Request, reply: Reply) => Promise<void>): void;
  addHook(name: 'preClose', hook: (done: Done) => void): void;
  addHook(name: 'onClose', hook: () => Promise<void>): void;
  get(
    path: string,
    options: { logLevel?: string },
    handler: (request: Request, reply: Reply) => unknown,
  ): void;
}
type Done = () => void;

const PART: OptionRule = [
  (value) => typeof value === 'boolean' || (typeof value === 'object' && value !== null),
  'true, false or an object of options',
];
const PATH: OptionRule = [
  (value) => typeof value === 'string' && /^\/[^\s?#]{0,200}$/.test(value),
  "a path that begins with '/'",
];
const TEXT: OptionRule = [(value) => typeof value === 'string', 'text'];
const RULES: Readonly<Record<string, OptionRule>> = Object.freeze({
  cluster: [(value) => typeof value === 'object', 'a cluster'],
  health: PART,
  livenessPath: PATH,
  readinessPath: PATH,
  causal: PART,
  close: SWITCH,
  prefix: TEXT,
  logLevel: TEXT,
});

/**
 * A plugin for Fastify: routes for liveness and readiness, causal reads between requests as of {@link causalExpress}, and the end of the
 * cluster with that of the application. It decorates nothing.
 *
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`, by `app.ready()`, for options that cannot be used, and for causal reads on a cluster
 * without `causal.tokenSecret`.
 * @example
 * ```ts
 * import Fastify from 'fastify';
 * import { createCluster } from 'pgherd';
 * import { herdFastify } from 'pgherd/http';
 *
 * const db = createCluster({ url: 'postgres://app@db1,db2,db3/shop', causal: { tokenSecret: process.env.TOKEN_SECRET } });
 * const app = Fastify();
 * app.register(herdFastify, { cluster: db, causal: true });
 * ```
 */
export const herdFastify: (app: FastifyApp, options: HerdFastifyOptions) => Promise<void> = Object.assign(
  async (app: FastifyApp, options: HerdFastifyOptions): Promise<void> => {
    checkOptions(options, RULES);
    const { cluster, health = true, causal = false, close = true } = options;
    requestPortOf(cluster, 'The option cluster');
    // Fastify's own types of hooks depend on its version.
    const known = app as unknown as App;
    if (causal !== false) addScopes(known, new RequestScopes(cluster, causal === true ? {} : causal));
    if (health !== false) addProbes(known, options, health === true ? {} : health);
    if (close) known.addHook('onClose', () => cluster.close());
  },
  {
    // As `fastify-plugin` does: the hooks are for the whole application.
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'pgherd',
    [Symbol.for('plugin-meta')]: Object.freeze({ name: 'pgherd', fastify: '5.x' }),
  },
);

function addProbes(app: App, options: HerdFastifyOptions, health: HealthHandlerOptions): void {
  const { cluster, livenessPath = '/livez', readinessPath = '/readyz', prefix = '', logLevel } = options;
  const { liveness, readiness } = healthHandler(cluster, health);
  let isClosing = false;
  app.addHook('preClose', (done) => {
    isClosing = true;
    done();
  });
  const add = (path: string, answer: () => HealthAnswer): void => {
    app.get(`${prefix}${path}`, logLevel === undefined ? {} : { logLevel }, (_request, reply) => {
      const { status, body } = answer();
      return reply.code(status).header('cache-control', 'no-store').send(body);
    });
  };
  add(livenessPath, liveness.answer);
  add(readinessPath, () => (isClosing ? CLOSING : readiness.answer()));
}

function addScopes(app: App, scopes: RequestScopes): void {
  const entered = new WeakMap<Request, RequestScope>();
  app.addHook('onRequest', (request, reply, done) => {
    const header = request.raw.headers[scopes.requestHeader];
    void scopes.enter(
      Array.isArray(header) ? header.join() : header,
      (scope) => {
        entered.set(request, scope);
        done();
      },
      ({ status, body, header: removal }) => {
        if (removal !== undefined) reply.header(...removal);
        reply.code(status).send(body);
      },
    );
  });
  // The body was read in a context of its own.
  app.addHook('preValidation', (request, _reply, done) => {
    const scope = entered.get(request);
    if (scope === undefined) done();
    else scope.within(done);
  });
  app.addHook('onSend', async (request, reply) => {
    const header = await entered.get(request)?.header();
    if (header !== undefined) reply.header(...header);
  });
}
