export {
  type HealthAnswer,
  type HealthEndpoint,
  type HealthHandler,
  type HealthHandlerOptions,
  healthHandler,
} from './health.ts';
