import { promises as dns } from 'node:dns';
import { isIP } from 'node:net';
import { quoted } from '../model/foreign.ts';
import { onAbort } from '../time/wait.ts';
import { isHost, isPort } from './node-list.ts';
import type { DiscoveredNode, Discovery, DiscoveryContext } from './port.ts';
import { type Loaded, limited, refreshed } from './refresh.ts';
import { checkSettings, isRecord, REFRESH_MS, TIMEOUT_MS } from './settings.ts';

/** The resolver; `dns.promises.Resolver` of Node is one. */
export interface DnsResolver {
  resolve4(name: string, options: { ttl: true }): Promise<readonly DnsAddress[]>;
  resolve6(name: string, options: { ttl: true }): Promise<readonly DnsAddress[]>;
  resolveSrv(name: string): Promise<readonly DnsService[]>;
}

/** An A or AAAA record. */
export interface DnsAddress {
  readonly address: string;
  /** Seconds for which the answer is valid. */
  readonly ttl: number;
}

/** An SRV record. */
export interface DnsService {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** Options of {@link dnsDiscovery}. */
export interface DnsDiscoveryOptions {
  /**
   * The full name: search domains and `/etc/hosts` are not used. For SRV for example
   * `_postgresql._tcp.example.com`.
   */
  readonly name: string;
  /**
   * `addresses`: each address (A and AAAA) of the name is one node. `srv`: each target of its SRV records is
   * one.
   */
  readonly kind: 'addresses' | 'srv';
  /** Port of nodes found by address. Default: that of the connection string. */
  readonly port?: number | undefined;
  /** Which addresses are used: 4 for A, 6 for AAAA. Default: both. */
  readonly family?: 4 | 6 | undefined;
  /**
   * Longest time between two queries, milliseconds, shortened by up to a quarter at random; records with a
   * shorter TTL are queried sooner, but not within a second. Default 30,000.
   */
  readonly refreshMs?: number | undefined;
  /** Longest wait for an answer, milliseconds. Default 5,000. */
  readonly timeoutMs?: number | undefined;
  /** The resolver. Default: one for the servers of the system. */
  readonly resolver?: DnsResolver | undefined;
}

/**
 * Node lists from DNS: the pods behind a headless service of Kubernetes, the targets of an SRV record.
 *
 * A node found by address has that address as its name; its certificate must show the name of the query.
 *
 * @throws InvalidOptionsError `PGHERD_INVALID_OPTIONS`
 * @example
 * dnsDiscovery({ name: 'db-nodes.prod.svc.cluster.local', kind: 'addresses' });
 */
export function dnsDiscovery(options: DnsDiscoveryOptions): Discovery {
  checkSettings('dnsDiscovery', options, {
    name: { holds: isDnsName, must: 'a name of DNS', required: true },
    kind: {
      holds: (value) => value === 'addresses' || value === 'srv',
      must: '"addresses" or "srv"',
      required: true,
    },
    port: { holds: isPort, must: 'an integer from 1 to 65535' },
    family: { holds: (value) => value === 4 || value === 6, must: '4 or 6' },
    refreshMs: REFRESH_MS,
    timeoutMs: TIMEOUT_MS,
    resolver: { holds: isResolver, must: 'an object such as dns.promises.Resolver of Node' },
  });
  const { kind, refreshMs = 30_000 } = options;
  const load = kind === 'srv' ? services : addresses;
  return Object.freeze({
    name: `DNS ${kind === 'srv' ? 'SRV records' : 'addresses'} of ${options.name}`,
    watch: (context) => refreshed(context, refreshMs, () => asked(context, options, load)),
  } satisfies Discovery);
}

type Load = (resolver: DnsResolver, options: DnsDiscoveryOptions) => Promise<Loaded>;

function isDnsName(value: unknown): boolean {
  return isHost(value) && isIP(value) === 0 && !/^[/@]/.test(value);
}

function isResolver(value: unknown): boolean {
  if (!isRecord(value)) return false;
  return [value['resolve4'], value['resolve6'], value['resolveSrv']].every(
    (one) => typeof one === 'function',
  );
}

function asked(context: DiscoveryContext, options: DnsDiscoveryOptions, load: Load): Promise<Loaded> {
  const { name, timeoutMs = 5_000 } = options;
  return limited(context, timeoutMs, `DNS for ${name}`, (signal) =>
    load(options.resolver ?? ownResolver(timeoutMs, signal), options),
  );
}

/**
 * A resolver for one query: it reads the configuration of the system again, and cancelling it affects no
 * other query. UDP loses packets, so that it tries three times within the limit.
 */
function ownResolver(timeoutMs: number, signal: AbortSignal): DnsResolver {
  const resolver = new dns.Resolver({ timeout: Math.ceil(timeoutMs / 4), tries: 3 });
  onAbort(signal, () => resolver.cancel());
  return resolver;
}

/**
 * The records of one family. ENODATA means none; without an answer the query fails, since half a list would
 * drop the other half.
 */
async function ofFamily(records: Promise<readonly DnsAddress[]>): Promise<readonly DnsAddress[]> {
  try {
    return await records;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENODATA') return [];
    throw error;
  }
}

async function addresses(resolver: DnsResolver, options: DnsDiscoveryOptions): Promise<Loaded> {
  const { name, port, family } = options;
  const families = await Promise.all([
    family === 6 ? [] : ofFamily(resolver.resolve4(name, { ttl: true })),
    family === 4 ? [] : ofFamily(resolver.resolve6(name, { ttl: true })),
  ]);
  const records = families.flat();
  if (records.length === 0) throw new Error(`DNS knows ${name}, but no address of it.`);
  const seconds = Math.min(...records.map((record) => record.ttl));
  const hosts = [...new Set(records.map((record) => record.address))].sort();
  const nodes = hosts.map((host): DiscoveredNode => ({ host, port, serverName: name }));
  return { nodes, goodForMs: seconds * 1_000 };
}

async function services(resolver: DnsResolver, { name }: DnsDiscoveryOptions): Promise<Loaded> {
  const records = await resolver.resolveSrv(name);
  // RFC 2782: the target "." means that the service is not available.
  const offered = records.filter((record) => record.name !== '' && record.name !== '.');
  if (offered.length === 0) throw new Error(`The SRV records of ${name} offer no target.`);
  const bad = offered.filter((record) => !isHost(record.name) || !isPort(record.port));
  if (bad.length > 0) {
    const list = bad.map((record) => `${quoted(record.name)} port ${record.port}`).join(', ');
    throw new Error(`The SRV records of ${name} have targets that cannot be: ${list}.`);
  }
  const nodes = new Map<string, DiscoveredNode>();
  for (const record of [...offered].sort(byPreference)) {
    const host = record.name.replace(/\.$/, '');
    nodes.set(`${host}:${record.port}`, { host, port: record.port });
  }
  return { nodes: [...nodes.values()] };
}

/** Lower priority first, then the heavier, then by name, so that one answer always gives one list. */
function byPreference(one: DnsService, other: DnsService): number {
  return (
    one.priority - other.priority ||
    other.weight - one.weight ||
    (one.name < other.name ? -1 : Number(one.name > other.name)) ||
    one.port - other.port
  );
}
