import { PROBE } from '../channels/channels.ts';
import type { ConnectionListener, DriverConnection } from '../connection/port.ts';
import { extraQuestions } from '../floors/evidence.ts';
import type { TopologyDescription } from '../model/topology.ts';
import type { Timer } from '../time/port.ts';
import { LOOK_FOR_PASSWORD_MS, shortestPauseMs } from '../topology/login-pauses.ts';
import { BURST_START_MS, type ProbePlan, planProbe } from '../topology/probe-plan.ts';
import { findNode } from '../topology/topology.ts';
import type { Ask } from './connection.ts';
import type { LongPoll, MonitorSettings, ProberPorts } from './ports.ts';
import { Prober } from './prober.ts';

/** What a monitor needs from the node around it. */
export interface MonitorPorts extends Omit<ProberPorts, 'description' | 'nodes' | 'extraQuestions'> {
  /** The picture as it is now. */
  topology(): TopologyDescription;
  /**
   * When the node last answered a statement of the application with a reply that shows its role; else
   * `undefined`.
   */
  trafficAt(): number | undefined;
  /** Whether calls wait for a node. */
  callsWait(): boolean;
  /** Whether the primary owes an answer, as of {@link NodeMonitor.isLate}. */
  primaryIsLate(): boolean;
  /** Whether there is a password by now that the server has not refused. Never rejects. */
  hasAnotherPassword(): Promise<boolean>;
  /** Called after every round of questions, with the error that ended it; the next round waits for it. */
  probed(error: unknown): Promise<void>;
}

interface ProbeWaiter {
  readonly since: number;
  readonly resolve: () => void;
}

/**
 * Watches one node over a connection of its own, outside the pool's limit, so that it never queues behind
 * user work.
 *
 * It is always in one of three states: `stopped`; `waiting`, with a timer for the next step; or `busy`, with
 * exactly one question in flight (a connection attempt, a probe or a long poll). A hint while waiting brings
 * the next step forward, a hint while busy makes another step follow, both at most every 50 ms, and less often
 * while logins are refused. A refused password is not sent again before its time: such a step only looks for
 * another one.
 */
export class NodeMonitor {
  readonly #node: string;
  readonly #settings: MonitorSettings;
  readonly #ports: MonitorPorts;
  readonly #prober: Prober;
  #state: 'stopped' | 'waiting' | 'busy' = 'stopped';
  #timer: Timer | undefined;
  /** Whether the next step, or the one in progress, was brought forward. */
  #beforeItsTime = false;
  #hinted = false;
  #lastStart = Number.NEGATIVE_INFINITY;
  /** When the last round ended, and the dice of the pause after it. */
  #restedAt = 0;
  #dice = 0;
  /** Whether the pause was planned while calls waited. */
  #isUrgent = false;
  #waiters: ProbeWaiter[] = [];

  constructor(node: string, settings: MonitorSettings, ports: MonitorPorts) {
    this.#node = node;
    this.#settings = settings;
    this.#ports = ports;
    const questions = {
      description: () => findNode(ports.topology(), node),
      nodes: () => ports.topology().nodes.length,
      extraQuestions: () => extraQuestions(node, ports.topology()),
    };
    this.#prober = new Prober(node, settings, { ...ports, ...questions }, () => this.hint());
  }

  /** As {@link Prober.ask}. */
  get ask(): Ask | undefined {
    return this.#prober.ask;
  }

  /** Whether the node has owed an answer for half the time that it may take. */
  get isLate(): boolean {
    return this.#prober.isLate;
  }

  /** As {@link ask}, also while a connection is being opened in the place of one that the pool took over: then it waits for it. */
  get askSoon(): Ask | undefined {
    return this.#prober.first.askSoon(() => this.ask);
  }

  /** Settles when that connection is open, or could not be opened; `undefined` if none is being opened. */
  get reopening(): Promise<void> | undefined {
    return this.#prober.first.reopening;
  }

