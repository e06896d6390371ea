import {
  AmbiguousPrimaryError,
  type ErrorCode,
  ForeignClusterError,
  NoSuitableNodeError,
  PgHerdError,
} from '../model/errors.ts';
import type { Observation } from '../model/observation.ts';
import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import type { MonitorPorts } from '../monitor/monitor.ts';
import { Emitter } from '../observe/emitter.ts';
import type { ClusterEvents } from '../observe/events.ts';
import { type Demand, type Selection, selectNodes } from '../routing/select.ts';
import type { Deadline } from '../time/deadline.ts';
import type { Timer } from '../time/port.ts';
import { affectsRouting, changesBetween } from '../topology/diff.ts';
import { isLastingFailure } from '../topology/node.ts';
import { findNode, initialTopology, observe, startedTopology, withIncumbent } from '../topology/topology.ts';
import { treatConnections } from '../topology/treatment.ts';
import { likelyWriters, writableNode } from '../topology/writable.ts';
import { announce } from './announce.ts';
import { abortedError, closedError } from './failures.ts';
import { NodeRuntime } from './node-runtime.ts';
import type { ClusterSettings } from './settings.ts';

/** Most causes that an error carries along. */
const MAX_CAUSES = 8;
/** Waiting calls that are woken in one turn of the event loop. */
const WOKEN_AT_ONCE = 16;

/**
 * The herd: the one writer of the topology, and the live nodes behind it.
 *
 * Evidence comes in through `observe`, in any order and at any time; each piece makes a new picture, which replaces the
 * old one in one assignment. Then, and only then, connections are treated, events told and waiting calls woken.
 */
export class Herd<C> {
  readonly settings: ClusterSettings<C>;
  readonly events: Emitter<ClusterEvents>;
  readonly nodes = new Map<string, NodeRuntime<C>>();
  #topology: TopologyDescription;
  #state: 'idle' | 'watching' | 'closed' = 'idle';
  #primaryLostAt: number | undefined;
  #waiting = new Set<() => void>();
  #selections = new Map<string, Selection>();
  #graceTimer: Timer | undefined;
  #graceOver = false;
  #fatal: PgHerdError | undefined;
  #connectErrors = new Map<string, unknown>();

