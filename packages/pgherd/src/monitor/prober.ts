import type { ConnectionListener, DriverConnection, DriverResult } from '../connection/port.ts';
import { PgHerdError } from '../model/errors.ts';
import type { ProbeFacts } from '../model/observation.ts';
import { classifyError, connectFailureOf } from '../retry/classify.ts';
import type { Timer } from '../time/port.ts';
import { onAbort } from '../time/wait.ts';
import { watchdog } from '../time/watchdog.ts';
import { type Ask, MonitorConnection } from './connection.ts';
import { dialLimitMs, type LoginTimes, withLogin } from './dial-limit.ts';
import { type Failing, FailureRow } from './failure-row.ts';
import { FirstConnection } from './first-connection.ts';
import { lateAnswer } from './owed-answer.ts';
import type { LongPoll, MonitorSettings, ProberPorts, Round } from './ports.ts';
import { longPollText } from './probe.ts';
import { Questions } from './questions.ts';
import { Redial } from './redial.ts';
import { Relay } from './relay.ts';
import { connectTimeout, Reports, replaced } from './reports.ts';
import { secondProof } from './second-proof.ts';

/**
 * Asks one node over a connection of its own and reports answers and failures as observations.
 *
 * It opens the connection when a round of questions needs one, keeps it, and replaces it when a question
 * stays unanswered.
 */
export class Prober {
  readonly #node: string;
  readonly #settings: MonitorSettings;
  readonly #ports: ProberPorts;
  readonly #hint: () => void;
  readonly #stopped = new AbortController();
  readonly #failures = new FailureRow();
  readonly #reports: Reports;
  /** What becomes of the first connection. */
  readonly first = new FirstConnection();
  readonly #redial: Redial;
  #connection: MonitorConnection | undefined;
  #beforeItsTime = false;
  readonly #questions: Questions;
  #longPollWorks = true;
  #loginTimes: LoginTimes = [];
  /** Whether a connection was given up because of its silence, and no other one has answered yet. */
  #wasSilent = false;
  #isLate = false;

