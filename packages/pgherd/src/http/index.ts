export type { CausalRequestOptions } from './carrier.ts';
export {
  causalExpress,
  causalFetch,
  causalHono,
  type ExpressMiddleware,
  type FetchHandler,
  type HonoContext,
  type HonoMiddleware,
} from './causal.ts';
export { type FastifyApp, type HerdFastifyOptions, herdFastify } from './fastify.ts';
export {
  type HealthAnswer,
  type HealthEndpoint,
  type HealthHandler,
  type HealthHandlerOptions,
  healthHandler,
} from './health.ts';
