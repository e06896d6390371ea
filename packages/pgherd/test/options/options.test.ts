import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createCluster } from '../../src/cluster/cluster.ts';
import { InvalidOptionsError } from '../../src/model/errors.ts';
import { TARGETS } from '../../src/model/names.ts';
import { OPTION_RULES } from '../../src/options/option-rules.ts';
import type {
  ClusterOptions,
  EjectOptions,
  FencingOptions,
  HedgeOptions,
  PrepareOptions,
} from '../../src/options/options.ts';
import { resolveSettings } from '../../src/options/settings.ts';
import { validateOptions } from '../../src/options/validate.ts';
import { POLICY_NAMES, p2c, policyNamed } from '../../src/routing/policies.ts';
import { systemClock, systemRandom } from '../../src/time/system.ts';
import { named } from '../support/evidence.ts';
import { describedNode } from '../support/nodes.ts';

/** Groups of options; a new one that is not named here leaves its own name in {@link OptionName}. */
type Group = 'hooks' | 'tls' | 'lanes' | 'pool' | 'probe' | 'retry' | 'lag' | 'causal';
type Inside<G extends Group> = `${G}.${keyof Exclude<ClusterOptions[G], false | undefined> & string}`;
/** Options that are groups as well. */
type InsideSwitch =
  | `prepare.${keyof PrepareOptions & string}`
  | `hedge.${keyof HedgeOptions & string}`
  | `eject.${keyof EjectOptions & string}`
  | `fencing.${keyof FencingOptions & string}`;
type OptionName = Exclude<keyof ClusterOptions, Group> | { [G in Group]: Inside<G> }[Group] | InsideSwitch;

/** The default of every option. A new option without a line here does not compile. */
const DEFAULTS: Readonly<Record<OptionName, unknown>> = {
  url: undefined,
  types: undefined,
  scramMaxIterations: 100_000,
  maxMessageBytes: 1_073_741_823,
  password: undefined,
  'tls.mode': undefined,
  'tls.rootCert': undefined,
  'tls.cert': undefined,
  'tls.key': undefined,
  'tls.keyPassword': undefined,
  'tls.crl': undefined,
  'tls.sni': undefined,
  'tls.negotiation': undefined,
  'tls.minVersion': undefined,
  'tls.maxVersion': undefined,
  statementTimeoutMs: undefined,
  lockTimeoutMs: undefined,
  idleInTransactionTimeoutMs: undefined,
  applicationName: undefined,
  target: undefined,
  policy: 'p2c',
  nearestWindowMs: 5,
  waitTimeoutMs: 10_000,
  slowQueryMs: undefined,
  interceptors: undefined,
  timeoutMs: undefined,
  connectTimeoutMs: 5_000,
  deadAfterMs: 5_000,
  firstWriteGraceMs: 500,
  drainMs: 5_000,
  'pool.max': 10,
  'pool.min': 0,
  'pool.maxWaiting': 10_000,
  'pool.maxConnecting': 4,
  'pool.idleTimeoutMs': 30_000,
  'pool.maxLifetimeMs': 1_800_000,
  'pool.maxUses': 0,
  'pool.validate': 'if-idle',
  'pool.reset': 'auto',
  'pool.validateAfterMs': 500,
  'pool.leakAfterMs': 0,
  'lanes.maxDepth': 200,
  'lanes.maxWrites': 16,
  'lanes.maxQueueMs': 2,
  prepare: true,
  'prepare.maxAgeMs': 30_000,
  session: undefined,
  'hooks.beforeConnect': undefined,
  'hooks.afterConnect': undefined,
  'hooks.beforeAcquire': undefined,
  'hooks.afterRelease': undefined,
  'hooks.beforeClose': undefined,
  'probe.intervalMs': 1_000,
  'probe.timeoutMs': 1_000,
  'probe.longPoll': true,
  'probe.redialMs': undefined,
  'retry.attempts': 3,
  'retry.baseMs': 50,
  'retry.factor': 2,
  'retry.maxMs': 2_000,
  'retry.budget': 100,
  'retry.budgetRatio': 0.2,
  'retry.budgetPerSecond': 10,
  'retry.isRetryable': undefined,
  hedge: false,
  eject: false,
  'eject.baseMs': 10_000,
  'eject.maxMs': 300_000,
  slowStartMs: 10_000,
  restAfterMs: 300_000,
  'hedge.minDelayMs': 5,
  fencing: 'strict',
  'fencing.mode': undefined,
  'fencing.withdrawAfterMs': 10_000,
  systemIdentifier: undefined,
  onClusterReplaced: 'refuse',
  identityGraceMs: 30_000,
  expireAfterMs: 10_000,
  'lag.maxMs': undefined,
  'lag.maxBytes': undefined,
  'lag.allowStale': false,
  'causal.waitMs': 100,
  'causal.tokenTtlMs': 60_000,
  'causal.tokenSecret': undefined,
  zone: undefined,
  nodes: undefined,
  autoRoute: undefined,
  discovery: undefined,
  allowDiscovered: undefined,
  pooler: undefined,
  logger: undefined,
  clock: undefined,
  random: undefined,
  env: undefined,
  portRule: 'last-serves-all',
};

