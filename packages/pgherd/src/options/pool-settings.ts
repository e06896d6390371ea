import type { ConnectionPlan } from '../dsn/index.ts';
import { InvalidOptionsError } from '../model/errors.ts';
import type { PoolSettings } from '../pool/settings.ts';
import type { ClusterOptions, NodeOptions } from './options.ts';
import type { OptionValues } from './validate.ts';

type NodePool = NonNullable<NodeOptions['pool']>;

/** Options with the same name as the setting. */
const SAME = ['maxWaiting', 'maxConnecting', 'idleTimeoutMs', 'maxLifetimeMs', 'maxUses'] as const;

/**
 * When a session is reset before it is handed on. `auto`: after statements that change it, and after a lease
 * that called a function of which nothing is known. `always`: after each use. `never`: not at all.
 */
export type ResetPolicy = 'auto' | 'always' | 'never';

/** The pools of all nodes. */
export interface Pools {
  /** The pool of every node without settings of its own. */
  readonly pool: PoolSettings;
  /** Pools of nodes that have settings of their own, by name. */
  readonly nodePools: ReadonlyMap<string, PoolSettings>;
  /** A connection held for longer counts as leaked, milliseconds; 0 for never. */
  readonly leakAfterMs: number;
  readonly reset: ResetPolicy;
  /** Time without use after which the cluster rests, milliseconds; 0 for never. */
  readonly restAfterMs: number;
}

/**
 * The settings of all pools.
 * @throws InvalidOptionsError `PGHERD_INVALID_OPTIONS` if a `min` is above its `max`.
 */
export function pools(
  values: OptionValues,
  options: Pick<ClusterOptions, 'pool'>,
  plan: ConnectionPlan,
  nodes: Readonly<Record<string, NodeOptions>>,
): Pools {
  const pool = poolSettings(values, options, plan);
  const leakAfterMs = Number(values.get('pool.leakAfterMs'));
  const own = nodePools(pool, nodes, values);
  const restAfterMs = keepsOpen(pool, own) ? 0 : Number(values.get('restAfterMs'));
  return { pool, nodePools: own, leakAfterMs, reset: resetPolicy(values), restAfterMs };
}

function poolSettings(
  values: OptionValues,
  options: Pick<ClusterOptions, 'pool'>,
  plan: ConnectionPlan,
): PoolSettings {
  const number = (name: string) => Number(values.get(name));
  const max = options.pool?.max ?? plan.poolMax ?? number('pool.max');
  const min = number('pool.min');
  // A limit of the URL counts even if pool.min is higher: it may come from the operator, not from the
  // program.
  const limitedByUrl = options.pool?.max === undefined && plan.poolMax !== undefined;
  if (max < min && !limitedByUrl) {
    throw new InvalidOptionsError([`pool.max is ${max}, but must be at least pool.min, which is ${min}`]);
  }
  return Object.freeze({
    max,
    min: Math.min(max, min),
    maxWaiting: number('pool.maxWaiting'),
    maxConnecting: number('pool.maxConnecting'),
    idleTimeoutMs: number('pool.idleTimeoutMs'),
    maxLifetimeMs: number('pool.maxLifetimeMs'),
    maxUses: number('pool.maxUses'),
    validateAfterMs: validateAfter(values.get('pool.validate'), number('pool.validateAfterMs')),
  });
}

/** Whether a node keeps connections open that are not used. */
function keepsOpen(pool: PoolSettings, own: Pools['nodePools']): boolean {
  return pool.min > 0 || [...own.values()].some(({ min }) => min > 0);
}

function nodePools(
  common: PoolSettings,
  nodes: Readonly<Record<string, NodeOptions>>,
  values: OptionValues,
): ReadonlyMap<string, PoolSettings> {
  const violations: string[] = [];
  const pools = new Map<string, PoolSettings>();
  for (const [name, { pool }] of Object.entries(nodes)) {
    if (pool === undefined) continue;
    const own = { ...common, ...given(pool) };
    own.validateAfterMs = ownValidation(common, pool, values);
    // Options of this node take precedence over those of all nodes.
    if (pool.min === undefined) own.min = Math.min(own.min, own.max);
    if (own.max < own.min) {
      const where = `nodes[${JSON.stringify(name)}].pool`;
      violations.push(`${where}.max is ${own.max}, but must be at least its min, which is ${own.min}`);
    }
    pools.set(name, Object.freeze(own));
  }
  if (violations.length > 0) throw new InvalidOptionsError(violations);
  return pools;
}

function given(pool: NodePool): Partial<PoolSettings> {
  const own: { -readonly [N in keyof PoolSettings]?: number } = {};
  for (const name of ['max', 'min', ...SAME] as const) {
    const value = pool[name];
    if (value !== undefined) own[name] = value;
  }
  return own;
}

function ownValidation(common: PoolSettings, pool: NodePool, values: OptionValues): number {
  if (pool.validate === undefined && pool.validateAfterMs === undefined) return common.validateAfterMs;
  const afterMs = pool.validateAfterMs ?? Number(values.get('pool.validateAfterMs'));
  return validateAfter(pool.validate ?? values.get('pool.validate'), afterMs);
}

function validateAfter(mode: unknown, afterMs: number): number {
  switch (mode) {
    case 'always':
      return 0;
    case 'never':
      return Number.POSITIVE_INFINITY;
    default:
      return afterMs;
  }
}

function resetPolicy(values: OptionValues): ResetPolicy {
  const policy = values.get('pool.reset');
  return policy === 'always' || policy === 'never' ? policy : 'auto';
}
