import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Cluster, PgHerdError, TARGETS } from 'pgherd';
import { Sampler } from '../sample/sampler.ts';
import { type Answer, Files, textAnswer } from './answers.ts';
import { Explanations } from './explanations.ts';
import { type FastifyPlugin, fastifyPlugin } from './fastify.ts';
import { Feed } from './feed.ts';
import { type DashboardOptions, type DashboardSettings, settingsOf } from './options.ts';
import { askedOfFetch, responseOf, streamOverFetch } from './over-fetch.ts';
import { askedOfNode, sendOverNode, viewerOverNode } from './over-node.ts';
import { type AskedFor, resourceOf } from './requests.ts';
import { isAllowed } from './token.ts';

/** A dashboard of one cluster. Made by {@link createDashboard}. */
export interface Dashboard extends Disposable {
  /**
   * For `node:http`, Express and Connect: answers what is asked below where it is mounted; anything else goes to `next`, or is answered
   * with 404 if there is none.
   */
  handler(request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void;
  /** For Fetch: Hono, Bun, Deno. */
  fetch(request: Request): Promise<Response>;
  /** A plugin for Fastify: `app.register(dashboard.fastify, { prefix: '/pgherd' })`. */
  readonly fastify: FastifyPlugin;
  /** Ends all open pages' streams and the sampling; harmless when called again. The cluster stays open. */
  close(): void;
}

/** What a request is answered with: at once, by the stream, or not at all. */
type Decision =
  | { readonly answer: Promise<Answer> | Answer }
  | { readonly has: string | undefined }
  | 'not ours';

/**
 * A page that shows a cluster: its nodes, the replication between them, figures over time, what happened, and what a target would choose. From
 * now on the cluster is looked at every `sampleMs`, which asks no server, and the duration of each call is counted; both end with
 * `close()`. A page that is open is a use of the cluster: it does not rest.
 *
 * The page shows addresses, roles, and the texts of slow statements and errors: mount it where only operators get, or set `token`.
 *
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for options that cannot be used.
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { createDashboard } from '@pgherd/dashboard';
 * import { createCluster } from 'pgherd';
 *
 * const db = createCluster('postgres://app@db1,db2,db3/shop');
 * const dashboard = createDashboard(db, { token: process.env.DASHBOARD_TOKEN });
 * createServer(dashboard.handler).listen(9187, '127.0.0.1');
 * ```
 */
export function createDashboard(db: Cluster, options: DashboardOptions = {}): Dashboard {
  assertCluster(db);
  return new MountedDashboard(db, settingsOf(options));
}

function assertCluster(db: Cluster): void {
  if (typeof db?.tracedAs === 'object') return;
  const message = 'The first argument is no cluster: pass what createCluster() returned.';
  throw new PgHerdError('PGHERD_INVALID_ARGUMENT', message, { details: { argument: 'db' } });
}

class MountedDashboard implements Dashboard {
  readonly #settings: DashboardSettings;
  readonly #sampler: Sampler;
  readonly #feed: Feed;
  readonly #explanations: Explanations;
  readonly #files = new Files();
  #isClosed = false;
  readonly fastify: FastifyPlugin;

  constructor(db: Cluster, settings: DashboardSettings) {
    this.#settings = settings;
    const { clock, sampleMs, historyMs, serverFigures, title, maxViewers } = settings;
    this.#sampler = new Sampler(db, settings);
    const { user, database } = db.tracedAs;
    const hello = {
      title: title ?? database,
      sampleMs,
      historyMs,
      serverFigures,
      targets: TARGETS,
      user,
      database,
    };
    this.#feed = new Feed(this.#sampler, hello, maxViewers, () => clock.now());
    this.#explanations = new Explanations(db, () => this.#sampler.sample);
    // They are passed on without the object.
    this.handler = this.handler.bind(this);
    this.fetch = this.fetch.bind(this);
    this.fastify = fastifyPlugin((request, response, mountedAt) => {
      this.#answerNode({ ...askedOfNode(request), mountedAt }, request, response, undefined);
    });
  }

  handler(request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void {
    this.#answerNode(askedOfNode(request), request, response, next);
  }

  async fetch(request: Request): Promise<Response> {
    const decision = this.#decide(askedOfFetch(request));
    if (decision === 'not ours') return responseOf(request, NOT_FOUND);
    if ('answer' in decision) return responseOf(request, await decision.answer);
    return streamOverFetch(
      request,
      (viewer) => this.#feed.add(viewer, decision.has),
      (viewer) => this.#feed.remove(viewer),
    );
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sampler.stop();
    this.#feed.end();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** What fails here fails the request, and nothing else. */
  #answerNode(
    asked: AskedFor,
    request: IncomingMessage,
    response: ServerResponse,
    next: ((error?: unknown) => void) | undefined,
  ): void {
    const fail = (error: unknown): void => {
      if (next === undefined || response.headersSent) response.destroy();
      else next(error);
    };
    try {
      const decision = this.#decide(asked);
      if (decision === 'not ours') {
        if (next === undefined) sendOverNode(request, response, NOT_FOUND);
        else next();
      } else if ('answer' in decision) {
        void Promise.resolve(decision.answer).then((answer) => sendOverNode(request, response, answer), fail);
      } else {
        const viewer = viewerOverNode(response, (gone) => this.#feed.remove(gone));
        this.#feed.add(viewer, decision.has);
      }
    } catch (error) {
      fail(error);
    }
  }

  /** Says what a request gets; data only with the token. */
  #decide(asked: AskedFor): Decision {
    const resource = resourceOf(asked, this.#settings.basePath);
    switch (resource.kind) {
      case 'other':
        return 'not ours';
      case 'method':
        return { answer: textAnswer(405, 'Only GET is answered here.\n', { allow: 'GET, HEAD' }) };
      case 'redirect':
        return { answer: textAnswer(308, 'The page is one slash further on.\n', { location: resource.to }) };
      case 'file':
        return {
          answer: this.#files.answer(
            resource.name,
            asked.header('accept-encoding'),
            asked.header('if-none-match'),
          ),
        };
      case 'explain':
      case 'events':
        if (!isAllowed(asked.header('authorization'), this.#settings.token)) return { answer: UNAUTHORIZED };
        if (this.#isClosed) return { answer: CLOSED };
        if (resource.kind === 'explain')
          return { answer: this.#explanations.answer(resource.target, resource.maxLagMs) };
        if (asked.method === 'HEAD') return { answer: textAnswer(200, '') };
        return this.#feed.isFull ? { answer: FULL } : { has: resource.has };
      default:
        return resource satisfies never;
    }
  }
}

const NOT_FOUND = textAnswer(404, 'There is no such page here.\n');
const UNAUTHORIZED = textAnswer(401, 'The dashboard wants its token as Authorization: Bearer.\n', {
  'www-authenticate': 'Bearer realm="pgherd dashboard"',
});
const CLOSED = textAnswer(503, 'The dashboard is closed.\n');
const FULL = textAnswer(503, 'Too many pages of the dashboard are open (maxViewers).\n', {
  'retry-after': '10',
});
