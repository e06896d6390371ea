import { closedError } from '../call/failures.ts';
import { messageOf, type PgHerdError } from '../model/errors.ts';
import type { AcceptedEpoch } from '../model/floors.ts';
import type { Observation } from '../model/observation.ts';
import type { TopologyDescription } from '../model/topology.ts';
import type { Names } from '../names/names.ts';
import type { Leak } from '../node/leaks.ts';
import type { LiveNode } from '../node/live-node.ts';
import type { Session } from '../node/session.ts';
import { Emitter } from '../observe/emitter.ts';
import type { ClusterEvents } from '../observe/events.ts';
import type { ClusterSettings } from '../options/settings.ts';
import { RestWatch } from '../rest/rest.ts';
import { hasOwnLimit } from '../routing/freshness.ts';
import type { Demand, Selection, SelectionContext } from '../routing/select.ts';
import { Selections } from '../routing/selections.ts';
import type { Deadline } from '../time/deadline.ts';
import { withLeaderAnswers } from '../topology/arbitrate.ts';
import { changesBetween } from '../topology/diff.ts';
import { type Effects, effects } from '../topology/effects.ts';
import { startDelayMs } from '../topology/probe-plan.ts';
import { RESTS, restingTopology } from '../topology/rest.ts';
import { datedAfter } from '../topology/since.ts';
import { type Succession, withNamed } from '../topology/succession.ts';
import {
  initialTopology,
  type ListedNode,
  observe,
  startedTopology,
  withAcceptedEpoch,
  withIncumbent,
  withLagMattering,
  withNodes,
  withWritesOpen,
} from '../topology/topology.ts';
import { assertAcceptable } from './accepted-epoch.ts';
import { announce, announceEjection } from './announce.ts';
import { CallQueue } from './call-queue.ts';
import { type Contests, contestsOf } from './contests.ts';
import type { ClusterHealth } from './health.ts';
import { ANYTHING, HealthWatch } from './health-watch.ts';
import { LiveNodes } from './live-nodes.ts';
import { namesOf } from './names-of.ts';
import { isForeignForGood, noNodeError, unreachableError, withRefusals } from './no-node-error.ts';
import { configuredNodes } from './node-list.ts';
import { nodePortsOf } from './node-ports-of.ts';
import { type Outliers, outliersOf } from './outliers.ts';
import { ReturningNodes } from './returning-nodes.ts';
import { UnservedCalls } from './unserved-calls.ts';
import { type WaitingWarnings, waitingWarnings, warnAtStart, warnOfAny } from './warnings.ts';
import { Watching } from './watching.ts';

/**
 * The herd: the one writer of the topology, and the live nodes behind it.
 *
 * Evidence comes in through `observe`, in any order and at any time; each piece makes a new picture, which
 * replaces the old one in one assignment. Then, and only then, connections are disposed of, events emitted
 * and waiting calls woken.
 */
export class Herd {
  readonly settings: ClusterSettings;
  readonly events: Emitter<ClusterEvents>;
  /** The live nodes of the picture, by name. */
  readonly nodes: ReadonlyMap<string, LiveNode>;
  readonly #live: LiveNodes;
  #topology: TopologyDescription;
  #state: 'idle' | 'watching' | 'resting' | 'draining' | 'closed' = 'idle';
  readonly #waiting: CallQueue;
  /** Monitors and discovery. */
  readonly watching: Watching;
  /** Whether the cluster is used, or rests. */
  readonly rest: RestWatch;
  /** The names among the hosts of the connection string. */
  readonly names: Names;
  readonly #warnings: WaitingWarnings;
  readonly #contests: Contests | undefined;
  readonly #selections = new Selections();
  #selecting: SelectionContext;
  /** Nodes that take their share gradually. */
  readonly returning: ReturningNodes;
  /** Finds nodes to be ejected; `undefined` without the option. */
  readonly outliers: Outliers | undefined;
  readonly #health: HealthWatch;
  readonly #unserved: UnservedCalls;

