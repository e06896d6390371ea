import { accessOn, type Call } from '../call/call.ts';
import type { ConnectionListener, DriverConnection } from '../connection/port.ts';
import { Connector } from '../dial/connector.ts';
import type { Access } from '../model/names.ts';
import type { NodeDescription } from '../model/topology.ts';
import { type MonitorPorts, NodeMonitor } from '../monitor/monitor.ts';
import { Pool } from '../pool/pool.ts';
import type { PoolSettings } from '../pool/settings.ts';
import type { Use } from '../rest/rest.ts';
import type { NodeLoad } from '../routing/policies.ts';
import type { Disposal } from '../topology/disposition.ts';
import { listedName } from '../topology/node.ts';
import { findNode } from '../topology/topology.ts';
import type { Trial } from '../trial/trial.ts';
import { disposeOf } from './dispose.ts';
import { GuestList } from './guest-list.ts';
import type { GuestSession } from './guest-session.ts';
import { InFlight } from './in-flight.ts';
import { loadOf, useOf } from './load.ts';
import { NodeLogins } from './logins.ts';
import { monitorSettings, monitorsOwn } from './monitor-settings.ts';
import type { NodePortsOf } from './node-ports.ts';
import { openGuest } from './open-guest.ts';
import { poolErrors } from './pool-errors.ts';
import { prepareWriter } from './prepare-writer.ts';
import type { Session } from './session.ts';
import { SessionFactory, type SessionFactoryPorts } from './session-factory.ts';
import { type Slots, slotsOf } from './slots.ts';
import type { StandbyWaits } from './standby-waits.ts';
import { standbyWaitsOf } from './standby-waits-of.ts';
import { leftBehindOf, lookInto, type TriedNode, trialOf } from './trial-of.ts';

/** As of {@link NodePortsOf}. */
export type NodePorts = NodePortsOf<LiveNode>;

/** The live side of one node: its pool, its monitor, and what runs there. */
export class LiveNode {
  readonly name: string;
  readonly pool: Pool<Session>;
  /** Another one after a rest. */
  monitor: NodeMonitor;
  readonly inFlight: InFlight;
  /** Whether the node lets us in. */
  readonly logins: NodeLogins;
  /** Foreign clients that speak on connections to the node. */
  readonly guests = new GuestList();
  /** How busy the node is now. It is read for every choice: one object, whose getters compute the values. */
  readonly load: NodeLoad;
  readonly #ports: NodePorts;
  readonly #connector: Connector;
  readonly #trial: Trial<Session>;
  readonly #leftBehind: ReturnType<typeof leftBehindOf>;
  readonly #slots: Slots;
  /** Commits that wait for a synchronous standby. */
  readonly standbyWaits: StandbyWaits;
  readonly #minConnections: number;
  /** When connections were last disposed of because of what became of the node. */
  disposedAt = Number.NEGATIVE_INFINITY;
  /** What ended the last round of the monitor's questions; `undefined` if they were answered. */
  probeError: unknown;
  #isOk = false;
  #last: NodeDescription | undefined;
  #lastPick = 0;
  #answered = 0;
  #failures = 0;

