import { assertLimits } from '../call/limits.ts';
import { type ConnectionPlan, shuffled } from '../dsn/index.ts';
import { InvalidOptionsError, invalidArgument } from '../model/errors.ts';
import { foreign } from '../model/foreign.ts';
import { insteadOf, type OptionNames } from '../model/option-names.ts';
import type { ClusterOptions } from '../options/options.ts';
import { type ClusterSettings, resolveSettings } from '../options/settings.ts';

/** Options of a cluster that are options of `connect` as well. */
const OF_CLUSTERS = [
  'password',
  'tls',
  'applicationName',
  'target',
  'connectTimeoutMs',
  'drainMs',
  'statementTimeoutMs',
  'lockTimeoutMs',
  'idleInTransactionTimeoutMs',
  'session',
  'types',
  'scramMaxIterations',
  'maxMessageBytes',
  'prepare',
  'pooler',
  'logger',
  'clock',
  'random',
  'env',
  'portRule',
] as const satisfies readonly (keyof ClusterOptions)[];
/** Those that decide about the plan. */
const OF_PLANS = ['tls', 'env', 'portRule'] as const;
const OWN = ['timeoutMs', 'signal'] as const;
const NAMES: OptionNames = new Set([...OF_CLUSTERS, ...OWN]);

/** Options of {@link connect}; those of `createCluster` mean the same. */
export interface ConnectOptions extends Pick<ClusterOptions, (typeof OF_CLUSTERS)[number]> {
  /** Longest duration of `connect`, all hosts together, ms. Default: none; each host has `connectTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** Aborts `connect`; it has no effect on the session afterwards. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The settings of a single session, and its hosts in the order in which they are tried.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`; InvalidOptionsError `PGHERD_INVALID_OPTIONS`; InvalidDsnError `PGHERD_INVALID_DSN`.
 */
export function connectSettings(to: string | ConnectionPlan, options: ConnectOptions): ClusterSettings {
  const plan = planOf(to);
  if (typeof options !== 'object' || options === null)
    throw invalidArgument('options', String(options), 'an object of options');
  assertKnown(options, plan !== undefined);
  assertLimits(options);
  const { timeoutMs: _limit, signal: _signal, ...given } = options;
  const settings = resolveSettings(
    plan === undefined ? { ...given, url: String(to) } : given,
    undefined,
    plan,
  );
  const { hosts, loadBalanceHosts } = settings.plan;
  if (loadBalanceHosts !== 'random') return settings;
  const order = Object.freeze(shuffled(hosts, () => settings.random.next()));
  return Object.freeze({ ...settings, plan: Object.freeze({ ...settings.plan, hosts: order }) });
}

/** `undefined` for a connection string. */
function planOf(to: unknown): ConnectionPlan | undefined {
  if (typeof to === 'string') return undefined;
  if (isPlan(to)) return to;
  const shown = to === null ? 'null' : `of type ${typeof to}`;
  throw invalidArgument(
    'the first argument of connect',
    shown,
    'a connection string, or a plan of planConnection',
  );
}

function isPlan(value: unknown): value is ConnectionPlan {
  if (typeof value !== 'object' || value === null) return false;
  const { hosts, user, database, tls } = value as Partial<ConnectionPlan>;
  const isComplete = typeof user === 'string' && typeof database === 'string' && typeof tls === 'object';
  return isComplete && Array.isArray(hosts) && hosts.length > 0;
}

function assertKnown(options: object, withPlan: boolean): void {
  const violations: string[] = [];
  for (const [name, value] of Object.entries(options)) {
    if (!NAMES.has(name)) violations.push(unknownOption(name));
    else if (withPlan && value !== undefined && OF_PLANS.some((one) => one === name))
      violations.push(`${name} is given beside a plan, but is part of it: give it to what makes the plan`);
  }
  if (violations.length > 0) throw new InvalidOptionsError(violations);
}

function unknownOption(name: string): string {
  const remedy = insteadOf(name, 'cluster', NAMES) ?? 'createCluster has more';
  return `${foreign(name)} is not an option of connect; ${remedy}`;
}
