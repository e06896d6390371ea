import type { TracedCluster } from '../channels/channels.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { requestPortOf } from '../cluster/request-port.ts';
import { argumentError, invalidArgument } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import type { Off } from '../observe/emitter.ts';

/** A cluster whose nodes and events are reported, under the name that the program gave it. */
interface Named {
  readonly name: string;
  readonly label: TracedCluster;
  /** `undefined` once it is closed: calls may still end under its name. */
  cluster: Cluster | undefined;
}

/** Where a node listens, as telemetry shows it. */
export interface ShownAddress {
  readonly host: string;
  readonly port: number;
}

/** The clusters that are reported, and their names. */
export class Clusters {
  /** Those that are open. */
  readonly #byName = new Map<string, Named>();
  readonly #byLabel = new WeakMap<TracedCluster, Named>();
  /** How often clusters were added or removed. */
  changes = 0;

  /**
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for what is no cluster, a name that is no text, and a name or a cluster that is
   * reported already.
   */
  add(name: string, cluster: Cluster): Off {
    if (typeof name !== 'string' || name === '')
      throw invalidArgument('the name of a cluster', quoted(name), 'a text');
    const { label } = requestPortOf(cluster, `The cluster ${quoted(name)}`);
    if (this.#byName.has(name) || this.#byLabel.has(label))
      throw argumentError(
        `The cluster ${quoted(name)} is reported already: a name and a cluster are added once.`,
      );
    const named: Named = { name, label, cluster };
    this.#byName.set(name, named);
    this.#byLabel.set(label, named);
    this.changes++;
    return () => {
      this.#release(named);
      this.#byLabel.delete(named.label);
      this.changes++;
    };
  }

  /** A cluster is closed: its name is free for another one, and nothing of it is held. */
  closed(cluster: Cluster): void {
    const named = this.#byLabel.get(cluster.tracedAs);
    if (named !== undefined) this.#release(named);
  }

  #release(named: Named): void {
    named.cluster = undefined;
    if (this.#byName.get(named.name) === named) this.#byName.delete(named.name);
  }

  /** Whether an open cluster has this name. */
  has(name: string): boolean {
    return this.#byName.has(name);
  }

  *[Symbol.iterator](): IterableIterator<[string, Cluster]> {
    for (const [name, { cluster }] of this.#byName) if (cluster !== undefined) yield [name, cluster];
  }

  /** The name of the cluster that a message is about: the one that it was added under, else its database. */
  nameOf(label: TracedCluster): string {
    return this.#byLabel.get(label)?.name ?? label.database;
  }

  /** The present role of a node; `undefined` if its cluster is not reported. */
  roleOf(label: TracedCluster, node: string | undefined): string | undefined {
    const named = node === undefined ? undefined : this.#byLabel.get(label);
    return named?.cluster?.topology.nodes.find(({ name }) => name === node)?.role;
  }
}

const addresses = new Map<string, ShownAddress>();
/** Nodes come and go by discovery: so many addresses are remembered. */
const MOST_ADDRESSES = 1_000;

/** The address in the name of a node: `host:port`, or `host[address]:port` if its host name has several. */
export function addressOf(node: string): ShownAddress {
  const known = addresses.get(node);
  if (known !== undefined) return known;
  const colon = node.lastIndexOf(':');
  const before = node.slice(0, colon);
  const bracket = before.startsWith('[') ? -1 : before.indexOf('[');
  const made = {
    host: bracket < 0 ? before : before.slice(0, bracket),
    port: Number(node.slice(colon + 1)),
  };
  if (addresses.size >= MOST_ADDRESSES) addresses.clear();
  addresses.set(node, made);
  return made;
}
