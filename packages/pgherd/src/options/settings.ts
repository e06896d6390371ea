import type { Interceptor } from '../call/interceptor.ts';
import type { TracedCluster } from '../channels/channels.ts';
import type { Driver } from '../connection/port.ts';
import { hostList } from '../discovery/allowed.ts';
import type { Discovery } from '../discovery/port.ts';
import type { ConnectionPlan } from '../dsn/index.ts';
import { type Logins, loginsOfPlan, type PlannedLogins, planLogins } from '../login/login.ts';
import type { NamedHosts } from '../login/trust.ts';
import { InvalidOptionsError } from '../model/errors.ts';
import type { Fencing, Target } from '../model/names.ts';
import { REDACTED, Secret } from '../model/secret.ts';
import type { AutoRoute } from '../model/text-route.ts';
import { type Logger, silentLogger } from '../observe/logger.ts';
import { type Route, statedRoute } from '../pooler/detect.ts';
import { localSettings } from '../pooler/local-settings.ts';
import type { BudgetSettings } from '../retry/budget.ts';
import type { BackoffSettings } from '../retry/decide.ts';
import type { EjectionSettings } from '../routing/ejection.ts';
import { POLICY_NAMES, type Policy, policyNamed } from '../routing/policies.ts';
import type { Clock, Random } from '../time/port.ts';
import { systemClock, systemRandom } from '../time/system.ts';
import type { LagLimits } from '../topology/lag.ts';
import { nodeName } from '../topology/node.ts';
import type { ProbeSettings } from '../topology/probe-plan.ts';
import { wireDriver } from '../wire/connection/driver.ts';
import { type ApplicationNames, applicationNames } from './application-name.ts';
import { retryAttemptsFrom } from './env-options.ts';
import { assertHooksBehindPooler, type Hooks } from './hooks.ts';
import type { LaneLimits } from './lane-limits.ts';
import type { ClusterOptions, NodeOptions, RetryOptions } from './options.ts';
import { type Pools, pools } from './pool-settings.ts';
import { limitSettings, withSession } from './session-settings.ts';
import { type OptionValues, validateOptions } from './validate.ts';

