import { createHash } from 'node:crypto';
import type { Cluster } from '../cluster/cluster.ts';
import { openShared, sharedCluster } from '../cluster/shared.ts';
import type { GuestFacts } from '../engine/guests.ts';
import type { PasswordFunction } from '../login/credentials.ts';
import { planLogins } from '../login/login.ts';
import type { TlsOptions } from '../login/tls-options.ts';
import { argumentError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import type { ClusterOptions } from '../options/options.ts';
import { systemRandom } from '../time/system.ts';
import type { PgConfig, Wishes } from './config.ts';
import { clusterUrl } from './connection-string.ts';

/** A cluster that is closed when the last of those that use it is done. */
export interface HeldCluster {
  readonly cluster: Cluster;
  /** Gives it up; with the last one it is closed. Later calls do nothing. */
  release(): Promise<void>;
}

/** How many pools and clients use each; one in the process, however often this module is loaded. */
const PLACE = Symbol.for('pgherd.pg.uses.1');

function uses(): WeakMap<Cluster, number> {
  const place = globalThis as { [PLACE]?: WeakMap<Cluster, number> };
  place[PLACE] ??= new WeakMap();
  return place[PLACE];
}

/** Names of password functions, which differ by their identity. */
const functions = new WeakMap<object, number>();
let lastFunction = 0;

/** The options of a cluster, and the name under which the process has it once. */
export interface ImplicitCluster {
  readonly name: string;
  readonly options: ClusterOptions;
  readonly facts: GuestFacts;
}

/**
 * The cluster that options of `pg` describe: the same one for the same hosts, user, password, database and TLS.
 * @throws InvalidDsnError `PGHERD_INVALID_DSN`; PgHerdError `PGHERD_INVALID_ARGUMENT` for options of TLS that pgherd does not have.
 */
export function implicitCluster(wishes: Wishes): ImplicitCluster {
  const url = urlOf(wishes);
  const given = { password: passwordOf(wishes), tls: tlsOf(wishes) };
  // The environment alone describes the cluster of options that say nothing.
  const options: ClusterOptions = url === '' ? given : { url, ...given };
  const sources = { url, random: systemRandom, portRule: 'last-serves-all' } as const;
  const { plan, logins } = planLogins(options, sources);
  const hosts = plan.hosts.map(({ host, hostaddr = '', port }) => `${host} ${hostaddr} ${port}`).sort();
  const { user, database, tls, password } = logins.general;
  const secret =
    password.kind === 'known'
      ? (password.password?.reveal() ?? '')
      : password.kind === 'asked'
        ? `function ${idOf(password.ask)}`
        : 'looked up';
  const key = tls.key instanceof Secret ? tls.key.reveal() : '';
  const all = JSON.stringify([
    hosts,
    user,
    database,
    tls,
    plan.requireAuth,
    plan.channelBinding,
    key,
    secret,
  ]);
  const known = plan.hosts.map(({ host, port }) => ({ names: [host], port }));
  return {
    name: `pgherd/pg ${createHash('sha256').update(all).digest('hex')}`,
    options,
    facts: { user, database, tls, password, hosts: known },
  };
}

/** Takes the cluster in use. */
export function hold({ name, options }: Pick<ImplicitCluster, 'name' | 'options'>): HeldCluster {
  // The same cluster may be described in other words: the name holds all that matters.
  const cluster = openShared(name) ?? sharedCluster(name, options);
  const counts = uses();
  counts.set(cluster, (counts.get(cluster) ?? 0) + 1);
  let isHeld = true;
  return {
    cluster,
    release: async () => {
      if (!isHeld) return;
      isHeld = false;
      const left = (counts.get(cluster) ?? 1) - 1;
      counts.set(cluster, left);
      if (left === 0) await cluster.close();
    },
  };
}

function idOf(ask: object): number {
  const id = functions.get(ask) ?? ++lastFunction;
  functions.set(ask, id);
  return id;
}

/** As in `pg`, what stands beside a connection string counts where the string says nothing. */
function urlOf({ url, user, database, host, port }: Wishes): string {
  const beside = { user, dbname: database, host, port };
  const inUrl = url?.parameters ?? {};
  const pairs = Object.entries(beside)
    .filter(
      ([name, value]) => inUrl[name] === undefined && value !== undefined && value !== null && value !== '',
    )
    .map(([name, value]) => `${name}='${String(value).replaceAll(/['\\]/g, '\\$&')}'`);
  return [...(url === undefined ? [] : [clusterUrl(url)]), ...pairs].join(' ');
}

function passwordOf({ url, password }: Wishes): string | PasswordFunction | undefined {
  if (url?.password !== undefined || password === undefined || password === null || password === '')
    return undefined;
  if (typeof password === 'function') return password as PasswordFunction;
  return String(password);
}

/** Options of Node's TLS that have the same meaning in pgherd, by pgherd's names. */
const TLS_NAMES = Object.freeze({
  ca: 'rootCert',
  cert: 'cert',
  key: 'key',
  passphrase: 'keyPassword',
} as const);

function tlsOf({ ssl, url }: Wishes): TlsOptions | undefined {
  if (ssl === undefined || ssl === null || url?.parameters['sslmode'] !== undefined) return undefined;
  if (ssl === false || ssl === 'false' || ssl === 'disable') return { mode: 'disable' };
  if (ssl === true || ssl === 'true' || ssl === 'require') return { mode: 'verify-full', rootCert: 'system' };
  if (ssl === 'no-verify') return { mode: 'no-verify' };
  if (typeof ssl !== 'object')
    throw argumentError('ssl must be true, false, or an object.', { argument: 'ssl' });
  const given = ssl as PgConfig;
  const unknown = Object.keys(given).filter((name) => !(name in TLS_NAMES) && name !== 'rejectUnauthorized');
  if (unknown.length > 0)
    throw argumentError(
      `ssl has ${unknown.join(', ')}, which pgherd does not have: make a cluster with the option tls, and createPool(cluster, { pg }).`,
      { argument: 'ssl' },
    );
  const isChecked = given['rejectUnauthorized'] !== false;
  const own = Object.entries(TLS_NAMES).flatMap(([name, ours]) => {
    const value = given[name];
    return value === undefined || value === null ? [] : [[ours, String(value)]];
  });
  const rootCert = given['ca'] === undefined && isChecked ? { rootCert: 'system' } : {};
  return { ...rootCert, ...Object.fromEntries(own), mode: isChecked ? 'verify-full' : 'no-verify' };
}