  /** Begins, after a pause if there is one. Once, before {@link stop}. */
  start(pauseMs = 0): void {
    if (this.#state !== 'stopped') return;
    if (pauseMs > 0) this.#wait(pauseMs);
    else void this.#step();
  }

  /** As {@link Prober.handOver}. */
  handOver(listener: ConnectionListener): DriverConnection | undefined {
    return this.#state === 'stopped' ? undefined : this.#prober.handOver(listener);
  }

  /** Ends everything: no timer, socket or waiting caller is left. */
  stop(): void {
    this.#state = 'stopped';
    this.#timer?.cancel();
    this.#prober.stop();
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
  }

  /** Something happened that makes the node worth a look now. */
  hint(): void {
    if (this.#state === 'busy') this.#hinted = true;
    if (this.#state === 'waiting') this.#bringForward();
  }

  /** A call begins to wait: an attempt to connect that was put off comes sooner, if it may. */
  wanted(): void {
    const isPutOff = this.#state === 'waiting' && !this.#beforeItsTime && !this.#isUrgent;
    if (isPutOff && this.#prober.failing !== undefined) this.#wait(this.#pauseMs());
  }

  /** Resolves when a step that starts from now on has ended, or the monitor stops. */
  probeNow(): Promise<void> {
    if (this.#state === 'stopped') return Promise.resolve();
    const done = new Promise<void>((resolve) => {
      this.#waiters.push({ since: this.#ports.clock.now(), resolve });
    });
    this.hint();
    return done;
  }

  /** The next step comes as soon as the shortest pause between two steps is over. */
  #bringForward(): void {
    this.#beforeItsTime = true;
    const { failing } = this.#prober;
    const pauseMs = failing === undefined ? BURST_START_MS : shortestPauseMs(failing.kind);
    this.#wait(Math.max(0, this.#lastStart + pauseMs - this.#ports.clock.now()));
  }

  #wait(ms: number): void {
    this.#timer?.cancel();
    this.#state = 'waiting';
    this.#timer = this.#ports.clock.schedule(ms, () => void this.#step(), { ref: false });
  }

  async #step(): Promise<void> {
    this.#state = 'busy';
    this.#hinted = false;
    const startedAt = this.#ports.clock.now();
    this.#lastStart = startedAt;
    if (await this.#mayAsk()) await this.#ask();
    if (this.#isStopped()) return;
    this.#settleWaiters(startedAt);
    this.#scheduleNext();
  }

  /** A refused password may be sent again when its pause is over; before, another one may. */
  async #mayAsk(): Promise<boolean> {
    if (this.#prober.failing?.kind !== 'password' || this.#ports.clock.now() >= this.#dueAt()) return true;
    return this.#ports.hasAnotherPassword();
  }

  async #ask(): Promise<void> {
    const longPoll = () => this.#plannedLongPoll();
    // What was brought forward may have been due all the same.
    const beforeItsTime = this.#beforeItsTime && this.#ports.clock.now() < this.#dueAt();
    const isStartOver = this.#ports.topology().writesOpen;
    let failure: unknown;
    try {
      const round = () => this.#prober.run({ beforeItsTime, isStartOver, longPoll });
      if (PROBE.isWatched) await PROBE.trace({ cluster: this.#settings.label, node: this.#node }, round);
      else await round();
    } catch (error) {
      failure = error;
    }
    if (this.#isStopped()) return;
    this.#restedAt = this.#ports.clock.now();
    this.#dice = this.#ports.random.next();
    await this.#ports.probed(failure);
  }

  #isStopped(): boolean {
    return this.#state === 'stopped';
  }

  #settleWaiters(startedAt: number): void {
    const due = this.#waiters.filter((waiter) => waiter.since <= startedAt);
    this.#waiters = this.#waiters.filter((waiter) => waiter.since > startedAt);
    for (const waiter of due) waiter.resolve();
  }

  #scheduleNext(): void {
    if (this.#hinted || this.#waiters.length > 0) {
      this.#bringForward();
      return;
    }
    this.#beforeItsTime = false;
    this.#wait(this.#pauseMs());
  }

  #pauseMs(): number {
    this.#isUrgent = this.#ports.callsWait();
    const looks = this.#isUrgent && this.#prober.failing?.kind === 'password';
    const lookAt = looks ? this.#lastStart + LOOK_FOR_PASSWORD_MS : Number.POSITIVE_INFINITY;
    return Math.max(0, Math.min(this.#dueAt(), lookAt) - this.#ports.clock.now());
  }

  /** When the next round is due. */
  #dueAt(): number {
    const plan = this.#plan(this.#dice);
    return this.#restedAt + (plan.kind === 'probe' ? plan.afterMs : 0);
  }

  /** A caller that waits for a probe does not wait for a long poll. */
  #plannedLongPoll(): LongPoll | undefined {
    const plan = this.#plan(this.#ports.random.next());
    return plan.kind === 'long-poll' && this.#waiters.length === 0 ? plan : undefined;
  }

  #plan(dice: number): ProbePlan {
    const topology = this.#ports.topology();
    const now = this.#ports.clock.now();
    const { isConnected, failing, longPollWorks, maxConnections } = this.#prober;
    const node = findNode(topology, this.#node);
    if (node === undefined) return { kind: 'probe', afterMs: this.#settings.intervalMs };
    return planProbe(node, topology, this.#settings, {
      trafficAt: this.#ports.trafficAt(),
      failures:
        failing === undefined
          ? undefined
          : { ...failing, forMs: now - failing.since, callsWait: this.#ports.callsWait(), maxConnections },
      connected: isConnected,
      longPollWorks,
      primaryIsLate: this.#ports.primaryIsLate(),
      now,
      dice,
    });
  }
}