/** Options after validation, complete and immutable. */
export interface ClusterSettings extends Pools {
  readonly plan: ConnectionPlan;
  readonly driver: Driver;
  /** Most iterations of SCRAM that a server may ask for. */
  readonly scramMaxIterations: number;
  /** Longest message that is accepted after the login, bytes. */
  readonly maxMessageBytes: number;
  /** Users, passwords and TLS for each node. */
  readonly logins: Logins;
  /** Why connections go to this machine although nothing says so; `undefined` if something does. */
  readonly unaddressed: string | undefined;
  /** Limits of sessions by the server's names. */
  readonly limits: Readonly<Record<string, string>>;
  /** How its connections are called. */
  readonly applicationNames: ApplicationNames;
  /** The cluster in messages of diagnostics channels. */
  readonly label: TracedCluster;
  readonly target: Target;
  readonly policy: Policy;
  readonly hedge: { readonly byDefault: boolean; readonly minDelayMs: number };
  /** `undefined` if no node is ejected. */
  readonly eject: EjectionSettings | undefined;
  readonly slowStartMs: number;
  readonly waitTimeoutMs: number;
  readonly timeoutMs: number | undefined;
  /** Duration from which a statement is slow, milliseconds; `undefined` for never. */
  readonly slowQueryMs: number | undefined;
  readonly interceptors: readonly Interceptor[];
  readonly connectTimeoutMs: number;
  readonly deadAfterMs: number;
  readonly firstWriteGraceMs: number;
  readonly drainMs: number;
  readonly hooks: Hooks;
  /** Limits of each lane; `undefined` if statements do not share connections. */
  readonly lanes: LaneLimits | undefined;
  /** Whether repeated statements are prepared. */
  readonly prepare: boolean;
  /** `redialMs` is `undefined` if it depends on the node. */
  readonly probe: ProbeSettings & { readonly redialMs: number | undefined };
  readonly retry: BackoffSettings &
    BudgetSettings &
    Pick<RetryOptions, 'isRetryable'> & { readonly attempts: number };
  readonly fencing: Fencing;
  /** How long witnesses must have followed the primary before their floor falls; infinite for never. */
  readonly withdrawAfterMs: number;
  /** Whether the discovery holds a lease, and so decides between claims. */
  readonly authority: boolean;
  readonly systemIdentifier: string | undefined;
  readonly onClusterReplaced: 'refuse' | 'adopt';
  readonly identityGraceMs: number;
  readonly expireAfterMs: number;
  /** Limits of a standby's lag; `undefined` for none. */
  readonly lag: LagLimits & { readonly allowStale: boolean };
  /** Reads that see the writes before them; the first secret signs. */
  readonly causal: {
    readonly waitMs: number;
    readonly tokenTtlMs: number;
    readonly secrets: readonly Secret[];
  };
  /** Zones in order of preference. */
  readonly zones: readonly string[];
  /** Facts about single nodes from the options, by name. */
  readonly nodes: Readonly<Record<string, NodeOptions>>;
  readonly discovery: Discovery | undefined;
  /** Makes the router of statements by their text; `undefined` if there is none. */
  readonly autoRoute: AutoRoute | undefined;
  /** Hosts that the operator wrote down. */
  readonly namedHosts: NamedHosts;
  /** What the options say of the route to the servers; `unknown` is detected for each node. */
  readonly route: Route;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Resolves, validates and freezes options. `driver` opens connections instead of pgherd's own wire; `made` is a plan that was made
 * before, in the place of the connection string.
 * @throws InvalidOptionsError `PGHERD_INVALID_OPTIONS`
 * @throws InvalidDsnError `PGHERD_INVALID_DSN`
 */
export function resolveSettings(
  options: ClusterOptions,
  driver?: Driver,
  made?: ConnectionPlan,
): ClusterSettings {
  const values = validateOptions(options);
  const random = options.random ?? systemRandom;
  const portRule = values.get('portRule') === 'libpq' ? 'libpq' : 'last-serves-all';
  const sources = { url: options.url ?? '', env: options.env, random, portRule } as const;
  const planned = made === undefined ? planLogins(options, sources) : loginsOfPlan(options.password, made);
  const plan = withSession(planned.plan, options.session);
  const route = statedRoute(options.pooler ?? plan.pooler);
  // If a pooler is configured, options that cannot work behind it fail at once.
  if (route === 'pooler') {
    localSettings(plan);
    assertHooksBehindPooler(options.hooks ?? {});
  }
  const nodes = nodeOptions(options, plan);
  const number = (name: string) => Number(values.get(name));
  return Object.freeze({
    plan,
    ...wireSettings(options, driver, number),
    ...whereTo(planned, options),
    limits: limitSettings(options),
    ...observation(options, plan, planned.logins),
    target: targetOf(options.target, plan),
    policy: policyOf(options.policy, number('nearestWindowMs')),
    hedge: Object.freeze({
      byDefault: isOn(options.hedge),
      minDelayMs: number('hedge.minDelayMs'),
    }),
    eject: isOn(options.eject)
      ? Object.freeze({ baseMs: number('eject.baseMs'), maxMs: number('eject.maxMs') })
      : undefined,
    slowStartMs: number('slowStartMs'),
    waitTimeoutMs: options.waitTimeoutMs ?? plan.waitTimeoutMs ?? number('waitTimeoutMs'),
    timeoutMs: options.timeoutMs,
    connectTimeoutMs: options.connectTimeoutMs ?? plan.connectTimeoutMs ?? number('connectTimeoutMs'),
    deadAfterMs: number('deadAfterMs'),
    firstWriteGraceMs: number('firstWriteGraceMs'),
    drainMs: number('drainMs'),
    ...pools(values, options, plan, nodes),
    hooks: Object.freeze({ ...options.hooks }),
    lanes: options.lanes === false ? undefined : laneLimits(number),
    prepare: values.get('prepare') === true,
    probe: Object.freeze({
      intervalMs: number('probe.intervalMs'),
      timeoutMs: number('probe.timeoutMs'),
      longPoll: values.get('probe.longPoll') === true,
      redialMs: values.get('probe.redialMs') as number | undefined,
    }),
    retry: retrySettings(options, number),
    ...fencingSettings(values, options.discovery),
    systemIdentifier: options.systemIdentifier,
    onClusterReplaced: options.onClusterReplaced ?? 'refuse',
    identityGraceMs: number('identityGraceMs'),
    expireAfterMs: number('expireAfterMs'),
    lag: lagSettings(options),
    causal: causalSettings(values),
    zones: Object.freeze(options.zone === undefined ? [] : [options.zone].flat()),
    nodes,
    discovery: options.discovery,
    autoRoute: options.autoRoute,
    namedHosts: namedHosts(options, plan),
    route,
    logger: options.logger ?? silentLogger,
    clock: options.clock ?? systemClock,
    random,
  });
}

function whereTo(
  { logins, unaddressed }: PlannedLogins,
  { discovery }: ClusterOptions,
): Pick<ClusterSettings, 'logins' | 'unaddressed'> {
  return { logins, unaddressed: discovery === undefined ? unaddressed : undefined };
}

/** By what name the cluster is known, and what watches its calls. */
function observation(
  { applicationName: given, interceptors = [], slowQueryMs }: ClusterOptions,
  plan: ConnectionPlan,
  logins: Logins,
): Pick<ClusterSettings, 'applicationNames' | 'label' | 'interceptors' | 'slowQueryMs'> {
  const names = applicationNames(given, plan.applicationName ?? 'pgherd');
  return {
    applicationNames: names,
    label: Object.freeze({
      applicationName: names.common,
      database: plan.database,
      user: logins.general.user,
    }),
    interceptors: Object.freeze([...interceptors]),
    slowQueryMs,
  };
}

/** Without discovery all nodes are known, so that any other name is a mistake. */
function nodeOptions(options: ClusterOptions, plan: ConnectionPlan): Readonly<Record<string, NodeOptions>> {
  const known = plan.hosts.map(nodeName);
  const unknown = Object.keys(options.nodes ?? {}).filter((name) => !known.includes(name));
  if (unknown.length > 0 && options.discovery === undefined) {
    throw new InvalidOptionsError(
      unknown.map((name) => `nodes has ${JSON.stringify(name)}, but must name one of ${known.join(', ')}`),
    );
  }
  return Object.freeze({ ...options.nodes });
}

function namedHosts({ allowDiscovered }: ClusterOptions, plan: ConnectionPlan): NamedHosts {
  const allowed = allowDiscovered === undefined ? undefined : hostList([allowDiscovered].flat());
  const hosts = plan.hosts
    .filter(({ transport }) => transport === 'tcp')
    .map(({ host }) => host.toLowerCase());
  return Object.freeze({ hosts: new Set(hosts), allowed });
}

function targetOf(given: Target | undefined, plan: ConnectionPlan): Target {
  if (given !== undefined) return given;
  return plan.targetStated ? plan.targetSessionAttrs : 'read-write';
}

function policyOf(given: ClusterOptions['policy'], nearestWindowMs: number): Policy {
  if (typeof given === 'function') return given;
  return policyNamed(POLICY_NAMES.find((name) => name === given) ?? 'p2c', { nearestWindowMs });
}

/** Whether an option that is a switch and a group is on. */
function isOn(option: boolean | object | undefined): boolean {
  return option !== undefined && option !== false;
}

function laneLimits(number: (name: string) => number): LaneLimits {
  return Object.freeze({
    maxDepth: number('lanes.maxDepth'),
    maxWrites: number('lanes.maxWrites'),
    maxQueueMs: number('lanes.maxQueueMs'),
  });
}

/** A shorter secret could be guessed. */
const SHORTEST_SECRET = 16;

function wireSettings(
  { types, clock }: ClusterOptions,
  driver: Driver | undefined,
  number: (name: string) => number,
): Pick<ClusterSettings, 'driver' | 'scramMaxIterations' | 'maxMessageBytes'> {
  const bounds = {
    scramMaxIterations: number('scramMaxIterations'),
    maxMessageBytes: number('maxMessageBytes'),
  };
  const prepareMaxAgeMs = number('prepare.maxAgeMs');
  return { driver: driver ?? wireDriver({ types, clock, prepareMaxAgeMs, ...bounds }), ...bounds };
}

function retrySettings(
  { retry, env }: ClusterOptions,
  number: (name: string) => number,
): ClusterSettings['retry'] {
  return Object.freeze({
    attempts: retry?.attempts ?? retryAttemptsFrom(env) ?? number('retry.attempts'),
    baseMs: number('retry.baseMs'),
    factor: number('retry.factor'),
    maxMs: number('retry.maxMs'),
    budget: number('retry.budget'),
    budgetRatio: number('retry.budgetRatio'),
    budgetPerSecond: number('retry.budgetPerSecond'),
    isRetryable: retry?.isRetryable,
  });
}

function fencingSettings(
  values: OptionValues,
  discovery: Discovery | undefined,
): Pick<ClusterSettings, 'fencing' | 'withdrawAfterMs' | 'authority'> {
  const mode = values.get('fencing.mode') ?? values.get('fencing');
  const withdrawAfterMs = values.get('fencing.withdrawAfterMs');
  return {
    fencing: mode === 'report' ? 'report' : 'strict',
    // Fencing that only reports withholds nothing, so there is nothing to decide.
    authority: mode !== 'report' && discovery?.authority === 'lease',
    withdrawAfterMs: withdrawAfterMs === false ? Number.POSITIVE_INFINITY : Number(withdrawAfterMs),
  };
}

function lagSettings({ lag }: ClusterOptions): ClusterSettings['lag'] {
  return Object.freeze({
    maxMs: lag?.maxMs,
    maxBytes: lag?.maxBytes,
    allowStale: lag?.allowStale ?? false,
  });
}

function causalSettings(values: OptionValues): ClusterSettings['causal'] {
  const secrets = [values.get('causal.tokenSecret') ?? []].flat().map(String);
  if (secrets.some((secret) => secret.length < SHORTEST_SECRET)) {
    throw new InvalidOptionsError([
      `causal.tokenSecret is ${REDACTED}, but must have at least ${SHORTEST_SECRET} characters`,
    ]);
  }
  return Object.freeze({
    waitMs: Number(values.get('causal.waitMs')),
    tokenTtlMs: Number(values.get('causal.tokenTtlMs')),
    secrets: Object.freeze(secrets.map((secret) => new Secret(secret))),
  });
}