const HERE: ClusterOptions = { url: 'postgres://app:wonderland@a,b/shop', env: {} };

function resolved(options: Partial<ClusterOptions> = {}) {
  return resolveSettings({ ...HERE, ...options });
}

/** What is wrong with options, whatever their types say. */
function violations(options: object): readonly string[] {
  try {
    validateOptions(options);
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error.violations;
    throw error;
  }
  return [];
}

/** Options with `value` where the dotted name says. */
function withOption(name: string, value: unknown): object {
  const [group = '', inner] = name.split('.');
  return inner === undefined ? { [group]: value } : { [group]: { [inner]: value } };
}

describe('every option', () => {
  it('has a rule, and every rule an option', () => {
    expect(OPTION_RULES.map((rule) => rule.name).sort()).toEqual(Object.keys(DEFAULTS).sort());
  });

  it.each(Object.entries(DEFAULTS))('%s is %o unless given', (name, value) => {
    expect(validateOptions({}).get(name)).toEqual(value);
    expect(validateOptions(withOption(name, undefined)).get(name)).toEqual(value);
  });

  it.each(
    OPTION_RULES.map((rule) => [rule.name, rule] as const),
  )('%s keeps a default to its own rule', (name, rule) => {
    if (rule.default !== undefined) expect(violations(withOption(name, rule.default))).toEqual([]);
  });

  it.each(
    OPTION_RULES.map((rule) => [rule.name] as const),
  )('%s refuses null and symbols, and names itself', (name) => {
    for (const value of [null, Symbol('x')]) {
      const [violation = ''] = violations(withOption(name, value));
      expect(violation.startsWith(`${name} is `)).toBe(true);
      expect(violation).toContain(', but must be ');
    }
  });
});

