import { InvalidOptionsError, invalidArgument } from '../model/errors.ts';
import { assertOptions, optionNames } from '../model/option-names.ts';
import type { ClusterOptions } from '../options/options.ts';
import { type Cluster, createCluster } from './cluster.ts';

/**
 * The place of shared clusters: one in the process, however often this module is loaded. The number is
 * incremented when the cluster of one version can no longer replace that of another.
 */
const PLACE = Symbol.for('pgherd.shared-clusters.1');

interface Shared {
  readonly cluster: Cluster;
  readonly options: ClusterOptions;
}

type Registry = Map<string, Shared>;

function registry(): Registry {
  const place = globalThis as { [PLACE]?: Registry };
  place[PLACE] ??= new Map();
  return place[PLACE];
}

/**
 * The cluster of this name, made by the first call. A process has one for each name, also if a development
 * server reloads its modules. After it was closed, the next call makes a new one.
 *
 * Without options it is the existing one, otherwise one configured by the environment.
 *
 * @throws InvalidOptionsError `PGHERD_INVALID_OPTIONS` if it exists with other options, or if the options are
 * invalid; functions and objects with methods (driver, logger, hooks) count as equal.
 * @throws InvalidDsnError `PGHERD_INVALID_DSN`; PgHerdError `PGHERD_INVALID_ARGUMENT` for a name that is not
 * a string.
 * @example
 * ```ts
 * export const db = sharedCluster('shop', { url: process.env.DATABASE_URL });
 * ```
 */
export function sharedCluster(name: string, options?: ClusterOptions): Cluster {
  if (typeof name !== 'string' || name === '') {
    throw invalidArgument('name', name, 'a non-empty string');
  }
  const shared = registry();
  const known = shared.get(name);
  if (known?.cluster.isOpen === true) {
    const differences = options === undefined ? [] : differing(known.options, options);
    if (differences.length > 0) throw conflict(name, differences);
    return known.cluster;
  }
  const cluster = createCluster(options ?? {});
  shared.set(name, { cluster, options: { ...options } });
  return cluster;
}

/** The open cluster of this name, whatever its options; `undefined` if there is none. */
export function openShared(name: string): Cluster | undefined {
  const known = registry().get(name)?.cluster;
  return known?.isOpen === true ? known : undefined;
}

/**
 * Closes every shared cluster of the process; later calls make new ones.
 * @throws as `close` of a cluster: then those that it refuses to close stay.
 */
export async function closeSharedClusters(options?: {
  readonly timeoutMs?: number | undefined;
}): Promise<void> {
  assertOptions('closeSharedClusters', options, CLOSE_OPTIONS);
  const shared = registry();
  const closing = [...shared.values()].map(({ cluster }) => cluster.close(options));
  // One that refuses to be closed stays open, and the one of its name.
  for (const [name, { cluster }] of shared) if (!cluster.isOpen) shared.delete(name);
  await Promise.all(closing);
}

const CLOSE_OPTIONS = optionNames<{ readonly timeoutMs?: number | undefined }>({ timeoutMs: true });

/** Names of options that differ. Their values may be secrets and are not shown. */
function differing(before: object, after: object, prefix = ''): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].sort().flatMap((name) => {
    const one: unknown = Reflect.get(before, name);
    const other: unknown = Reflect.get(after, name);
    if (Object.is(one, other)) return [];
    if (typeof one === 'function' && typeof other === 'function') return [];
    if (isObject(one) && isObject(other)) return differing(one, other, `${prefix}${name}.`);
    return [`${prefix}${name}`];
  });
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function conflict(name: string, differences: readonly string[]): InvalidOptionsError {
  return new InvalidOptionsError([
    `sharedCluster(${JSON.stringify(name)}) is open with other options (${differences.join(', ')}); give it the same ones, ` +
      'another name, or close it first',
  ]);
}
