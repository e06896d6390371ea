import type { ConnectionListener, DriverConnection, DriverResult } from '../connection/port.ts';
import { messageOf, PgHerdError } from '../model/errors.ts';
import type { Observation } from '../model/observation.ts';
import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import { classifyError, connectFailureOf } from '../retry/classify.ts';
import type { Clock, Random, Timer } from '../time/port.ts';
import { watchdog } from '../time/watchdog.ts';
import { BURST_START_MS, type ProbePlan, type ProbeSettings, planProbe } from '../topology/probe-plan.ts';
import { findNode } from '../topology/topology.ts';
import { connectTimeout } from './connect-timeout.ts';
import { FailureRow } from './failure-row.ts';
import { type Ask, asked, type Link, linkOver } from './link.ts';
import { longPollText, PROBES, parseFacts, SOURCE_MISSING } from './probe.ts';

/** What a monitor needs from the cluster around it. */
export interface MonitorPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** The picture as it is now. */
  topology(): TopologyDescription;
  /** When the node last answered a statement of the application with a reply that shows its role; else `undefined`. */
  trafficAt(): number | undefined;
  /** Takes in a piece of evidence. */
  observe(observation: Observation): void;
  /** Opens a connection for the monitor itself, outside the pool. */
  connect(node: string, listener: ConnectionListener, signal: AbortSignal): Promise<DriverConnection>;
  /** ParameterStatus on the monitor's connection. */
  parameter(node: string, generation: number, name: string, value: string): void;
  /** Told about every probe that ended. */
  probed(node: string, durationMs: number, error: unknown): void;
}

interface ProbeWaiter {
  readonly since: number;
  readonly resolve: () => void;
}

/**
 * Watches one node over a connection of its own, outside the pool's limit, so that it never queues behind user work.
 *
 * It is always in one of three states: `stopped`; `waiting`, with a timer for the next step; or `busy`, with exactly one
 * question in flight (a connection attempt, a probe or a long poll). A hint while waiting brings the next step forward,
 * a hint while busy makes another step follow, both at most every 50 ms.
 */
export class NodeMonitor {
  readonly #node: string;
  readonly #settings: ProbeSettings;
  readonly #ports: MonitorPorts;
  #state: 'stopped' | 'waiting' | 'busy' = 'stopped';
  #timer: Timer | undefined;
  #link: Link | undefined;
  #abort = new AbortController();
  readonly #failures = new FailureRow();
  /** Whether the next step, or the one in progress, was brought forward. */
  #beforeItsTime = false;
  #probeLevel = 0;
  #longPollWorks = true;
  #hinted = false;
  #lastStart = Number.NEGATIVE_INFINITY;
  #waiters: ProbeWaiter[] = [];

  constructor(node: string, settings: ProbeSettings, ports: MonitorPorts) {
    this.#node = node;
    this.#settings = settings;
    this.#ports = ports;
  }

  /**
   * Asks over its connection, between its own questions, while there is one. What a function of this kind answers is always
   * from the same session of the server: once that is gone it rejects.
   */
  get ask(): Ask | undefined {
    const link = this.#link;
    return link === undefined ? undefined : (text) => asked(link, text);
  }

