import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Cluster } from '../cluster/cluster.ts';
import type { CausalRequestOptions, ResponseHeader } from './carrier.ts';
import { holdResponse } from './held-response.ts';
import { type Refusal, RequestScopes } from './scope.ts';

/** A middleware of Express and Connect. */
export type ExpressMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** What is needed of the context of Hono. */
export interface HonoContext {
  readonly req: { header(name: string): string | undefined };
  header(name: string, value?: string, options?: { append?: boolean }): void;
}

/** A middleware of Hono. */
export type HonoMiddleware = (
  context: HonoContext,
  next: () => Promise<void>,
) => Promise<Response | undefined>;

/**
 * Causal reads between the requests of a client, for Express and Connect: each request runs in `db.causal`, after the token of the client's
 * earlier requests, and the response carries the token of what was written. The response waits for that token: one short round trip after
 * the last write.
 *
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for options that cannot be used, and for a cluster without `causal.tokenSecret`.
 * @example
 * ```ts
 * import express from 'express';
 * import { createCluster } from 'pgherd';
 * import { causalExpress } from 'pgherd/http';
 *
 * const db = createCluster({ url: 'postgres://app@db1,db2,db3/shop', causal: { tokenSecret: process.env.TOKEN_SECRET } });
 * const app = express().use(express.json()).use(causalExpress(db));
 * ```
 */
export function causalExpress(cluster: Cluster, options: CausalRequestOptions = {}): ExpressMiddleware {
  const scopes = new RequestScopes(cluster, options);
  return (request, response, next) => {
    const header = request.headers[scopes.requestHeader];
    void scopes.enter(
      Array.isArray(header) ? header.join() : header,
      (scope) => {
        holdResponse(response, async () => setHeader(response, await scope.header()));
        next();
      },
      ({ status, body, header }) => {
        setHeader(response, header);
        response.writeHead(status, JSON_TYPE).end(JSON.stringify(body));
      },
    );
  };
}

/**
 * The same for Hono, as {@link causalExpress}. What a streamed response writes to the database after its headers is not covered.
 *
 * @throws as {@link causalExpress}.
 * @example
 * ```ts
 * import { Hono } from 'hono';
 * import { createCluster } from 'pgherd';
 * import { causalHono } from 'pgherd/http';
 *
 * const db = createCluster({ url: 'postgres://app@db1,db2,db3/shop', causal: { tokenSecret: process.env.TOKEN_SECRET } });
 * const app = new Hono().use(causalHono(db));
 * ```
 */
export function causalHono(cluster: Cluster, options: CausalRequestOptions = {}): HonoMiddleware {
  const scopes = new RequestScopes(cluster, options);
  return (context, next) =>
    scopes.enter(
      context.req.header(scopes.requestHeader),
      async (scope) => {
        await next();
        const header = await scope.header();
        if (header !== undefined) context.header(...header, { append: isCookie(header) });
        return undefined;
      },
      responseOf,
    );
}

/** A handler of requests in the form of Fetch; what else it is called with is its framework's, as the `context` of Next. */
export type FetchHandler<A extends readonly unknown[]> = (
  request: Request,
  ...rest: A
) => Response | Promise<Response>;

/**
 * The same for handlers that take a `Request` and return a `Response`: route handlers of Next, Bun, Deno. It gives a function that wraps
 * one handler. What a streamed response writes to the database after its headers is not covered.
 *
 * @throws as {@link causalExpress}.
 * @example
 * ```ts
 * import { sharedCluster } from 'pgherd';
 * import { causalFetch } from 'pgherd/http';
 *
 * const db = sharedCluster('shop', { url: process.env.DATABASE_URL, causal: { tokenSecret: process.env.TOKEN_SECRET } });
 * const causal = causalFetch(db);
 * export const GET = causal(async () => Response.json(await db.read.rows('select id, item from orders')));
 * ```
 */
export function causalFetch(
  cluster: Cluster,
  options: CausalRequestOptions = {},
): <A extends readonly unknown[]>(
  handler: FetchHandler<A>,
) => (request: Request, ...rest: A) => Promise<Response> {
  const scopes = new RequestScopes(cluster, options);
  return (handler) =>
    (request, ...rest) =>
      scopes.enter(
        request.headers.get(scopes.requestHeader) ?? undefined,
        async (scope) => withHeader(await handler(request, ...rest), await scope.header()),
        responseOf,
      );
}

/** The response with the header, or a copy where its headers cannot be changed, as those of a redirect. */
function withHeader(response: Response, header: ResponseHeader | undefined): Response {
  if (header === undefined) return response;
  try {
    response.headers.append(...header);
    return response;
  } catch {
    const { body, status, statusText } = response;
    const copy = new Response(body, { status, statusText, headers: response.headers });
    copy.headers.append(...header);
    return copy;
  }
}

const JSON_TYPE = Object.freeze({ 'content-type': 'application/json' });

function isCookie([name]: ResponseHeader): boolean {
  return name === 'set-cookie';
}

function setHeader(response: ServerResponse, header: ResponseHeader | undefined): void {
  if (header === undefined) return;
  if (isCookie(header)) response.appendHeader(...header);
  else response.setHeader(...header);
}

function responseOf({ status, body, header }: Refusal): Response {
  const headers = { ...JSON_TYPE, ...(header === undefined ? {} : { [header[0]]: header[1] }) };
  return new Response(JSON.stringify(body), { status, headers });
}