describe('a value that cannot be', () => {
  const numbers = OPTION_RULES.filter((rule) => ['duration', 'count', 'number'].includes(rule.kind));

  it.each(numbers.map((rule) => [rule.name, rule] as const))('%s is not a number', (name, rule) => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -1, '5', (rule.min ?? 0) - 0.5, true, {}]) {
      expect(violations(withOption(name, value)), String(value)).toHaveLength(1);
    }
    expect(violations(withOption(name, rule.min ?? 0))).toEqual([]);
  });

  it.each<[string, unknown, string]>([
    ['pool.max', 0, 'pool.max is 0, but must be a whole number, at least 1'],
    ['pool.max', 2.5, 'pool.max is 2.5, but must be a whole number, at least 1'],
    ['waitTimeoutMs', -1, 'waitTimeoutMs is -1, but must be a number of milliseconds, at least 1'],
    ['timeoutMs', Number.NaN, 'timeoutMs is NaN, but must be a number of milliseconds, at least 1'],
    ['retry.factor', '2', 'retry.factor is "2", but must be a number, at least 1'],
    ['probe.longPoll', 'yes', 'probe.longPoll is "yes", but must be true or false'],
    ['applicationName', '', 'applicationName is "", but must be a non-empty string, or a function'],
    ['eject', 'yes', 'eject is "yes", but must be an object of options'],
    ['eject.baseMs', 10, 'eject.baseMs is 10, but must be a number of milliseconds, at least 1000'],
    ['hedge', 5, 'hedge is 5, but must be an object of options'],
    ['hedge', { minDelay: 1 }, 'hedge.minDelay is not an option; did you mean hedge.minDelayMs?'],
    ['fencing', 'off', 'fencing is "off", but must be one of strict, report'],
    ['target', 'master', `target is "master", but must be one of ${TARGETS.join(', ')}`],
    ['policy', 'best', `policy is "best", but must be one of ${POLICY_NAMES.join(', ')}, or a function`],
    ['logger', 'console', 'logger is "console", but must be an object'],
    [
      'types',
      { parse: 1 },
      "types is an object, but must be an object with a function getTypeParser(oid, 'text'), as types of pgherd and pg are",
    ],
    ['scramMaxIterations', 4_095, 'scramMaxIterations is 4095, but must be a whole number, at least 4096'],
    ['maxMessageBytes', 29_999, 'maxMessageBytes is 29999, but must be a whole number, at least 30000'],
    ['pool.validate', [], 'pool.validate is an array, but must be one of always, if-idle, never'],
  ])('%s: %o', (name, value, violation) => {
    expect(violations(withOption(name, value))).toEqual([violation]);
  });

  it.each([5, null, 'big', [], true])('a group is an object, not %o', (value) => {
    expect(violations({ pool: value })).toEqual([
      expect.stringMatching(/^pool is .*, but must be an object of options$/),
    ]);
  });

  it('of a secret is not shown', () => {
    const text = violations({ url: 4711, password: ['wonderland'] }).join('\n');
    expect(text).toBe(
      'url is ***, but must be a non-empty string\npassword is ***, but must be a non-empty string, or a function',
    );
  });
});

describe('a name that is none', () => {
  it.each([
    ['waitTimeout', 'waitTimeout is not an option; did you mean waitTimeoutMs?'],
    ['pasword', 'pasword is not an option; did you mean password?'],
    ['wait_timeout_ms', 'wait_timeout_ms is not an option; did you mean waitTimeoutMs?'],
    ['pools', 'pools is not an option; did you mean pool?'],
    ['pool.maxx', 'pool.maxx is not an option; did you mean pool.max?'],
    ['retry.attempt', 'retry.attempt is not an option; did you mean retry.attempts?'],
    ['completelyDifferent', 'completelyDifferent is not an option'],
  ])('%s', (name, violation) => {
    expect(violations(withOption(name, 1))).toEqual([violation]);
  });

  it('is one with a dot outside its group', () => {
    expect(violations({ 'pool.max': 5 })).toEqual(['pool.max is not an option; did you mean pool.max?']);
  });

  it('does not show what it was given', () => {
    expect(violations({ passwort: 'wonderland' }).join()).not.toContain('wonderland');
  });

  it('may be one of every object', () => {
    expect(violations({ toString: 1, constructor: 2 })).toHaveLength(2);
  });
});

describe('several violations', () => {
  it('are told together, in one error', () => {
    const options = { waitTimeoutMs: -1, pool: { max: 0, min: 0.5, maxx: 1 }, fencing: 'off', sizes: 3 };
    expect(violations(options)).toHaveLength(6);
    expect(() => createCluster(options as ClusterOptions)).toThrow(/6 violations:\n {2}- /);
  });

  it('are an error with a code', () => {
    expect(() => createCluster({ waitTimeoutMs: -1 })).toThrow(
      expect.objectContaining({ code: 'PGHERD_INVALID_OPTIONS', name: 'InvalidOptionsError' }),
    );
  });
});