  constructor(settings: ClusterSettings<C>) {
    this.settings = settings;
    this.events = new Emitter<ClusterEvents>((name, error) =>
      settings.logger.error(
        `A listener of "${name}" threw: ${error instanceof Error ? error.message : String(error)}`,
      ),
    );
    this.#topology = initialTopology(settings.plan.hosts);
    for (const { name } of this.#topology.nodes) this.nodes.set(name, this.#runtime(name));
  }

  get topology(): TopologyDescription {
    return this.#topology;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Begins to watch, once. */
  start(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'watching';
    const { clock, firstWriteGraceMs, plan } = this.settings;
    this.#primaryLostAt = clock.now();
    this.#topology = startedTopology(this.#topology, clock.now());
    this.#graceTimer = clock.schedule(firstWriteGraceMs, () => this.#endGrace(), { ref: false });
    for (const message of plan.warnings) this.events.emit('cluster:warned', { message });
    for (const node of this.nodes.values()) node.monitor.start();
  }

  /** Takes in evidence. */
  observe(observation: Observation): void {
    if (this.#state === 'closed') return;
    const before = this.#topology;
    const after = observe(before, observation, this.settings);
    if (after !== before) this.#replace(before, after);
  }

  /** Takes note that a write goes to `node`. */
  noteWriter(node: string): void {
    if (this.#topology.incumbent === node) return;
    const before = this.#topology;
    this.#replace(before, withIncumbent(before, node, this.settings));
  }

  /** A statement was answered: a node that was silent is not. */
  noteAnswer(node: string, generation: number): void {
    this.observe({ kind: 'bytes-received', node, at: this.settings.clock.now(), generation });
  }

  /** ParameterStatus of any connection. */
  parameter(node: string, generation: number, name: string, value: string): void {
    if (name === 'in_hot_standby') {
      const inHotStandby = value === 'on';
      const known = findNode(this.#topology, node)?.role;
      if (known !== 'unknown' && (known === 'standby') === inHotStandby) return;
      const at = this.settings.clock.now();
      this.observe({ kind: 'parameters', node, at, generation, inHotStandby, defaultReadOnly: undefined });
      this.nodes.get(node)?.monitor.hint();
    }
  }

  /** Who could serve `demand` now. */
  select(demand: Demand): Selection {
    const context = { writesOpen: this.#writesOpen(), fencing: this.settings.fencing };
    const special =
      demand.node !== undefined || demand.maxLagMs !== undefined || demand.maxLagBytes !== undefined;
    if (special) return selectNodes(this.#topology, demand, context);
    const key = `${demand.target} ${demand.fallback ?? ''} ${demand.primaryReads === true}`;
    let selection = this.#selections.get(key);
    if (selection === undefined) {
      selection = selectNodes(this.#topology, demand, context);
      this.#selections.set(key, selection);
    }
    return selection;
  }

  /** Whether `node` still suits `demand` on the picture of now. */
  stillSuits(node: string, demand: Demand): boolean {
    return this.select(demand).tiers.some((tier) => tier.some((one) => one.name === node));
  }

  /** Resolves `true` after the next change that routing depends on, `false` at the deadline, rejects on abort or close. */
  changed(deadline: Deadline, signal: AbortSignal | undefined): Promise<boolean> {
    const { clock } = this.settings;
    return new Promise((resolve, reject) => {
      const settle = (fn: () => void) => {
        timer?.cancel();
        this.#waiting.delete(wake);
        signal?.removeEventListener('abort', onAbort);
        fn();
      };
      const wake = () => settle(() => (this.isClosed ? reject(closedError()) : resolve(true)));
      const onAbort = () => settle(() => reject(abortedError(signal)));
      const timer = Number.isFinite(deadline)
        ? clock.schedule(deadline - clock.now(), () => settle(() => resolve(false)))
        : undefined;
      this.#waiting.add(wake);
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted) onAbort();
    });
  }

  /** Throws where waiting is pointless: the cluster is closed, or no node can ever answer as things are. */
  assertHope(): void {
    if (this.isClosed) throw closedError();
    if (this.#fatal !== undefined) throw this.#fatal;
    const { nodes } = this.#topology;
    if (nodes.length === 0 || !nodes.every((node) => isLastingFailure(node.connectFailure))) return;
    const [first] = nodes;
    const code = hopelessCode(nodes);
    const list = nodes.map((node) => `${node.name}: ${node.healthReason ?? node.connectFailure}`).join('; ');
    throw new PgHerdError(code, `No node can be used. ${list}`, {
      cause: this.#causes(),
      details: { nodes: nodes.map((node) => node.name), failure: first?.connectFailure },
    });
  }

  /** The error for a call that found no node in time; `refusals` says which nodes suit, but gave no connection. */
  noNodeError(
    demand: Demand,
    waitedMs: number,
    refusals: ReadonlyMap<string, string> = new Map(),
  ): PgHerdError {
    const { identityConflict, nodes } = this.#topology;
    const unsuitable = this.select(demand).rejections;
    const refused = [...refusals].map(([node, why]) => ({ node, reason: `gave no connection: ${why}` }));
    const rejections = [
      ...unsuitable,
      ...refused.filter(({ node }) => !unsuitable.some((one) => one.node === node)),
    ];
    const list = rejections.map(({ node, reason }) => `${node}: ${reason}`).join('; ');
    const sentence = `No node suits the target "${demand.target}" after ${Math.round(waitedMs)} ms (waitTimeoutMs). ${list}`;
    const options = {
      cause: this.#causes(),
      details: { target: demand.target, waitedMs, nodes: rejections },
    };
    const writes = demand.target === 'read-write' || demand.target === 'primary';
    if (writes && identityConflict !== undefined) return new ForeignClusterError(sentence, options);
    if (writes && nodes.some((node) => node.standing === 'ambiguous')) {
      return new AmbiguousPrimaryError(sentence, options);
    }
    return new NoSuitableNodeError(sentence, options);
  }

  /** Ends everything but the pools: no more evidence, no more waiting. */
  stop(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#graceTimer?.cancel();
    for (const wake of [...this.#waiting]) wake();
  }

  #runtime(name: string): NodeRuntime<C> {
    const { settings } = this;
    const monitor: MonitorPorts = {
      clock: settings.clock,
      random: settings.random,
      topology: () => this.#topology,
      primaryLostAt: () => this.#primaryLostAt,
      observe: (observation) => this.observe(observation),
      connect: (node, listener, signal) => this.#node(node).connectMonitor(listener, signal),
      parameter: (node, generation, parameter, value) => this.parameter(node, generation, parameter, value),
      probed: (node, _durationMs, error) => this.#noteConnectError(node, error),
    };
    return new NodeRuntime<C>(name, {
      settings,
      monitor,
      describe: () => this.#describe(name),
      parameter: (node, generation, parameter, value) => this.parameter(node, generation, parameter, value),
      opened: (node, durationMs) => this.events.emit('connection:opened', { node, durationMs }),
      failed: (node, error) => this.events.emit('connection:failed', { node, error }),
      closed: (node, reason) => this.events.emit('connection:closed', { node, reason }),
    });
  }

  #node(name: string): NodeRuntime<C> {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`no node is called ${name}`);
    return node;
  }

  #describe(name: string): NodeDescription {
    const node = findNode(this.#topology, name);
    if (node === undefined) throw new Error(`no node is called ${name}`);
    return node;
  }

  #noteConnectError(node: string, error: unknown): void {
    if (error === undefined) this.#connectErrors.delete(node);
    else this.#connectErrors.set(node, error);
    if (!(error instanceof PgHerdError) || error.code !== 'PGHERD_DRIVER_MISSING') return;
    this.#fatal = error;
    this.#wake();
  }

  #replace(before: TopologyDescription, after: TopologyDescription): void {
    this.#topology = after;
    this.#selections.clear();
    const writable = writableNode(after);
    if (writable !== undefined) this.#primaryLostAt = undefined;
    else this.#primaryLostAt ??= this.settings.clock.now();
    this.#treatAll(before, after, writable);
    if (writable === undefined && writableNode(before) !== undefined) this.#hintAll();
    for (const name of likelyWriters(before, after)) void this.nodes.get(name)?.prepareWriter();
    for (const change of changesBetween(before, after)) announce(change, this.events);
    if (!affectsRouting(before, after)) return;
    this.events.emit('topology:changed', { before, after });
    this.#wake();
  }

  #treatAll(
    before: TopologyDescription,
    after: TopologyDescription,
    writable: NodeDescription | undefined,
  ): void {
    for (const node of after.nodes) {
      const runtime = this.nodes.get(node.name);
      if (runtime === undefined) continue;
      runtime.isOk = node.health === 'ok';
      const old = findNode(before, node.name) ?? node;
      const newerPrimaryKnown = writable !== undefined && writable.name !== node.name;
      const treatment = treatConnections(old, node, newerPrimaryKnown);
      if (treatment.reason !== '') runtime.treat(treatment);
    }
  }

  /** The primary is gone: every other node is worth a look now. */
  #hintAll(): void {
    for (const node of this.nodes.values()) node.monitor.hint();
  }

  /** In portions: hundreds at once would keep the first of them from reading its answer. */
  #wake(waiting: readonly (() => void)[] = [...this.#waiting]): void {
    for (const wake of waiting.slice(0, WOKEN_AT_ONCE)) wake();
    const others = waiting.slice(WOKEN_AT_ONCE);
    if (others.length > 0) this.settings.clock.schedule(0, () => this.#wake(others));
  }

  /** Writes open once every node has answered or failed, or the grace period is over; then they stay open. */
  #writesOpen(): boolean {
    if (this.#graceOver) return true;
    const settled = this.#topology.nodes.every(
      (node) =>
        node.rttMs !== undefined || node.connectFailure !== undefined || node.silentSince !== undefined,
    );
    if (settled && this.#topology.startedAt !== undefined) this.#graceOver = true;
    return this.#graceOver;
  }

  #endGrace(): void {
    this.#graceOver = true;
    this.#selections.clear();
    this.#wake();
  }

  #causes(): unknown {
    const errors = [...this.#connectErrors.values()].slice(0, MAX_CAUSES);
    if (errors.length === 0) return undefined;
    return errors.length === 1 ? errors[0] : new AggregateError(errors, 'what the nodes answered');
  }
}

function hopelessCode(nodes: readonly NodeDescription[]): ErrorCode {
  if (nodes.every((node) => node.connectFailure === 'authentication')) return 'PGHERD_AUTHENTICATION_FAILED';
  if (nodes.every((node) => node.connectFailure === 'server-too-old')) return 'PGHERD_SERVER_TOO_OLD';
  return 'PGHERD_CONNECT_FAILED';
}
