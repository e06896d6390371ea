import { TLS_MODES, TLS_NEGOTIATIONS, TLS_VERSIONS } from '../dsn/index.ts';
import { TARGETS } from '../model/names.ts';
import { POLICY_NAMES } from '../routing/policies.ts';
import { MAX_MESSAGE_BYTES, MAX_SCRAM_ITERATIONS, PREPARE_MAX_AGE_MS } from '../wire/limits.ts';

/** Kinds of values. */
export type OptionKind =
  | 'duration'
  | 'count'
  | 'number'
  | 'boolean'
  | 'text'
  | 'choice'
  | 'function'
  | 'functions'
  | 'texts'
  | 'tags'
  | 'discovery'
  | 'type-parsers'
  | 'auto-route'
  | 'hosts'
  | 'nodes'
  | 'node-pool'
  | 'node-tls'
  | 'session'
  | 'object';

/** One option: its allowed values and its default. */
export interface OptionRule {
  /** Dotted name, `pool.max`. */
  readonly name: string;
  readonly kind: OptionKind;
  /** The default; `undefined` for none. */
  readonly default?: unknown;
  /** Smallest value allowed. */
  readonly min?: number;
  /** Values of a `choice`. */
  readonly choices?: readonly string[];
  /** Whether a function is allowed as well. */
  readonly orFunction?: boolean;
  /** Whether `false` is allowed as well. */
  readonly orFalse?: boolean;
  /** The value is never shown. */
  readonly secret?: boolean;
}