  /** Begins, after a pause. */
  start(pauseMs = 0): void {
    if (this.#state !== 'stopped') return;
    this.#abort = new AbortController();
    this.#wait(pauseMs);
  }

  /** Ends for good: no timer, socket or waiter is left. */
  stop(): void {
    this.#state = 'stopped';
    this.#timer?.cancel();
    this.#abort.abort(new PgHerdError('PGHERD_CLOSED', 'the monitor was stopped'));
    this.#dropLink();
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
    let failure: unknown;
    try {
      await this.#ask();
    } catch (error) {
      failure = error;
    }
    if (this.#isStopped()) return;
    this.#ports.probed(this.#node, this.#ports.clock.now() - startedAt, failure);
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

  #plan() {
    const topology = this.#ports.topology();
    const node = findNode(topology, this.#node);
    if (node === undefined) return { kind: 'probe', afterMs: this.#settings.intervalMs } as const;
    return planProbe(node, topology, this.#settings, {
      trafficAt: this.#ports.trafficAt(),
      failures: this.#failures.count,
      connected: this.#link !== undefined,
      longPollWorks: this.#longPollWorks,
      now: this.#ports.clock.now(),
      dice: this.#ports.random.next(),
    });
  }

  async #ask(): Promise<void> {
    const link = this.#link ?? (await this.#connect());
    const plan = this.#plan();
    const waitsForPromotion = plan.kind === 'long-poll' && this.#waiters.length === 0;
    if (waitsForPromotion) await this.#longPoll(link, plan);
    if (this.#link === link) await this.#probe(link);
  }

  /** Opens the monitor's connection, or tells why it could not be had. */
  async #connect(): Promise<Link> {
    const generation = this.#description()?.generation ?? 0;
    const askedAt = this.#ports.clock.now();
    try {
      const link = await this.#openLink(generation, new AbortController());
      this.#adopt(link);
      return link;
    } catch (error) {
      this.#connectFailed(error, generation, askedAt);
      throw error;
    }
  }

  async #openLink(generation: number, controller: AbortController): Promise<Link> {
    const stop = () => controller.abort(this.#abort.signal.reason);
    this.#abort.signal.addEventListener('abort', stop, { once: true });
    const { clock } = this.#ports;
    const { timeoutMs } = this.#settings;
    const timer = watchdog(clock, timeoutMs, (waitedMs) => controller.abort(connectTimeout(waitedMs)), {
      ref: false,
    });
    let link: Link | undefined;
    const listener: ConnectionListener = {
      parameter: (name, value) =>
        this.#ports.parameter(this.#node, link?.generation ?? generation, name, value),
      message: () => undefined,
      closed: (error) => this.#onClosed(link, error),
    };
    try {
      const connection = await this.#ports.connect(this.#node, listener, controller.signal);
      // Its end may have come with the very bytes that opened it, when nobody could be told yet.
      if (connection.closed) throw new PgHerdError('PGHERD_CONNECTION_LOST', 'closed as soon as it was open');
      connection.setRef(false);
      if (this.#isStopped()) connection.destroy();
      link = linkOver(connection, generation);
      return link;
    } finally {
      timer.cancel();
      this.#abort.signal.removeEventListener('abort', stop);
    }
  }

  #connectFailed(error: unknown, generation: number, askedAt: number): void {
    const failure = connectFailureOf(error);
    this.#failures.add(failure, this.#beforeItsTime);
    if (this.#isStopped()) return;
    const serverVersion =
      error instanceof PgHerdError && typeof error.details['serverVersion'] === 'number'
        ? error.details['serverVersion']
        : undefined;
    this.#ports.observe({
      kind: 'connect-failed',
      node: this.#node,
      at: this.#ports.clock.now(),
      askedAt,
      generation,
      failure,
      reason: messageOf(error),
      serverVersion,
    });
  }

  #onClosed(link: Link | undefined, error: unknown): void {
    if (link === undefined || this.#link !== link) return;
    this.#link = undefined;
    this.#ports.observe({
      kind: 'monitor-lost',
      node: this.#node,
      at: this.#ports.clock.now(),
      generation: link.generation,
      reason: messageOf(error),
    });
    this.hint();
  }

  #dropLink(): void {
    const link = this.#link;
    this.#link = undefined;
    link?.connection.destroy();
  }

  #description(): NodeDescription | undefined {
    return findNode(this.#ports.topology(), this.#node);
  }

  async #longPoll(link: Link, { boundMs, stepMs }: LongPoll): Promise<void> {
    try {
      await this.#answered(link, longPollText(boundMs, stepMs), boundMs + this.#settings.timeoutMs);
    } catch (error) {
      if (classifyError(error).severity === undefined) throw error;
      // The server has no PL/pgSQL or does not let us use it: the burst of probes does without.
      this.#longPollWorks = false;
    }
  }

  async #probe(link: Link): Promise<void> {
    const text = PROBES[this.#probeLevel] ?? '';
    const askedAt = this.#ports.clock.now();
    let result: DriverResult;
    try {
      result = await this.#answered(link, text, this.#settings.timeoutMs);
    } catch (error) {
      const { severity, sqlState } = classifyError(error);
      const sourceMissing = sqlState !== undefined && SOURCE_MISSING.has(sqlState);
      if (sourceMissing && this.#probeLevel < PROBES.length - 1) {
        this.#probeLevel++;
        return this.#probe(link);
      }
      if (severity === 'ERROR') this.#answeredNothing(link, askedAt, messageOf(error));
      throw error;
    }
    const facts = parseFacts(result.rows[0]);
    if (facts === undefined) {
      const reason = 'the server did not tell its role';
      this.#answeredNothing(link, askedAt, reason);
      throw new PgHerdError('PGHERD_UNSUPPORTED', reason);
    }
    const { node, at } = { node: this.#node, at: this.#ports.clock.now() };
    this.#ports.observe({ kind: 'probe-answered', node, at, generation: link.generation, askedAt, facts });
    // What was just believed is of the node's present life, so this connection speaks for it.
    link.generation = this.#description()?.generation ?? link.generation;
  }

  /** The server lives, but its answer told nothing: what is known of it ages. */
  #answeredNothing(link: Link, askedAt: number, reason: string): void {
    const { node, at } = { node: this.#node, at: this.#ports.clock.now() };
    const { generation } = link;
    this.#ports.observe({ kind: 'probe-failed', node, at, generation, askedAt, reason });
  }

  /**
   * The answer to `text`. When none comes in time the node is reported silent and asked for a second proof: whichever
   * is first, the late answer or a fresh connection, clears it; a fresh connection that fails condemns it.
   */
  async #answered(link: Link, text: string, timeoutMs: number): Promise<DriverResult> {
    const askedAt = this.#ports.clock.now();
    const answer = asked(link, text);
    const late = new Promise<'late'>((resolve) => {
      const expired = (waitedMs: number) => {
        const { node, at } = { node: this.#node, at: this.#ports.clock.now() };
        this.#ports.observe({
          kind: 'probe-missed',
          node,
          at,
          generation: link.generation,
          askedAt,
          waitedMs,
        });
        resolve('late');
      };
      const timer = watchdog(this.#ports.clock, timeoutMs, expired, { ref: false });
      answer.then(
        () => timer.cancel(),
        () => timer.cancel(),
      );
    });
    const first = await Promise.race([answer, late]);
    if (first !== 'late') return first;
    return this.#secondProof(link, answer);
  }

  async #secondProof(link: Link, answer: Promise<DriverResult>): Promise<DriverResult> {
    const controller = new AbortController();
    const askedAt = this.#ports.clock.now();
    // It speaks for the node's present life, which may have begun with this very silence.
    const generation = this.#description()?.generation ?? link.generation;
    const fresh: Promise<Proof> = this.#openLink(generation, controller).then(
      (opened) => ({ kind: 'fresh', opened }) as const,
      (error: unknown) => ({ kind: 'failed', error }) as const,
    );
    const answered: Promise<Proof> = answer.then(
      (result) => ({ kind: 'answered', result }) as const,
      () => fresh,
    );
    const proof = await Promise.race([answered, fresh]);
    switch (proof.kind) {
      case 'answered':
        controller.abort(new PgHerdError('PGHERD_ABORTED', 'the late answer came first'));
        void fresh.then((rival) => rival.kind === 'fresh' && rival.opened.connection.destroy());
        return proof.result;
      case 'fresh':
        this.#adopt(proof.opened);
        this.#hinted = true;
        throw new PgHerdError(
          'PGHERD_TIMEOUT',
          'the probe was not answered in time; a fresh connection was made',
        );
      case 'failed':
        this.#dropLink();
        this.#connectFailed(proof.error, link.generation, askedAt);
        throw proof.error;
      default:
        return proof satisfies never;
    }
  }

  #adopt(link: Link): void {
    this.#dropLink();
    this.#link = link;
    this.#failures.end();
  }
}

type LongPoll = Extract<ProbePlan, { kind: 'long-poll' }>;

type Proof =
  | { readonly kind: 'answered'; readonly result: DriverResult }
  | { readonly kind: 'fresh'; readonly opened: Link }
  | { readonly kind: 'failed'; readonly error: unknown };
