export { Secret } from '../model/secret.ts';
export {
  type Dsn,
  type DsnHost,
  isMultiHost,
  type ParseDsnOptions,
  parseDsn,
  withDatabase,
  withParameters,
  withTarget,
} from './dsn.ts';
export {
  DEFAULT_SYSCONF_DIRECTORY,
  type FileSources,
  type RequiredFile,
  type RequiredFiles,
  requiredFiles,
} from './files.ts';
export { DSN_STYLES, type DsnStyle, type FormatDsnOptions, formatDsn } from './format.ts';
export { DEFAULT_HOST, DEFAULT_PORT, passwordFor, shuffled } from './hosts.ts';
export { type ParameterOrigin, parameterOrigins } from './origins.ts';
export { KNOWN_NAMES, PARAMETERS, type Parameter, type ParameterFate } from './parameters.ts';
export { type PlanOptions, planConnection } from './plan.ts';
export type { ConnectionPlan, KeepalivePlan, PlannedHost, TlsPlan } from './plan-types.ts';
export {
  AUTH_METHODS,
  type AuthMethod,
  CHANNEL_BINDINGS,
  type ChannelBinding,
  LOAD_BALANCE_HOSTS,
  type LoadBalanceHosts,
  TARGET_SESSION_ATTRS,
  type TargetSessionAttrs,
  TLS_MODES,
  TLS_NEGOTIATIONS,
  TLS_VERSIONS,
  type TlsMode,
  type TlsNegotiation,
  type TlsVersion,
  TRANSPORTS,
  type Transport,
} from './sets.ts';
export type { Environment, SettingSources } from './settings.ts';
export { verification } from './tls.ts';
export { PORT_RULES, type PortRule } from './uri.ts';
