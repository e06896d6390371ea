import { beginCall, prepareCall, type RoutingOptions } from '../call/call.ts';
import { ROUTING_OPTIONS } from '../call/call-option-names.ts';
import { deadlockInside, unknownNodeName } from '../call/failures.ts';
import { assertDrainTime } from '../call/limits.ts';
import type { TracedCluster } from '../channels/channels.ts';
import type { Driver } from '../connection/port.ts';
import { Engine } from '../engine/engine.ts';
import { GuestSessions } from '../engine/guests.ts';
import type { ClusterHealth } from '../herd/health.ts';
import { Herd } from '../herd/herd.ts';
import { logEvents } from '../herd/log.ts';
import { type Ready, waitUntilReady } from '../herd/ready.ts';
import { type ClusterStats, statsOf } from '../herd/stats.ts';
import type { NotificationListener, SubscribeOptions, Subscription } from '../listen/listen.ts';
import { Subscriptions } from '../listen/subscriptions.ts';
import { atCallerOf } from '../model/caller.ts';
import { invalidArgument } from '../model/errors.ts';
import type { AcceptedEpoch } from '../model/floors.ts';
import { quoted } from '../model/foreign.ts';
import { INSPECT, type Inspect, look } from '../model/looks.ts';
import { assertNoCallback, assertOptions, optionNames } from '../model/option-names.ts';
import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import type { Session } from '../node/session.ts';
import type { ListenOptions, Off } from '../observe/emitter.ts';
import type { ClusterEventName, ClusterEvents } from '../observe/events.ts';
import { assertSubscription } from '../observe/subscribe.ts';
import type { ClusterOptions } from '../options/options.ts';
import { type ClusterSettings, resolveSettings } from '../options/settings.ts';
import type { Querier } from '../query/querier.ts';
import { shownTopology } from '../topology/shown.ts';
import type { Transaction } from '../transaction/transaction.ts';
import { type AutoQuerier, autoQuerier } from './auto.ts';
import { endsWithin } from './ends-within.ts';
import { explanationOf, type TargetExplanation } from './explanation.ts';
import { enterGuestPort } from './guest-port.ts';
import { enterRequestPort } from './request-port.ts';
import { enterSibling } from './siblings.ts';
import { type CallStarts, type ClusterQuerier, clusterQuerier } from './verbs.ts';