  /** `hint` is called when another round is needed soon. */
  constructor(node: string, settings: MonitorSettings, ports: ProberPorts, hint: () => void) {
    this.#node = node;
    this.#settings = settings;
    this.#ports = ports;
    this.#hint = hint;
    this.#reports = new Reports(node, ports);
    this.#questions = new Questions(ports.extraQuestions);
    this.#redial = new Redial({
      ...ports,
      node,
      settings,
      isConnected: () => this.isConnected,
      open: () => this.#open(ports.description()?.generation ?? 0, false, new AbortController(), true),
      facts: ({ ask }) => this.#questions.facts(ask),
      adopt: (connection) => this.#replaceBy(connection),
      failed: (error, askedAt) => this.#redialFailed(error, askedAt),
    });
  }

  /**
   * Asks over the connection, between the questions of the rounds, while there is one. What a function of this kind answers is always from
   * the same session of the server.
   */
  get ask(): Ask | undefined {
    return this.#connection?.ask;
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** Attempts to connect that failed in a row; `undefined` if the last one succeeded. */
  get failing(): Failing | undefined {
    return this.#failures.failing;
  }

  /** Whether the node has owed an answer for half the time that it may take. */
  get isLate(): boolean {
    return this.#isLate;
  }

  /** `max_connections` of the server, as last probed. */
  get maxConnections(): number | undefined {
    return this.#questions.maxConnections;
  }

  /** `false` once the server turned out to be unable to run the long poll. */
  get longPollWorks(): boolean {
    return this.#longPollWorks;
  }

  /** Connects if need be, polls if planned, and probes; rejects with what went wrong, which is reported already. */
  async run({ beforeItsTime, isStartOver, longPoll }: Round): Promise<void> {
    this.#beforeItsTime = beforeItsTime;
    const open = this.#connection;
    if (open !== undefined && isStartOver && this.first.isTakeable(open)) await this.#keepFirst(open);
    await this.first.reopening;
    const connection = this.#connection ?? (await this.#connect());
    if (!this.#ports.loginsAreRefused()) this.#redial.beginIfDue();
    const poll = longPoll();
    if (poll !== undefined) await this.#longPoll(connection, poll);
    if (this.#connection === connection) await this.#probe(connection);
  }

  /** Ends everything: no timer or socket is left. */
  stop(): void {
    this.#stopped.abort(new PgHerdError('PGHERD_CLOSED', 'the monitor was stopped'));
    this.#redial.stop();
    this.#drop();
  }

  /** While the open connection works, and leads where the address does as far as is known, it is no news that none can be added. */
  #redialFailed(error: unknown, askedAt: number): void {
    const node = this.#ports.description();
    if (node?.leadsTo !== undefined) this.#connectFailed(error, node.generation, askedAt);
  }

  /**
   * Gives the first connection to the pool, which listens to it from now on; `undefined` if there is none that fits. The monitor opens
   * another one at once.
   */
  handOver(listener: ConnectionListener): DriverConnection | undefined {
    const connection = this.#connection;
    if (connection === undefined || !this.first.isTakeable(connection)) return undefined;
    if (connection.generation !== this.#ports.description()?.generation) return undefined;
    return this.first.give(connection, listener, async () => {
      this.#connection = undefined;
      // It is reported by itself why there is no other connection; the next round tries again.
      await this.#connect(true).catch(() => undefined);
    });
  }

  /** The pool did not need it: it becomes the monitor's own. */
  async #keepFirst(connection: MonitorConnection): Promise<void> {
    this.first.keep();
    try {
      await this.#answered(connection, this.#ports.ownSettings(), this.#settings.timeoutMs);
    } catch (error) {
      if (classifyError(error).severity !== 'ERROR') throw error;
    }
  }

  /** Opens the connection, or reports why there is none. `isAnother`: the node has just answered on one that the pool took over. */
  async #connect(isAnother = false): Promise<MonitorConnection> {
    this.#redial.noteDial();
    const generation = this.#ports.description()?.generation ?? 0;
    const askedAt = this.#ports.clock.now();
    const wasOk = this.#ports.description()?.health === 'ok';
    const overdue = isAnother ? undefined : this.#overdue(generation, askedAt);
    try {
      const connection = await this.#open(generation, wasOk, new AbortController());
      this.#adopt(connection);
      return connection;
    } catch (error) {
      if (await this.#ports.answersOnLoan(error)) this.#failures.add(error, false, this.#ports.clock.now());
      else this.#connectFailed(error, generation, askedAt);
      throw error;
    } finally {
      overdue?.cancel();
    }
  }

  /** `isRival`: it opens one beside the present connection, and what it reports counts only once it has replaced that one. */
  async #open(
    generation: number,
    wasOk: boolean,
    controller: AbortController,
    isRival = false,
  ): Promise<MonitorConnection> {
    const { signal } = this.#stopped;
    const forget = onAbort(signal, () => controller.abort(signal.reason));
    const { clock } = this.#ports;
    const startedAt = clock.now();
    const limitMs = dialLimitMs(wasOk, this.#loginTimes, this.#settings);
    const expired = (waitedMs: number) => controller.abort(connectTimeout(waitedMs));
    const timer = watchdog(clock, limitMs, expired, { ref: false });
    let opened: MonitorConnection | undefined;
    const relay = new Relay({
      parameter: (name, value) => {
        if (isRival && this.#connection !== undefined && opened !== this.#connection) return;
        this.#ports.parameter(opened?.generation ?? generation, name, value);
      },
      message: () => undefined,
      closed: () => this.#onClosed(opened),
    });
    const way = this.first.nextDial(this.#ports.mayHandOver());
    try {
      const connection = await this.#ports.connect(relay, controller.signal, way);
      // Its end may have come with the same bytes that opened it, before the listener could be called.
      if (connection.closed) throw new PgHerdError('PGHERD_CONNECTION_LOST', 'closed as soon as it was open');
      connection.setRef(false);
      if (signal.aborted) connection.destroy();
      this.#loginTimes = withLogin(this.#loginTimes, clock.now() - startedAt);
      opened = new MonitorConnection(connection, generation, relay, clock, startedAt);
      if (way === 'as-pools') this.first.opened(opened);
      return opened;
    } finally {
      timer.cancel();
      forget();
    }
  }

  /**
   * Reports of an attempt to connect that goes on, unless cancelled before. A node that is ok accepts connections less fast than it has to
   * answer: it is silent when a probe would have timed out, so that no call waits for it meanwhile. Of a silent one it is the second proof
   * after the time that an attempt may take to a node that is ok; its logins may have become slow, so the attempt itself is not given up.
   */
  #overdue(generation: number, askedAt: number): Timer | undefined {
    const node = this.#ports.description();
    const { clock } = this.#ports;
    if (node?.health === 'ok') {
      const missed = () => this.#reports.probeMissed(generation, askedAt);
      return watchdog(clock, this.#settings.timeoutMs, missed, { ref: false });
    }
    if (node?.health !== 'suspect' || node.silentSince === undefined) return undefined;
    const failed = (waitedMs: number) => this.#silent(connectTimeout(waitedMs), generation, askedAt);
    return watchdog(clock, dialLimitMs(true, this.#loginTimes, this.#settings), failed, { ref: false });
  }

  #silent(error: unknown, generation: number, askedAt: number): void {
    this.#wasSilent = true;
    this.#reports.connectFailed(error, 'timeout', generation, askedAt);
  }

  #connectFailed(error: unknown, generation: number, askedAt: number): void {
    const failure = connectFailureOf(error);
    this.#failures.add(error, this.#beforeItsTime, this.#ports.clock.now());
    // As a probe that stays unanswered.
    if (failure === 'timeout') this.#wasSilent = true;
    if (this.#stopped.signal.aborted) return;
    this.#reports.connectFailed(error, failure, generation, askedAt);
  }

  #onClosed(connection: MonitorConnection | undefined): void {
    if (connection === undefined || this.#connection !== connection) return;
    this.#connection = undefined;
    this.#hint();
  }

  #adopt(connection: MonitorConnection): void {
    this.#drop();
    this.#connection = connection;
    this.#questions.startOver();
    this.#failures.end();
  }

  #replaceBy(connection: MonitorConnection): void {
    const before = this.#connection;
    this.#connection = connection;
    this.#failures.end();
    before?.retire(this.#ports.clock, this.#settings.timeoutMs);
  }

  #drop(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.destroy();
  }

  async #longPoll(connection: MonitorConnection, { boundMs, stepMs }: LongPoll): Promise<void> {
    try {
      await this.#answered(connection, longPollText(boundMs, stepMs), boundMs + this.#settings.timeoutMs);
    } catch (error) {
      if (classifyError(error).severity === undefined) throw error;
      // The server lacks PL/pgSQL or forbids it: the burst of probes does not need it.
      this.#longPollWorks = false;
    }
  }

  async #probe(connection: MonitorConnection): Promise<void> {
    let askedAt = this.#ports.clock.now();
    let facts: ProbeFacts;
    try {
      facts = await this.#questions.facts((text) => {
        askedAt = this.#ports.clock.now();
        return this.#answered(connection, text, this.#settings.timeoutMs);
      });
    } catch (error) {
      const isUnsupported = error instanceof PgHerdError && error.code === 'PGHERD_UNSUPPORTED';
      if (isUnsupported || classifyError(error).severity === 'ERROR')
        this.#reports.probeFailed(connection.generation, askedAt);
      throw error;
    }
    const { generation } = connection;
    const at = this.#ports.clock.now();
    this.#ports.observe({ kind: 'probe-answered', node: this.#node, at, generation, askedAt, facts });
    // What was just believed is of the node's present life, so this connection is evidence for it.
    connection.generation = this.#ports.description()?.generation ?? generation;
    if (this.#ports.isOutdatedBy(connection.driver, facts)) this.#renounce(connection);
    if (!this.#wasSilent) return;
    this.#wasSilent = false;
    this.#ports.renewed(connection.dialledAt);
  }

  /** Another one takes its place, which is opened by what is known now. */
  #renounce(connection: MonitorConnection): void {
    if (this.#connection === connection) this.#drop();
    this.#hint();
  }

  /**
   * The answer to `text`. If none comes in time, counted from the answer to the question before it, the node is reported silent and a
   * second proof is sought: the late answer or a new connection, the first of both, clears it; a new connection that fails makes it
   * offline.
   */
  async #answered(connection: MonitorConnection, text: string, timeoutMs: number): Promise<DriverResult> {
    const answer = connection.ask(text);
    const late = lateAnswer(answer, this.#ports.clock, {
      timeoutMs,
      answeredAt: () => connection.answeredAt,
      late: () => this.#noteLate(),
      missed: (since) => {
        if (this.#connection === connection) this.#reports.probeMissed(connection.generation, since);
      },
    });
    const settled = () => {
      this.#isLate = false;
    };
    answer.then(settled, settled);
    const first = await Promise.race([answer, late]);
    if (first !== 'late') return first;
    // It was replaced meanwhile, and its silence proves nothing.
    if (this.#connection !== connection) throw replaced();
    return this.#secondProof(connection, answer);
  }

  #noteLate(): void {
    this.#isLate = true;
    this.#ports.late();
  }

  async #secondProof(connection: MonitorConnection, answer: Promise<DriverResult>): Promise<DriverResult> {
    const askedAt = this.#ports.clock.now();
    // It is evidence for the node's present life, which may have begun with this silence.
    const generation = this.#ports.description()?.generation ?? connection.generation;
    const proof = await secondProof(answer, (controller) => this.#open(generation, true, controller, true));
    switch (proof.kind) {
      case 'answered':
        return proof.result;
      case 'fresh':
        this.#wasSilent = true;
        this.#adopt(proof.opened);
        this.#hint();
        throw replaced();
      case 'failed':
        if (this.#connection !== undefined && this.#connection !== connection) throw replaced();
        this.#wasSilent = true;
        this.#drop();
        this.#connectFailed(proof.error, connection.generation, askedAt);
        throw proof.error;
      default:
        return proof satisfies never;
    }
  }
}