describe('limits of the pool', () => {
  it('contradict each other where min is above max', () => {
    const both = 'pool.max is 3, but must be at least pool.min, which is 5';
    expect(() => resolved({ pool: { max: 3, min: 5 } })).toThrow(both);
    expect(() => resolved({ pool: { min: 11 } })).toThrow('pool.max is 10');
  });

  it('come from the URL where the options are silent', () => {
    const url = 'postgres://app:x@a/shop?connection_limit=30';
    expect(resolved({ url }).pool.max).toBe(30);
    expect(resolved({ url, pool: { min: 20 } }).pool).toMatchObject({ max: 30, min: 20 });
    expect(resolved({ url, pool: { max: 5 } }).pool.max).toBe(5);
    expect(() => resolved({ url, pool: { max: 5, min: 6 } })).toThrow('pool.max is 5');
  });

  it('of the URL are kept although min asks for more', () => {
    expect(
      resolved({ url: 'postgres://app:x@a/shop?connection_limit=3', pool: { min: 5 } }).pool,
    ).toMatchObject({
      max: 3,
      min: 3,
    });
  });
});

describe('settings', () => {
  it('have every value', () => {
    const settings = resolved();
    expect(settings).toMatchObject({
      applicationNames: { common: 'pgherd' },
      target: 'read-write',
      policy: p2c,
      waitTimeoutMs: 10_000,
      timeoutMs: undefined,
      connectTimeoutMs: 5_000,
      deadAfterMs: 5_000,
      firstWriteGraceMs: 500,
      drainMs: 5_000,
      pool: {
        max: 10,
        min: 0,
        maxWaiting: 10_000,
        maxConnecting: 4,
        idleTimeoutMs: 30_000,
        maxLifetimeMs: 1_800_000,
        maxUses: 0,
        validateAfterMs: 500,
      },
      probe: { intervalMs: 1_000, timeoutMs: 1_000, longPoll: true },
      retry: {
        attempts: 3,
        baseMs: 50,
        factor: 2,
        maxMs: 2_000,
        budget: 100,
        budgetRatio: 0.2,
        budgetPerSecond: 10,
      },
      fencing: 'strict',
      systemIdentifier: undefined,
      clock: systemClock,
      random: systemRandom,
    });
    expect(settings.plan.hosts.map(({ host }) => host)).toEqual(['a', 'b']);
  });

  it('are frozen', () => {
    const { plan, pool, probe, retry, ...settings } = resolved();
    expect(Object.isFrozen(resolved())).toBe(true);
    for (const part of [plan, plan.hosts, pool, probe, retry, settings.clock])
      expect(Object.isFrozen(part)).toBe(true);
  });

  it('do not change with the options they came from', () => {
    const pool = { max: 3 };
    const settings = resolved({ pool });
    pool.max = 99;
    expect(settings.pool.max).toBe(3);
  });

  it('never show a password', () => {
    for (const settings of [resolved(), resolved({ password: 'wonderland' })]) {
      const { password } = settings.logins.general;
      expect(password.kind === 'known' && password.password?.reveal()).toBe('wonderland');
      expect(inspect(settings, { depth: 20, showHidden: true })).not.toContain('wonderland');
      expect(JSON.stringify(settings)).not.toContain('wonderland');
    }
  });

  it.each([
    ['always', 0],
    ['if-idle', 250],
    ['never', Number.POSITIVE_INFINITY],
  ] as const)('validate connections %s', (validate, validateAfterMs) => {
    expect(resolved({ pool: { validate, validateAfterMs: 250 } }).pool.validateAfterMs).toBe(validateAfterMs);
  });

  it.each(POLICY_NAMES.filter((name) => name !== 'nearest'))('take the policy %s by its name', (policy) => {
    expect(resolved({ policy }).policy).toBe(policyNamed(policy, { nearestWindowMs: 5 }));
  });

  it.each([
    [undefined, 'a'],
    [20, 'b'],
  ])('take the policy nearest with a window of %s', (nearestWindowMs, picked) => {
    const { policy } = resolved({ policy: 'nearest', nearestWindowMs });
    const nodes = [describedNode('a', { rttMs: 1 }), describedNode('b', { rttMs: 11 })];
    const load = (node: string) => ({
      inFlight: node.startsWith('a') ? 9 : 0,
      idle: 0,
      ewmaMs: 1,
      lastPick: 0,
    });
    expect(policy(nodes, { load, random: () => 0 }).name).toBe(named(picked));
  });

  it('take a policy that is a function', () => {
    expect(resolved({ policy: p2c }).policy).toBe(p2c);
  });

  it.each([
    ['', undefined, 'read-write'],
    ['?target_session_attrs=any', undefined, 'any'],
    ['?target_session_attrs=standby', undefined, 'standby'],
    ['?target_session_attrs=prefer-standby', undefined, 'prefer-standby'],
    ['?target_session_attrs=standby', 'primary', 'primary'],
    ['', 'any', 'any'],
  ] as const)('with %s and %s ask for %s', (query, target, expected) => {
    expect(resolved({ url: `postgres://app:x@a/shop${query}`, target }).target).toBe(expected);
  });

  it('prefer what the program says to what the URL says', () => {
    const url = 'postgres://app:x@a/shop?connect_timeout=7&application_name=till';
    expect(resolved({ url })).toMatchObject({
      connectTimeoutMs: 7_000,
      applicationNames: { common: 'till' },
    });
    expect(resolved({ url, connectTimeoutMs: 50, applicationName: 'shop' })).toMatchObject({
      connectTimeoutMs: 50,
      applicationNames: { common: 'shop' },
    });
  });

  it('make a cluster that does nothing before its first use', () => {
    const db = createCluster(HERE);
    expect(db.topology).toMatchObject({ version: 0, startedAt: undefined });
    expect(db.nodes().map(({ name, role }) => [name, role])).toEqual([
      ['a:5432', 'unknown'],
      ['b:5432', 'unknown'],
    ]);
    expect(db.explainTarget('read-write').rejections).toHaveLength(2);
    db.terminate();
  });
});