/** A cluster of servers behind one object. Made by {@link createCluster}. */
export interface Cluster extends ClusterQuerier, AsyncDisposable {
  /** `with({ target: 'prefer-standby' })`: reads go to standbys, or to the primary if there is none. */
  readonly read: ClusterQuerier;
  /** Routing by text, which the option `autoRoute` turns on: statements that only read go to standbys, all others to the primary. */
  readonly auto: AutoQuerier;
  /** Whether it accepts calls: `false` after `close()` or `terminate()`. */
  readonly isOpen: boolean;
  /** The object that the diagnostics channels name this cluster by: `message.cluster === db.tracedAs` tells it from others of the process. */
  readonly tracedAs: TracedCluster;
  /** The current topology; immutable. */
  readonly topology: TopologyDescription;
  /** The nodes of the current topology. */
  nodes(): readonly NodeDescription[];
  /**
   * Resolves when as many nodes as asked for serve: by default one primary.
   * @throws NoSuitableNodeError `PGHERD_NO_SUITABLE_NODE` after `timeoutMs`; PgHerdError
   * `PGHERD_AUTHENTICATION_FAILED` and similar at once if no node can ever be used; `PGHERD_CLOSED`,
   * `PGHERD_ABORTED`.
   */
  ready(wanted?: Ready): Promise<void>;
  /**
   * Probes every node now, also those that are otherwise probed every few minutes; resolves when each has
   * answered or failed.
   */
  nextProbe(): Promise<void>;
  /** Starts, waits for a primary or any node, and opens connections: `pool.min` per node, at least one. */
  warmUp(): Promise<void>;
  /** Which nodes would serve a target, and why the others would not. */
  explainTarget(target: RoutingOptions['target'], options?: RoutingOptions): TargetExplanation;
  /** A snapshot of the numbers of all nodes and their pools; asks no server. `docs/pool.md` says what each means. */
  stats(): ClusterStats;
  /**
   * The state of the cluster in one word, with the reasons, for people and for readiness probes. Starts to watch if nothing has done so
   * yet; the first answer of a program is then `down`.
   * @throws PgHerdError `PGHERD_CLOSED`.
   */
  health(): ClusterHealth;
  on<N extends ClusterEventName>(
    name: N,
    fn: (event: ClusterEvents[N]) => void,
    options?: ListenOptions,
  ): Off;
  /**
   * Accepts an epoch although a higher timeline was seen, as after a restore from a backup: its system
   * identifier becomes the cluster's, its timeline the lowest that gets writes. Higher timelines of nodes
   * that are unreachable are forgotten. The system identifier is omitted if no node reports one, and only
   * then.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for an invalid epoch, for one without system identifier if
   * one is known, and while a node above it is reachable; `PGHERD_CLOSED`.
   */
  acceptEpoch(epoch: AcceptedEpoch): void;
  /**
   * Calls `fn` for each notification of a channel, across failovers, until `unlisten`; resolves once the
   * server listens. All subscriptions share one connection to the primary, outside the pool, which keeps the
   * process alive.
   * @throws PgHerdError `PGHERD_UNSUPPORTED` behind a pooler or over a port that cannot listen,
   * `PGHERD_INVALID_ARGUMENT`, `PGHERD_TIMEOUT`, `PGHERD_ABORTED`, `PGHERD_CLOSED`; NoSuitableNodeError
   * `PGHERD_NO_SUITABLE_NODE` after `waitTimeoutMs`.
   */
  listen(channel: string, fn: NotificationListener, options?: SubscribeOptions): Promise<Subscription>;
  /** Inside `transaction(fn)` the transaction of this asynchronous context, otherwise the cluster itself. */
  current(): Querier;
  /**
   * Runs `fn` in a scope in which reads on any node see the writes before them. Nested calls share the outer
   * scope. `after` is a token of another scope, whose writes are seen as well.
   * @throws what `fn` throws; PgHerdError `PGHERD_INVALID_TOKEN`, `PGHERD_CLOSED`.
   */
  causal<T>(fn: () => Promise<T> | T, options?: { readonly after?: string | undefined }): Promise<T>;
  /**
   * Token of the scope's writes so far, for `after` in any process; `undefined` if there are none, or outside
   * of `causal`.
   */
  token(): Promise<string | undefined>;
  /**
   * Replaces the connections of one node or of all nodes: those that are open now are closed as soon as they
   * are free, and new calls get new ones. Resolves when the last old one is closed.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for an unknown node; `PGHERD_SELF_DEADLOCK` inside a function given to `transaction`
   * or `use` that holds one of these connections; `PGHERD_CLOSED`.
   */
  drain(node?: string): Promise<void>;
  /**
   * Refuses new work, waits for running work, then closes everything. Final.
   * @throws PgHerdError `PGHERD_SELF_DEADLOCK` inside a function given to `transaction` or `use` of this
   * cluster, for which it would wait; the cluster stays open, unless it is being closed already. `PGHERD_INVALID_ARGUMENT` for a
   * `timeoutMs` that is no number of ms, at least 0.
   */
  close(options?: { readonly timeoutMs?: number | undefined }): Promise<void>;
  /** Destroys everything at once. Final. */
  terminate(): void;
}

/**
 * A cluster of the servers in a connection string. No connection is opened before the first use.
 *
 * @throws InvalidDsnError `PGHERD_INVALID_DSN` for a connection string that cannot be used.
 * @throws InvalidOptionsError `PGHERD_INVALID_OPTIONS` for options that cannot be used, all at once.
 * @example
 * ```ts
 * import { createCluster } from 'pgherd';
 * const db = createCluster('postgres://app@db1,db2,db3/shop');
 * await db.query('insert into orders (item) values ($1)', ['hay']);
 * const orders = await db.read.rows('select * from orders');
 * await db.close();
 * ```
 */
export function createCluster(options: string | ClusterOptions = {}): Cluster {
  return HerdCluster.create(resolveSettings(typeof options === 'string' ? { url: options } : options));
}

/**
 * A cluster whose connections `driver` opens, instead of pgherd itself: an implementation of the port, such as one that records or
 * simulates. `driverConformance` of `@pgherd/testing/conformance` tells whether it does what pgherd relies on. Options that concern
 * pgherd's own connections (`types`, `scramMaxIterations`, `maxMessageBytes`) have no effect.
 * @throws as {@link createCluster}.
 */
export function createClusterOver(driver: Driver, options: string | ClusterOptions = {}): Cluster {
  return HerdCluster.create(
    resolveSettings(typeof options === 'string' ? { url: options } : options, driver),
  );
}