  constructor({ name, address }: Pick<NodeDescription, 'name' | 'address'>, ports: NodePorts) {
    this.name = name;
    this.#ports = ports;
    const { settings } = ports;
    const listed = listedName(address);
    this.#connector = new Connector({
      ...{ name, listed, settings },
      describe: () => this.#describe(),
      outdated: (reason) => this.pool.evict(reason),
      warned: (message) => ports.warned(message),
      loginsChanged: () => this.logins.follow(),
      lookUp: (signal) => ports.lookUp(name, signal),
      reached: (at) => ports.reached(name, at),
    });
    this.logins = new NodeLogins({
      name,
      settings,
      connector: this.#connector,
      isWatched: () => this.monitor.ask !== undefined,
      callsWait: () => this.#callsWait(),
      accepted: () => this.pool.revive(),
      changed: () => ports.loginsChanged(),
    });
    this.monitor = this.#newMonitor();
    this.inFlight = new InFlight(settings.clock, (ms) => lookInto(ms, this.monitor, this.#trial));
    this.load = loadOf(this);
    const pool = settings.nodePools.get(listed) ?? settings.pool;
    this.#minConnections = pool.min;
    const { clock, random } = settings;
    const poolPorts = { clock, random, errors: poolErrors(this.name) };
    this.pool = new Pool(this.#poolSettings(pool), this.#factory(pool), poolPorts);
    this.#trial = trialOf(this.#triedNode());
    this.#leftBehind = leftBehindOf(this.#triedNode());
    this.#slots = slotsOf<LiveNode>(this, ports);
    this.standbyWaits = standbyWaitsOf<LiveNode>(this, ports);
  }

  /** Sequence number of the last choice that fell on this node. */
  get lastPick(): number {
    return this.#lastPick;
  }

  /** The choice of this number fell on this node. */
  notePick(pick: number): void {
    this.#lastPick = pick;
  }

  /** Statements that were answered. */
  get answered(): number {
    return this.#answered;
  }

  noteAnswered(): void {
    this.#answered++;
  }

  /** Statements that failed. */
  get failures(): number {
    return this.#failures;
  }

  noteFailure(): void {
    this.#failures++;
  }

  /** Whether the node is ok in the current picture. */
  get isOk(): boolean {
    return this.#isOk;
  }

  /** Whether the connections of a call may write here. */
  accessFor(call: Call): Access {
    if (call.writesOnPrimary !== true) return call.access;
    return accessOn(findNode(this.#ports.topology(), this.name)?.role, call);
  }

  /** Takes over from the picture whether the node is ok. If it has become ok, the pool opens connections again at once. */
  noteHealth(isOk: boolean): void {
    const revives = isOk && !this.#isOk;
    this.#isOk = isOk;
    if (revives) this.pool.revive();
  }

  /** Where connections to it lead. */
  readonly route = () => this.#connector.route;

  /** A call waits, perhaps for this node: what was put off comes sooner, if it may. */
  wanted(): void {
    if (this.#isOk && !this.logins.areRefused) return;
    this.monitor.wanted();
    this.logins.wanted();
  }

  #callsWait(): boolean {
    return this.#ports.callsWait() || this.pool.waitingCount > 0;
  }

  /** Opens connections: as many as the node keeps open, at least one. */
  async warmUp(): Promise<void> {
    await this.pool.warmUp(Math.max(1, this.#minConnections));
  }

  /** With the hook beforeAcquire every use is validated; whether the server is asked as well depends on the idle time. */
  #poolSettings(pool: PoolSettings): PoolSettings {
    return this.#ports.settings.hooks.beforeAcquire === undefined ? pool : { ...pool, validateAfterMs: 0 };
  }

  /** When the node last answered a statement whose reply would have reported a change of its role. */
  get trafficAt(): number | undefined {
    return this.#connector.behindPooler ? undefined : this.inFlight.answeredAt;
  }

  /** As of `./prepare-writer.ts`. */
  prepareWriter(): Promise<void> {
    return prepareWriter({
      pool: this.pool,
      settings: this.#ports.settings,
      describe: () => this.#describe(),
    });
  }

  /** Carries out what was decided about the connections. */
  dispose(disposal: Disposal): void {
    const { disposition, reason } = disposal;
    if (disposition === 'keep') return;
    this.guests.dispose(disposition, reason);
    this.disposedAt = this.#ports.settings.clock.now();
    disposeOf(this.pool, disposal);
  }

  /** Opens a connection for notifications, outside the pool. */
  async connectListener(listener: ConnectionListener, signal: AbortSignal): Promise<DriverConnection> {
    this.#connector.assertLetsIn();
    return this.#connector.connect('read-write', listener, signal);
  }

  /** Opens a session for a guest, outside the pool. Errors as of `./open-guest.ts`. */
  openGuest(access: Access, own: ReadonlyMap<string, string>, signal: AbortSignal): Promise<GuestSession> {
    return openGuest(this.#sessionPorts(), access, own, signal);
  }

  /** Ends all connections in order; resolves when the last one has come back and is closed. */
  async close(reason: string): Promise<void> {
    await Promise.all([this.pool.close(), this.guests.leave(reason)]);
  }

  /** Destroys all connections. */
  terminate(reason: string): void {
    this.guests.bury(reason);
    this.pool.terminate();
  }

  /** What the node was used for so far, and whether it is used now. */
  get use(): Use {
    return useOf(this, this.#slots.loans);
  }

  /** The cluster rests: no connection and no timer is left. The node begins again when its monitor is started. */
  rest(reason: string): void {
    this.monitor.stop();
    this.monitor = this.#newMonitor();
    this.#isOk = false;
    this.probeError = undefined;
    this.logins.wanted();
    this.pool.evict(reason);
  }

  stop(): void {
    this.monitor.stop();
    this.inFlight.stop();
    for (const one of [this.#trial, this.#leftBehind]) one.stop();
    this.logins.stop();
  }

  /**
   * The connections of the pool may be lost, as another one was whose successor was dialled at `dialledAt`: idle ones are closed, those
   * that were dialled before are dialled anew, those in use are on trial.
   */
  #doubt(dialledAt: number): void {
    this.pool.renew('another connection was lost without a word', dialledAt);
    this.#trial.begin();
  }

  #newMonitor(): NodeMonitor {
    const settings = monitorSettings(this.#ports.settings, this.#connector);
    return new NodeMonitor(this.name, settings, this.#monitorPorts());
  }

  #factory(pool: PoolSettings): SessionFactory {
    return new SessionFactory(this.#sessionPorts(), pool);
  }

  #sessionPorts(): SessionFactoryPorts {
    const ports = this.#ports;
    const { name } = this;
    return {
      node: name,
      settings: ports.settings,
      connector: this.#connector,
      describe: () => this.#describe(),
      parameter: (generation, parameter, value) => ports.parameter(this, generation, parameter, value),
      hint: () => this.monitor.hint(),
      silent: () => this.#trial.begin(),
      leftBehind: (session) => this.#leftBehind.note(session),
      opened: (durationMs) => ports.opened(name, durationMs),
      failed: (error) => {
        this.#slots.refused(error);
        ports.failed(name, error);
      },
      closed: (reason) => ports.closed(name, reason),
      showed: (generation, startedAt) => {
        const at = ports.settings.clock.now();
        ports.observe(this, { kind: 'start-shown', node: name, at, generation, startedAt });
      },
      discard: (session, reason) => this.pool.destroyWhere((one) => one === session, reason),
      takeOver: (listener) => this.monitor.handOver(listener),
      lost: (session) => this.pool.forget(session),
      noticed: (message) => ports.noticed(name, message),
      warned: (message) => ports.warned(message),
    };
  }

  #monitorPorts(): MonitorPorts {
    const { settings } = this.#ports;
    return {
      clock: settings.clock,
      random: settings.random,
      topology: () => this.#ports.topology(),
      trafficAt: () => this.trafficAt,
      callsWait: () => this.#ports.callsWait(),
      primaryIsLate: () => this.#ports.primaryIsLate(),
      late: () => this.#ports.late(this.name),
      loginsAreRefused: () => this.logins.areRefused,
      hasAnotherPassword: () => this.logins.hasAnotherPassword(),
      observe: (observation) => this.#ports.observe(this, observation),
      connect: (listener, signal, way) => this.#connectMonitor(listener, signal, way),
      mayHandOver: () => settings.hooks.beforeConnect === undefined && !this.#connector.behindPooler,
      ownSettings: () => monitorsOwn(settings, this.name),
      parameter: (generation, name, value) => this.#ports.parameter(this, generation, name, value),
      renewed: (dialledAt) => this.#doubt(dialledAt),
      isOutdatedBy: (connection, facts) => this.#connector.served(connection, facts) === 'outdated',
      probed: async (error) => {
        this.probeError = error;
        await this.#slots.probed(error);
        await this.standbyWaits.probed(error);
      },
      answersOnLoan: (error) => this.#slots.answersOnLoan(error),
    };
  }

  /** The cause of a failure is known before the picture shows it, which wakes the calls that report it. */
  async #connectMonitor(...dial: Parameters<Connector['connectMonitor']>): Promise<DriverConnection> {
    try {
      return await this.#connector.connectMonitor(...dial);
    } catch (error) {
      this.probeError = error;
      throw error;
    }
  }

  #triedNode(): TriedNode {
    const { name, pool } = this;
    const { condemned, settings, topology, warned } = this.#ports;
    const connector = this.#connector;
    const monitor = () => this.monitor;
    return {
      name,
      pool,
      settings,
      get ask() {
        return monitor().ask;
      },
      namesBackends: () => connector.namesBackends,
      describe: () => findNode(topology(), name),
      condemned,
      warned,
    };
  }

  /** The node in the current picture; once it has left, as it was described last: answers may still be on their way. */
  #describe(): NodeDescription {
    const node = findNode(this.#ports.topology(), this.name) ?? this.#last;
    if (node === undefined) throw new Error(`no node is called ${this.name}`);
    this.#last = node;
    return node;
  }
}