/** All options of `createCluster`; a test compares `docs/options.md` with this table. */
export const OPTION_RULES: readonly OptionRule[] = Object.freeze([
  { name: 'url', kind: 'text', secret: true },
  { name: 'password', kind: 'text', orFunction: true, secret: true },
  { name: 'tls.mode', kind: 'choice', choices: TLS_MODES },
  { name: 'tls.rootCert', kind: 'text' },
  { name: 'tls.cert', kind: 'text' },
  { name: 'tls.key', kind: 'text', secret: true },
  { name: 'tls.keyPassword', kind: 'text', secret: true },
  { name: 'tls.crl', kind: 'text' },
  { name: 'tls.sni', kind: 'boolean' },
  { name: 'tls.negotiation', kind: 'choice', choices: TLS_NEGOTIATIONS },
  { name: 'tls.minVersion', kind: 'choice', choices: TLS_VERSIONS },
  { name: 'tls.maxVersion', kind: 'choice', choices: TLS_VERSIONS },
  { name: 'statementTimeoutMs', kind: 'duration', min: 0 },
  { name: 'lockTimeoutMs', kind: 'duration', min: 0 },
  { name: 'idleInTransactionTimeoutMs', kind: 'duration', min: 0 },
  { name: 'applicationName', kind: 'text', orFunction: true },
  { name: 'target', kind: 'choice', choices: TARGETS },
  { name: 'policy', kind: 'choice', choices: POLICY_NAMES, orFunction: true, default: 'p2c' },
  { name: 'nearestWindowMs', kind: 'duration', min: 0, default: 5 },
  { name: 'waitTimeoutMs', kind: 'duration', min: 1, default: 10_000 },
  { name: 'timeoutMs', kind: 'duration', min: 1 },
  { name: 'slowQueryMs', kind: 'duration', min: 0 },
  { name: 'interceptors', kind: 'functions' },
  { name: 'connectTimeoutMs', kind: 'duration', min: 1, default: 5_000 },
  { name: 'deadAfterMs', kind: 'duration', min: 1, default: 5_000 },
  { name: 'firstWriteGraceMs', kind: 'duration', min: 0, default: 500 },
  { name: 'drainMs', kind: 'duration', min: 0, default: 5_000 },
  { name: 'pool.max', kind: 'count', min: 1, default: 10 },
  { name: 'pool.min', kind: 'count', min: 0, default: 0 },
  { name: 'pool.maxWaiting', kind: 'count', min: 0, default: 10_000 },
  { name: 'pool.maxConnecting', kind: 'count', min: 1, default: 4 },
  { name: 'pool.idleTimeoutMs', kind: 'duration', min: 0, default: 30_000 },
  { name: 'pool.maxLifetimeMs', kind: 'duration', min: 0, default: 1_800_000 },
  { name: 'pool.maxUses', kind: 'count', min: 0, default: 0 },
  { name: 'pool.validate', kind: 'choice', choices: ['always', 'if-idle', 'never'], default: 'if-idle' },
  { name: 'pool.reset', kind: 'choice', choices: ['auto', 'always', 'never'], default: 'auto' },
  { name: 'pool.validateAfterMs', kind: 'duration', min: 0, default: 500 },
  { name: 'pool.leakAfterMs', kind: 'duration', min: 0, default: 0 },
  { name: 'lanes.maxDepth', kind: 'count', min: 1, default: 200 },
  { name: 'lanes.maxWrites', kind: 'count', min: 1, default: 16 },
  { name: 'lanes.maxQueueMs', kind: 'duration', min: 0, default: 2 },
  { name: 'prepare', kind: 'boolean', default: true },
  { name: 'prepare.maxAgeMs', kind: 'duration', min: 0, default: PREPARE_MAX_AGE_MS },
  { name: 'types', kind: 'type-parsers' },
  { name: 'scramMaxIterations', kind: 'count', min: 4_096, default: MAX_SCRAM_ITERATIONS },
  { name: 'maxMessageBytes', kind: 'count', min: 30_000, default: MAX_MESSAGE_BYTES },
  { name: 'session', kind: 'session' },
  { name: 'hooks.beforeConnect', kind: 'function' },
  { name: 'hooks.afterConnect', kind: 'function' },
  { name: 'hooks.beforeAcquire', kind: 'function' },
  { name: 'hooks.afterRelease', kind: 'function' },
  { name: 'hooks.beforeClose', kind: 'function' },
  { name: 'probe.intervalMs', kind: 'duration', min: 10, default: 1_000 },
  { name: 'probe.timeoutMs', kind: 'duration', min: 10, default: 1_000 },
  { name: 'probe.longPoll', kind: 'boolean', default: true },
  { name: 'probe.redialMs', kind: 'duration', min: 0 },
  { name: 'retry.attempts', kind: 'count', min: 1, default: 3 },
  { name: 'retry.baseMs', kind: 'duration', min: 0, default: 50 },
  { name: 'retry.factor', kind: 'number', min: 1, default: 2 },
  { name: 'retry.maxMs', kind: 'duration', min: 0, default: 2_000 },
  { name: 'retry.budget', kind: 'number', min: 0, default: 100 },
  { name: 'retry.budgetRatio', kind: 'number', min: 0, default: 0.2 },
  { name: 'retry.budgetPerSecond', kind: 'number', min: 0, default: 10 },
  { name: 'retry.isRetryable', kind: 'function' },
  { name: 'hedge', kind: 'boolean', default: false },
  { name: 'hedge.minDelayMs', kind: 'duration', min: 0, default: 5 },
  { name: 'eject', kind: 'boolean', default: false },
  { name: 'eject.baseMs', kind: 'duration', min: 1_000, default: 10_000 },
  { name: 'eject.maxMs', kind: 'duration', min: 1_000, default: 300_000 },
  { name: 'slowStartMs', kind: 'duration', min: 0, default: 10_000 },
  { name: 'restAfterMs', kind: 'duration', min: 0, default: 300_000 },
  { name: 'fencing', kind: 'choice', choices: ['strict', 'report'], default: 'strict' },
  { name: 'fencing.mode', kind: 'choice', choices: ['strict', 'report'] },
  { name: 'fencing.withdrawAfterMs', kind: 'duration', min: 0, default: 10_000, orFalse: true },
  { name: 'systemIdentifier', kind: 'text' },
  { name: 'onClusterReplaced', kind: 'choice', choices: ['refuse', 'adopt'], default: 'refuse' },
  { name: 'identityGraceMs', kind: 'duration', min: 0, default: 30_000 },
  { name: 'expireAfterMs', kind: 'duration', min: 1, default: 10_000 },
  { name: 'lag.maxMs', kind: 'duration', min: 0 },
  { name: 'lag.maxBytes', kind: 'number', min: 0 },
  { name: 'lag.allowStale', kind: 'boolean', default: false },
  { name: 'causal.waitMs', kind: 'duration', min: 0, default: 100 },
  { name: 'causal.tokenTtlMs', kind: 'duration', min: 1, default: 60_000 },
  { name: 'causal.tokenSecret', kind: 'texts', secret: true },
  { name: 'zone', kind: 'texts' },
  { name: 'autoRoute', kind: 'auto-route' },
  { name: 'nodes', kind: 'nodes' },
  { name: 'discovery', kind: 'discovery' },
  { name: 'allowDiscovered', kind: 'hosts' },
  { name: 'pooler', kind: 'boolean' },
  { name: 'logger', kind: 'object' },
  { name: 'clock', kind: 'object' },
  { name: 'random', kind: 'object' },
  { name: 'env', kind: 'object' },
  { name: 'portRule', kind: 'choice', choices: ['last-serves-all', 'libpq'], default: 'last-serves-all' },
]);