/** The members of a cluster without the verbs of {@link ClusterQuerier}, which are assigned to it. */
class HerdCluster implements Omit<Cluster, keyof ClusterQuerier> {
  readonly #herd: Herd;
  readonly #engine: Engine;
  readonly #listening: Subscriptions;
  readonly #guests: GuestSessions;
  /** This object, with the verbs. */
  readonly #cluster: Cluster;
  readonly read: ClusterQuerier;
  readonly tracedAs: TracedCluster;
  readonly #starts: CallStarts;
  /** Made when it is first used. */
  #auto: AutoQuerier | undefined;
  readonly #leaveSiblings: () => void;
  #closing: Promise<void> | undefined;
  #isTerminated = false;

  constructor(settings: ClusterSettings) {
    this.#herd = new Herd(settings);
    this.#leaveSiblings = enterSibling(settings.plan);
    this.#engine = new Engine(this.#herd);
    this.#listening = new Subscriptions(this.#herd);
    this.#guests = new GuestSessions(this.#herd, this.#engine.sessions);
    logEvents(this.#herd.events, this.#herd.settings.logger);
    const { clock, random } = settings;
    const starts: CallStarts = {
      prepare: (options) => prepareCall(options, settings),
      begin: (prepared, record) => beginCall(prepared, clock.now(), random, record),
    };
    const verbs = clusterQuerier(this.#engine, starts);
    this.read = verbs.with({ target: 'prefer-standby' });
    this.#starts = starts;
    this.#cluster = Object.assign(this, verbs);
    enterGuestPort(this.#cluster, this.#guests);
    const { secrets, tokenTtlMs } = this.#herd.settings.causal;
    const { label } = settings;
    this.tracedAs = label;
    enterRequestPort(this.#cluster, { label, isSigned: secrets.length > 0, tokenTtlMs, isLeaving: false });
  }

  static create(settings: ClusterSettings): Cluster {
    return new HerdCluster(settings).#cluster;
  }

  get auto(): AutoQuerier {
    this.#auto ??= autoQuerier(this.#engine, this.#starts);
    return this.#auto;
  }

  get isOpen(): boolean {
    return !this.#herd.isClosed;
  }

  get topology(): TopologyDescription {
    return shownTopology(this.#herd.topology);
  }

  listen(channel: string, fn: NotificationListener, options?: SubscribeOptions): Promise<Subscription> {
    return atCallerOf(this.#listening.listen(channel, fn, options));
  }

  nodes(): readonly NodeDescription[] {
    return this.topology.nodes;
  }

  ready(wanted: Ready = {}): Promise<void> {
    this.#assertOpen();
    this.#herd.touch();
    return atCallerOf(waitUntilReady(this.#herd, wanted));
  }

  async nextProbe(...given: readonly unknown[]): Promise<void> {
    assertNoCallback('nextProbe', given);
    this.#assertOpen();
    const release = this.#herd.rest.hold();
    this.#herd.start();
    // The monitors' timers let the process end, but this call waits for them.
    const keepAlive = this.#herd.settings.clock.schedule(KEEP_ALIVE_MS, () => undefined);
    try {
      await this.#herd.watching.begun;
      await Promise.all([...this.#herd.nodes.values()].map((node) => node.monitor.probeNow()));
    } finally {
      keepAlive.cancel();
      release();
    }
  }

  async warmUp(...given: readonly unknown[]): Promise<void> {
    assertNoCallback('warmUp', given);
    await this.ready({ primaries: this.#herd.settings.target === 'read-write' ? 1 : 0 });
    const usable = this.topology.nodes.filter((node) => node.health === 'ok' && node.standing === 'current');
    await Promise.all(usable.map((node) => this.#herd.nodes.get(node.name)?.warmUp()));
  }

  async drain(node?: string): Promise<void> {
    this.#assertOpen();
    const { nodes, liveNodes } = this.#herd;
    const named = node === undefined ? undefined : nodes.get(node);
    if (node !== undefined && named === undefined) throw unknownNodeName(node, [...nodes.keys()]);
    const drained = named === undefined ? liveNodes : [named];
    this.#assertNotInside('drain', ({ node: held }) => drained.some(({ name }) => name === held));
    const reason = 'db.drain() was called';
    await Promise.all(drained.flatMap(({ pool, guests }) => [pool.drain(reason), guests.leave(reason)]));
  }

  explainTarget(target: RoutingOptions['target'], options: RoutingOptions = {}): TargetExplanation {
    assertOptions('explainTarget', options, ROUTING_OPTIONS);
    const { demand } = prepareCall({ ...options, target }, this.#herd.settings);
    // A call leaves to chance whether the primary takes part; here it does if it can.
    const primaryReads = (options.primaryReadWeight ?? 0) > 0;
    return explanationOf(this.#herd.select({ ...demand, primaryReads }));
  }

  stats(): ClusterStats {
    return statsOf(this.#herd);
  }

  health(): ClusterHealth {
    this.#assertOpen();
    // Before it ends the rest: nothing is known then.
    const health = this.#herd.health();
    this.#herd.touch();
    return health;
  }

  on<N extends ClusterEventName>(
    name: N,
    fn: (event: ClusterEvents[N]) => void,
    options?: ListenOptions,
  ): Off {
    assertSubscription(name, fn, options);
    return this.#herd.events.on(name, name === 'topology:changed' ? showing(fn) : fn, options);
  }

  /** Never a secret: the options are not shown. */
  toJSON(): object {
    const nodes = this.nodes().map(({ name, role, health, standing, since }) => ({
      name,
      role,
      health,
      standing,
      since,
    }));
    return { isOpen: this.isOpen, nodes };
  }

  [INSPECT](_depth: number, options: object, inspect: Inspect): string {
    return look('Cluster', this.toJSON(), options, inspect);
  }

  acceptEpoch(epoch: AcceptedEpoch): void {
    this.#herd.acceptEpoch(epoch);
  }

  current(): Querier {
    // Only transaction(fn) puts anything there, and it puts a transaction there.
    return (this.#engine.held.transaction as Transaction | undefined) ?? this.#cluster;
  }

  async causal<T>(
    fn: () => Promise<T> | T,
    options: { readonly after?: string | undefined } = {},
  ): Promise<T> {
    assertOptions('causal', options, CAUSAL_OPTIONS);
    if (typeof fn !== 'function')
      throw invalidArgument('the first argument of causal', quoted(fn), 'a function');
    return this.#engine.causal.run(fn, options.after);
  }

  async token(...given: readonly unknown[]): Promise<string | undefined> {
    assertNoCallback('token', given);
    return this.#engine.causal.token();
  }

  async close(options: { readonly timeoutMs?: number | undefined } = {}): Promise<void> {
    assertOptions('close', options, CLOSE_OPTIONS);
    assertDrainTime(options.timeoutMs);
    this.#assertNotInside('close', () => true);
    this.#closing ??= this.#close(options.timeoutMs ?? this.#herd.settings.drainMs);
    return this.#closing;
  }

  terminate(): void {
    const wasClosed = this.#herd.isClosed;
    this.#isTerminated = true;
    this.#leaveSiblings();
    this.#listening.close();
    this.#herd.stop();
    this.#guests.stop();
    for (const node of this.#herd.liveNodes) {
      node.stop();
      node.terminate(CLOSED);
    }
    this.#engine.held.disable();
    this.#engine.leaks.stop();
    this.#engine.causal.disable();
    if (!wasClosed) this.#herd.events.emit('cluster:closed', { terminated: true });
    this.#closing ??= Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#leaveSiblings();
    this.#listening.close();
    this.#herd.drain();
    this.#guests.stop();
    const { liveNodes } = this.#herd;
    const closed = liveNodes.map((node) => node.close(CLOSED));
    const drained = await endsWithin(this.#herd.settings.clock, timeoutMs, Promise.all(closed));
    for (const node of liveNodes) {
      node.stop();
      if (!drained) node.terminate(CLOSED);
    }
    this.#herd.stop();
    // Otherwise Node keeps it with every promise of the process.
    this.#engine.held.disable();
    this.#engine.leaks.stop();
    this.#engine.causal.disable();
    this.#herd.events.emit('cluster:closed', { terminated: !drained || this.#isTerminated });
  }

  /** A verb that waits for connections must not be called in a function that holds one: it would wait for what waits for it. */
  #assertNotInside(verb: 'close' | 'drain', waitsFor: (held: Session) => boolean): void {
    if (this.#engine.held.count(waitsFor) > 0) throw deadlockInside(verb);
  }

  #assertOpen(): void {
    if (this.#herd.isClosed) this.#herd.assertReachable();
  }
}

/** A listener that gets topologies as the application does. */
function showing<E>(fn: (event: E) => unknown): (event: E) => unknown {
  return (event) => {
    const { before, after } = event as ClusterEvents['topology:changed'];
    return fn({ before: shownTopology(before), after: shownTopology(after) } as E);
  };
}

const CAUSAL_OPTIONS = optionNames<{ readonly after?: string | undefined }>({ after: true });
const CLOSE_OPTIONS = optionNames<{ readonly timeoutMs?: number | undefined }>({ timeoutMs: true });
/** Why the connections of a node end with the cluster. */
const CLOSED = 'the cluster is closed';
/** Longer than any process waits, milliseconds. */
const KEEP_ALIVE_MS = 2_147_483_647;
