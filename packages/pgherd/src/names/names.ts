import { isIP } from 'node:net';
import type { Health } from '../model/names.ts';
import type { NodeAddress } from '../model/topology.ts';
import type { Clock, Random, Timer } from '../time/port.ts';
import { unlessAborted } from '../time/wait.ts';
import { nodeName } from '../topology/node.ts';
import { redialAt } from '../topology/redial-plan.ts';
import type { Succession } from '../topology/succession.ts';
import type { ListedNode } from '../topology/topology.ts';
import {
  afterFailure,
  afterLookup,
  afterReached,
  MAX_ADDRESSES,
  type NameAddresses,
  UNKNOWN_ADDRESSES,
} from './addresses.ts';

/** What {@link Names} needs from the cluster. */
export interface NamesPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** The addresses of a host, in the order in which they are to be tried; `undefined` if the driver alone resolves names. */
  readonly lookUp: ((host: string) => Promise<readonly string[]>) | undefined;
  /** How long until a name whose addresses are nodes is looked up again, milliseconds; 0 for never. */
  readonly redialMs: number;
  /** Whether calls wait for something that no node is. */
  callsWait(): boolean;
  /** Health of the node of this name. */
  healthOf(node: string): Health | undefined;
  /** These are the nodes of the connection string from now on. */
  changed(nodes: readonly ListedNode[], succession: Succession | undefined): void;
  /** Reports something that the operator should know. */
  warned(message: string): void;
}

/** A host of the connection string that may turn out to have several servers. */
interface Name {
  readonly listed: ListedNode;
  known: NameAddresses;
  /** The lookup that is under way. */
  pending: Promise<readonly string[]> | undefined;
  lookedUpAt: number;
  dice: number;
  isReported: boolean;
}

/** Names of the machine itself, which have an address of each family: of one server, or of one that listens on one of them only. */
const LOCAL = /^(ip6-)?localhost[46]?(\.localdomain)?\.?$|\.localhost\.?$/i;

/**
 * The names among the hosts of the connection string, and the nodes that come of them. A name is one node, which is looked up each time it is
 * dialled, until a lookup shows several addresses: then each address is a node, and the name is looked up by itself.
 */
export class Names {
  readonly #listed: readonly ListedNode[];
  readonly #ports: NamesPorts;
  /** By the name of the node in the connection string. */
  readonly #names = new Map<string, Name>();
  #timer: Timer | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;
  /** Whether there is a name to be looked up by itself. */
  #hasSeveral = false;
  #isStopped = false;
  #isPaused = false;

