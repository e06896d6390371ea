import type { IncomingMessage, ServerResponse } from 'node:http';

/** What is needed of an application of Fastify. */
export interface FastifyApp {
  get(path: string, options: never, handler: never): unknown;
}

/** A plugin for Fastify; `prefix` is put before the paths, as Fastify does it for every plugin. */
export type FastifyPlugin = (app: FastifyApp, options: { readonly prefix?: string }) => Promise<void>;

/** As far as the plugin uses them. */
interface Reply {
  readonly raw: ServerResponse;
  hijack(): void;
}
interface App {
  readonly prefix: string;
  get(
    path: string,
    options: { logLevel: string },
    handler: (request: { raw: IncomingMessage }, reply: Reply) => void,
  ): void;
}

/** A plugin that hands each request to `answer`, past Fastify's own way of answering. */
export function fastifyPlugin(
  answer: (request: IncomingMessage, response: ServerResponse, mountedAt: string) => void,
): FastifyPlugin {
  return async (app) => {
    // Fastify's own types of routes depend on its version.
    const known = app as unknown as App;
    const route = ({ raw }: { raw: IncomingMessage }, reply: Reply): void => {
      reply.hijack();
      answer(raw, reply.raw, known.prefix);
    };
    for (const path of ['/', '/*']) known.get(path, { logLevel: 'warn' }, route);
  };
}
