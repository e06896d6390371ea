export { createDashboard, type Dashboard } from './server/dashboard.ts';
export type { FastifyApp, FastifyPlugin } from './server/fastify.ts';
export type { DashboardOptions } from './server/options.ts';
export { type ServedDashboard, type ServeOptions, serveDashboard } from './server/serve.ts';