  constructor(settings: ClusterSettings) {
    this.settings = settings;
    const { fencing, zones, lag } = settings;
    this.#selecting = Object.freeze({ fencing, zones, lag });
    this.returning = new ReturningNodes(settings);
    this.outliers = outliersOf(settings, {
      nodes: () => this.nodes.values(),
      apply: (ejected) => {
        this.#selecting = Object.freeze({ ...this.#selecting, ejected });
      },
      changed: (change) => announceEjection(change, this.events, this.returning),
    });
    this.events = new Emitter<ClusterEvents>((name, error) =>
      settings.logger.error(`A listener of "${name}" threw: ${messageOf(error)}`),
    );
    this.#health = new HealthWatch(settings);
    this.#unserved = new UnservedCalls(settings.clock);
    this.#waiting = new CallQueue(settings.clock, () => this.isClosed);
    this.#warnings = waitingWarnings(this, () => this.#waiting.size);
    this.#live = new LiveNodes(
      nodePortsOf(this, {
        callsWait: () => this.#callsWait(),
        loginsChanged: () => this.#waiting.wake('all'),
      }),
    );
    this.nodes = this.#live.current;
    this.watching = new Watching({
      settings,
      events: this.events,
      nodes: () => this.nodes.values(),
      accept: ({ leader, nodes }) => {
        this.names.stop();
        this.#setNodes(withNodes(this.#topology, nodes, leader, settings, settings.clock.now()));
      },
      lookUpNames: () => this.names.resume(),
      openWrites: () => this.#replace(withWritesOpen(this.#topology)),
    });
    this.rest = new RestWatch(settings.restAfterMs, {
      clock: settings.clock,
      use: () => this.#live.use,
      rest: (idleMs) => this.#beginRest(idleMs),
    });
    this.rest.keepAwake(() => this.#waiting.size > 0);
    this.#contests = contestsOf(settings, this.events, (answers) => {
      if (this.#state !== 'watching') return;
      this.#replace(withLeaderAnswers(this.#topology, answers, settings, settings.clock.now()));
    });
    const configured = configuredNodes(settings.plan.hosts, settings.nodes);
    this.names = namesOf(settings, configured, {
      topology: () => this.#topology,
      callsWait: () => this.#callsWait(),
      changed: (nodes, succession) => this.#setNamed(nodes, succession),
      events: this.events,
    });
    this.#topology = initialTopology(configured);
    this.#live.add(this.#topology.nodes);
  }

  get topology(): TopologyDescription {
    return this.#topology;
  }

  /** Whether no call begins any more; those that have begun may still be drained. */
  get isClosed(): boolean {
    return this.#state === 'draining' || this.#state === 'closed';
  }

  /** Begins to watch, if nothing is watched: at the first use, and at the first one of a cluster that rests. */
  start(): void {
    if (this.#state === 'watching' || this.isClosed) return;
    const isWaking = this.#state === 'resting';
    this.#state = 'watching';
    this.#topology = startedTopology(this.#topology, this.settings.clock.now());
    if (!isWaking) warnAtStart(this.settings, this.nodes.size, this.events);
    const restedMs = this.rest.start();
    if (restedMs !== undefined) this.events.emit('cluster:woken', { restedMs });
    this.watching.start(isWaking);
    this.outliers?.start();
  }

  /** As {@link start}: something else than a connection is asked for, which counts as a use. */
  touch(): void {
    this.rest.touch();
    this.start();
  }

  /** Nothing is left open, and what was seen of the nodes is forgotten. */
  #beginRest(idleMs: number): void {
    const before = this.#topology;
    this.#state = 'resting';
    this.watching.stop();
    this.names.pause();
    this.outliers?.stop();
    const after = restingTopology(before);
    this.#topology = after;
    this.#live.rest(RESTS);
    this.#warnings.follow(after);
    this.#contests?.follow(after);
    this.events.emit('cluster:rested', { idleMs });
    for (const change of changesBetween(before, after)) announce(change, this.events);
    this.events.emit('topology:changed', { before, after });
  }

  /** Takes in evidence. */
  observe(observation: Observation): void {
    if (this.#state === 'closed' || this.#state === 'resting') return;
    this.#replace(observe(this.#topology, observation, this.settings));
  }

  /** Records that a write goes to `node`. */
  noteWriter(node: string): void {
    if (this.#topology.incumbent === node) return;
    this.#replace(withIncumbent(this.#topology, node, this.settings, this.settings.clock.now()));
  }

  /**
   * Accepts an epoch although a higher one was seen.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for an invalid epoch, and while a node above it can be
   * reached.
   */
  acceptEpoch(epoch: AcceptedEpoch): void {
    if (this.isClosed) throw closedError();
    assertAcceptable(epoch, this.#topology, this.settings.systemIdentifier);
    const from = this.#topology.floor;
    this.#replace(withAcceptedEpoch(this.#topology, epoch, this.settings, this.settings.clock.now()));
    const accepted = { node: undefined, value: undefined, from, to: epoch.timeline };
    this.events.emit('cluster:epoch-accepted', { by: 'call', ...accepted });
    this.#hint('monitors-and-discovery');
  }

  /** The live node that `session` is connected to, also while it is leaving. */
  liveNodeOf(session: Session): LiveNode | undefined {
    return this.#live.of(session);
  }

  /** Records that a statement was answered: the node is not silent. */
  noteAnswer(node: string, generation: number): void {
    this.observe({ kind: 'bytes-received', node, at: this.settings.clock.now(), generation });
  }

  /** Which nodes suit `demand` now. */
  select(demand: Demand): Selection {
    if (hasOwnLimit(demand)) this.#replace(withLagMattering(this.#topology));
    return this.#selections.of(this.#topology, demand, this.#selecting);
  }

  /** Whether `node` suits `demand` on the present picture. */
  stillSuits(node: string, demand: Demand): boolean {
    return this.select(demand).tiers.some((tier) => tier.some((one) => one.name === node));
  }

  /** Resolves `true` after the next change that matters to `demand`, `false` at the deadline, rejects on abort or close. */
  changed(deadline: Deadline, signal: AbortSignal | undefined, demand?: Demand): Promise<boolean> {
    this.start();
    const lagMatters = demand !== undefined && hasOwnLimit(demand);
    const woken = this.#waiting.wait({ deadline, signal, lagMatters });
    this.#warnings.silence.callWaits();
    for (const node of this.nodes.values()) node.wanted();
    this.names.wanted();
    return woken;
  }

  /** The state of the cluster now. */
  health(): ClusterHealth {
    return this.#health.of(this.#topology, this.select(ANYTHING), this.rest, this.#live.concerns());
  }

  /** Throws if waiting is pointless: the cluster is closed, or every node refuses our logins. */
  assertReachable(): void {
    if (this.isClosed) throw closedError();
    const refusals = this.#live.refusals();
    if (refusals === undefined) return;
    this.#unserved.note();
    for (const node of this.nodes.values()) node.wanted();
    throw unreachableError(refusals, this.settings.unaddressed);
  }

  /** Whether no node can suit `demand` until the operator acts; a discovery may name other nodes any moment. */
  isHopeless(demand: Demand): boolean {
    return this.settings.discovery === undefined && isForeignForGood(this.#topology, demand);
  }

  /** Whether calls wait for a node, or have failed just now because every node refuses our logins. */
  #callsWait(): boolean {
    return this.#waiting.size > 0 || this.#unserved.areRecent;
  }

  /** The error for a call that found no node in time; `refusals` says which nodes suit, but gave no connection. */
  noNodeError(
    demand: Demand,
    waitedMs: number,
    refusals: ReadonlyMap<string, string> = new Map(),
  ): PgHerdError {
    const rejections = withRefusals(this.select(demand).rejections, refusals);
    const report = { demand, waitedMs, rejections, cause: this.#live.causes() };
    return noNodeError(this.#topology, report, this.settings.unaddressed);
  }

  /** Reports a connection that is held for too long. */
  leaked({ session, verb, heldMs, stack }: Leak<Session>): void {
    if (session.connection.closed || this.isClosed) return;
    this.events.emit('lease:leaked', { node: session.node, verb, heldMs, stack });
  }

  /** Ends what serves calls to come. Evidence counts until {@link stop}: what goes on must not commit on a superseded primary. */
  drain(): void {
    if (this.isClosed) return;
    this.#state = 'draining';
    for (const one of [this.rest, this.#warnings, this.watching, this.names]) one.stop();
    for (const one of [this.outliers, this.#contests]) one?.stop();
    this.#waiting.end();
  }

  /** Ends everything except the pools: evidence is dropped. */
  stop(): void {
    this.drain();
    this.#state = 'closed';
  }

  /** As {@link LiveNodes.all}. */
  get liveNodes(): readonly LiveNode[] {
    return this.#live.all;
  }

  /** The live side follows the list: new nodes are watched, those that have left are drained. */
  #setNodes(
    after: TopologyDescription,
    successors?: ReadonlyMap<string, string>,
    startDelay = (_index: number) => 0,
  ): void {
    if (after === this.#topology || this.isClosed) return;
    this.#live.drainRemoved(this.#topology, after, successors);
    const added = this.#live.add(after.nodes);
    this.#replace(after);
    if (this.#state !== 'watching') return;
    for (const [index, node] of added.entries()) node.monitor.start(startDelay(index));
  }

  /** A name of the connection string turned out to have other addresses than before. */
  #setNamed(nodes: readonly ListedNode[], succession: Succession | undefined): void {
    const { clock, random } = this.settings;
    const { after, successors } = withNamed(this.#topology, nodes, succession, this.settings, clock.now());
    this.#setNodes(after, successors, (index) => startDelayMs(index, random.next()));
    if (this.#state === 'watching' && !this.#topology.writesOpen) this.watching.beginGrace();
    warnOfAny(this.settings, this.nodes.size);
  }

  /** Assigns the picture, then carries out the effects: dispose, hint, prepare, emit, wake, in this order. */
  #replace(next: TopologyDescription): void {
    const before = this.#topology;
    if (next === before) return;
    const after = datedAfter(before, next, this.settings.clock);
    this.#topology = after;
    this.returning.follow(before, after);
    const following = effects(before, after);
    const { changes, hint, prepare, wake } = following;
    this.#live.follow(following);
    this.#hint(hint);
    if (!this.isClosed) for (const name of prepare) void this.nodes.get(name)?.prepareWriter();
    for (const change of changes) announce(change, this.events);
    if (wake === 'all') this.health();
    if (wake === 'all') this.events.emit('topology:changed', { before, after });
    if (this.isClosed) return;
    if (wake !== 'none') this.#waiting.wake(wake);
    this.#warnings.follow(after);
    this.#contests?.follow(after);
  }

  #hint(hint: Effects['hint']): void {
    if (hint === 'none') return;
    this.#live.hint();
    if (hint === 'monitors-and-discovery') this.watching.hintDiscovery();
  }
}