  constructor(listed: readonly ListedNode[], ports: NamesPorts) {
    this.#listed = listed;
    this.#ports = ports;
    if (ports.lookUp === undefined) return;
    for (const one of listed) {
      if (!hasName(one.address)) continue;
      this.#names.set(nodeName(one.address), {
        listed: one,
        known: UNKNOWN_ADDRESSES,
        pending: undefined,
        lookedUpAt: Number.NEGATIVE_INFINITY,
        dice: 0,
        isReported: false,
      });
    }
  }

  /**
   * The addresses to which a connection to this node may go now; `undefined` if it has no name, or the driver resolves it. They may turn
   * out to be nodes of their own before this resolves. Rejects with the resolver's error, and on abort.
   */
  lookUp(node: string, signal: AbortSignal): Promise<readonly string[]> | undefined {
    const name = this.#isStopped ? undefined : this.#names.get(node);
    return name === undefined ? undefined : unlessAborted(this.#lookUp(name), signal);
  }

  /** The monitor of this node was connected to `address`; `undefined` if that failed. */
  reached(node: string, address: string | undefined): void {
    const name = this.#names.get(node);
    if (name === undefined) return;
    this.#take(name, address === undefined ? afterFailure(name.known) : afterReached(name.known, address));
  }

  /** A call begins to wait: what is to be looked up is looked up sooner. */
  wanted(): void {
    if (this.#hasSeveral) this.#plan();
  }

  /** Nothing is looked up by itself until {@link resume}. */
  pause(): void {
    this.#isPaused = true;
    this.#timer?.cancel();
    this.#wakeAt = Number.POSITIVE_INFINITY;
  }

  /** Looks all names up whose addresses are nodes, and resolves when that has succeeded or failed; `undefined` if there is none. */
  resume(): Promise<void> | undefined {
    this.#isPaused = false;
    const several = [...this.#names.values()].filter(({ known }) => known.nodes.length > 0);
    if (this.#isStopped || several.length === 0) return undefined;
    return Promise.allSettled(several.map((name) => this.#lookUp(name))).then(() => undefined);
  }

  /** Nothing is looked up any more. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #lookUp(name: Name): Promise<readonly string[]> {
    name.pending ??= this.#ask(name).finally(() => {
      name.pending = undefined;
      this.#plan();
    });
    return name.pending;
  }

  async #ask(name: Name): Promise<readonly string[]> {
    const { clock, lookUp, random } = this.#ports;
    name.lookedUpAt = clock.now();
    name.dice = random.next();
    const found = (await lookUp?.(name.listed.address.host)) ?? [];
    const healthAt = (address: string) => this.#ports.healthOf(nodeName(at(name.listed.address, address)));
    this.#take(name, afterLookup(name.known, found, healthAt));
    return found;
  }

  #take(name: Name, after: NameAddresses): void {
    const before = name.known;
    if (this.#isStopped || after === before) return;
    name.known = after;
    if (
      before.nodes.map(({ address }) => address).join() === after.nodes.map(({ address }) => address).join()
    )
      return;
    this.#hasSeveral = true;
    this.#warnOfTooMany(name);
    this.#ports.changed(this.#nodes(), before.nodes.length === 0 ? successionOf(name) : undefined);
    this.#plan();
  }

  #warnOfTooMany(name: Name): void {
    const { found, nodes } = name.known;
    if (name.isReported || nodes.length < MAX_ADDRESSES || found.length <= MAX_ADDRESSES) return;
    name.isReported = true;
    this.#ports.warned(
      `${nodeName(name.listed.address)} has ${found.length} addresses, of which ${MAX_ADDRESSES} are used. ` +
        'Name the servers one by one, or use a discovery.',
    );
  }

  #nodes(): ListedNode[] {
    return this.#listed.flatMap((listed) => {
      const nodes = this.#names.get(nodeName(listed.address))?.known.nodes ?? [];
      if (nodes.length === 0) return [listed];
      return nodes.map(({ address }) => ({ ...listed, address: at(listed.address, address) }));
    });
  }

  /** The one timer fires when the first of the names is due. */
  #plan(): void {
    if (this.#isStopped || this.#isPaused) return;
    const wakeAt = Math.min(...[...this.#names.values()].map((name) => this.#dueAt(name)));
    if (wakeAt === this.#wakeAt) return;
    this.#timer?.cancel();
    this.#wakeAt = wakeAt;
    if (wakeAt === Number.POSITIVE_INFINITY) return;
    const { clock } = this.#ports;
    this.#timer = clock.schedule(Math.max(0, wakeAt - clock.now()), () => this.#wake(), { ref: false });
  }

  #wake(): void {
    this.#wakeAt = Number.NEGATIVE_INFINITY;
    for (const name of this.#names.values()) {
      // A resolver that does not answer proves nothing: everything stays as it is.
      if (this.#dueAt(name) <= this.#ports.clock.now()) void this.#lookUp(name).catch(() => undefined);
    }
    this.#plan();
  }

  #dueAt({ dice, known, lookedUpAt, pending }: Name): number {
    if (known.nodes.length === 0 || pending !== undefined) return Number.POSITIVE_INFINITY;
    const { callsWait, redialMs } = this.#ports;
    return redialAt({
      leadsElsewhere: false,
      hasSeveral: false,
      redialMs,
      callsWait: callsWait(),
      nodes: 1,
      dialledAt: lookedUpAt,
      dice,
    });
  }
}

/** Whether its addresses may be those of several servers. */
function hasName({ host, hostaddr, transport }: NodeAddress): boolean {
  return transport === 'tcp' && hostaddr === undefined && isIP(host) === 0 && !LOCAL.test(host);
}

/** One of several addresses of a name. */
function at(address: NodeAddress, hostaddr: string): NodeAddress {
  return { ...address, hostaddr, isOneOfSeveral: true };
}

function successionOf({ known, listed }: Name): Succession | undefined {
  const { nodes, reached } = known;
  if (reached === undefined || !nodes.some(({ address }) => address === reached)) return undefined;
  return { from: nodeName(listed.address), to: at(listed.address, reached) };
}