describe('what is said of single nodes', () => {
  it('is refused with the name of the node, the option, and the nearest known name', () => {
    const nodes = { 'a:5432': { zone: '', promotable: 'no' }, 'b:5432': { zones: 'x' }, 'c:5432': 7 };
    expect(violations({ nodes })).toEqual([
      'nodes["a:5432"].zone is "", but must be a non-empty string',
      'nodes["a:5432"].promotable is "no", but must be true or false',
      'nodes["b:5432"].zones is not an option; did you mean zone?',
      'nodes["c:5432"] is 7, but must be an object of options',
    ]);
  });

  it('must name a node of the connection string, unless discovery may bring others', () => {
    const nodes = { 'c:5432': { promotable: false } };
    expect(() => resolved({ nodes })).toThrow('nodes has "c:5432", but must name one of a:5432, b:5432');
    const discovery = { name: 'none', watch: async function* () {} };
    expect(resolved({ nodes, discovery }).nodes).toEqual(nodes);
  });

  it('takes tags that are texts, and nothing else', () => {
    expect(violations({ nodes: { 'a:5432': { tags: { tier: 'fast' } } } })).toEqual([]);
    expect(violations({ nodes: { 'a:5432': { tags: { tier: 1 } } } })).toEqual([
      'nodes["a:5432"].tags is an object, but must be an object whose values are strings',
    ]);
  });
});

describe('the client’s zones', () => {
  it('are one text or several in order', () => {
    expect(resolved({ zone: 'a' }).zones).toEqual(['a']);
    expect(resolved({ zone: ['b', 'a'] }).zones).toEqual(['b', 'a']);
    expect(violations({ zone: ['a', ''] })).toEqual([
      'zone is an array, but must be a non-empty string, or a list of them',
    ]);
  });
});
