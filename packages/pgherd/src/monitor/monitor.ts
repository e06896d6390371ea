import { extraQuestions } from '../floors/evidence.ts';
import type { TopologyDescription } from '../model/topology.ts';
import type { Timer } from '../time/port.ts';
import { BURST_START_MS, type ProbePlan, planProbe } from '../topology/probe-plan.ts';
import { findNode } from '../topology/topology.ts';
import type { Ask } from './connection.ts';
import { type LongPoll, type MonitorSettings, Prober, type ProberPorts } from './prober.ts';

/** What a monitor needs from the node around it. */
export interface MonitorPorts extends Omit<ProberPorts, 'description' | 'nodes' | 'extraQuestions'> {
  /** The picture as it is now. */
  topology(): TopologyDescription;
  /**
   * When the node last answered a statement of the application with a reply that shows its role; else
   * `undefined`.
   */
  trafficAt(): number | undefined;
  /** Called after every round of questions, with the error that ended it. */
  probed(error: unknown): void;
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
 * the next step forward, a hint while busy makes another step follow, both at most every 50 ms.
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

  /** Begins, after a pause. Once, before {@link stop}. */
  start(pauseMs = 0): void {
    if (this.#state === 'stopped') this.#wait(pauseMs);
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
    this.#wait(Math.max(0, this.#lastStart + BURST_START_MS - this.#ports.clock.now()));
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
    const longPoll = () => this.#plannedLongPoll();
    let failure: unknown;
    try {
      await this.#prober.run({ beforeItsTime: this.#beforeItsTime, longPoll });
    } catch (error) {
      failure = error;
    }
    if (this.#isStopped()) return;
    this.#ports.probed(failure);
    this.#settleWaiters(startedAt);
    this.#scheduleNext();
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
    const plan = this.#plan();
    this.#wait(plan.kind === 'probe' ? plan.afterMs : 0);
  }

  /** A caller that waits for a probe does not wait for a long poll. */
  #plannedLongPoll(): LongPoll | undefined {
    const plan = this.#plan();
    return plan.kind === 'long-poll' && this.#waiters.length === 0 ? plan : undefined;
  }

  #plan(): ProbePlan {
    const topology = this.#ports.topology();
    const node = findNode(topology, this.#node);
    if (node === undefined) return { kind: 'probe', afterMs: this.#settings.intervalMs };
    return planProbe(node, topology, this.#settings, {
      trafficAt: this.#ports.trafficAt(),
      failures: this.#prober.failures,
      connected: this.#prober.isConnected,
      longPollWorks: this.#prober.longPollWorks,
      now: this.#ports.clock.now(),
      dice: this.#ports.random.next(),
    });
  }
}
