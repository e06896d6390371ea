import type { ConnectionListener, DriverConnection, DriverResult } from '../connection/port.ts';
import type { ExtraQuestion } from '../floors/evidence.ts';
import { messageOf, PgHerdError } from '../model/errors.ts';
import type { Observation } from '../model/observation.ts';
import type { NodeDescription } from '../model/topology.ts';
import { classifyError, connectFailureOf } from '../retry/classify.ts';
import type { Clock, Timer } from '../time/port.ts';
import { onAbort } from '../time/wait.ts';
import { watchdog } from '../time/watchdog.ts';
import type { ProbePlan, ProbeSettings } from '../topology/probe-plan.ts';
import { type Ask, MonitorConnection } from './connection.ts';
import { type DialSettings, dialLimitMs, type LoginTimes, withLogin } from './dial-limit.ts';
import { FailureRow } from './failure-row.ts';
import { longPollText, PROBES, parseFacts, probeText, SOURCE_MISSING } from './probe.ts';

/** What the prober needs from the node around it. */
export interface ProberPorts {
  readonly clock: Clock;
  /** The node as the picture describes it now; `undefined` if it has left. */
  description(): NodeDescription | undefined;
  /** What the next probe asks besides. */
  extraQuestions(): readonly ExtraQuestion[];
  /** Takes in a piece of evidence. */
  observe(observation: Observation): void;
  /** Opens a connection for the monitor itself, outside the pool. */
  connect(listener: ConnectionListener, signal: AbortSignal): Promise<DriverConnection>;
  /**
   * A question stayed unanswered, and a probe on a new connection was answered: the node is alive, but other connections may be lost
   * as that of the question was.
   */
  renewed(): void;
  /** ParameterStatus on the monitor's connection. */
  parameter(generation: number, name: string, value: string): void;
}

/** Settings of a monitor: its rhythm and its limits. */
export interface MonitorSettings extends ProbeSettings, DialSettings {}

/** A long poll that was planned. */
export type LongPoll = Extract<ProbePlan, { kind: 'long-poll' }>;

/** One round of questions. */
export interface Round {
  /** Whether the round was brought forward. */
  readonly beforeItsTime: boolean;
  /** The long poll that precedes the probe; asked for once there is a connection. */
  longPoll(): LongPoll | undefined;
}

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
  #connection: MonitorConnection | undefined;
  #beforeItsTime = false;
  #probeLevel = 0;
  /** Whether the server lacks or forbids what was asked besides. */
  #refusesExtras = false;
  #longPollWorks = true;
  #loginTimes: LoginTimes = [];
  /** Whether a connection was given up because of its silence, and no other one has answered yet. */
  #wasSilent = false;

  /** `hint` is called when another round is needed soon. */
  constructor(node: string, settings: MonitorSettings, ports: ProberPorts, hint: () => void) {
    this.#node = node;
    this.#settings = settings;
    this.#ports = ports;
    this.#hint = hint;
  }

  /**
   * Asks over the connection, between the questions of the rounds, while there is one. What a function of
   * this kind answers is always from the same session of the server.
   */
  get ask(): Ask | undefined {
    return this.#connection?.ask;
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** Attempts to connect that failed in a row. */
  get failures(): number {
    return this.#failures.count;
  }

  /** `false` once the server turned out to be unable to run the long poll. */
  get longPollWorks(): boolean {
    return this.#longPollWorks;
  }

  /**
   * Connects if need be, polls if planned, and probes; rejects with what went wrong, which is reported
   * already.
   */
  async run({ beforeItsTime, longPoll }: Round): Promise<void> {
    this.#beforeItsTime = beforeItsTime;
    const connection = this.#connection ?? (await this.#connect());
    const poll = longPoll();
    if (poll !== undefined) await this.#longPoll(connection, poll);
    if (this.#connection === connection) await this.#probe(connection);
  }

  /** Ends everything: no timer or socket is left. */
  stop(): void {
    this.#stopped.abort(new PgHerdError('PGHERD_CLOSED', 'the monitor was stopped'));
    this.#drop();
  }

  /** Opens the connection, or reports why there is none. */
  async #connect(): Promise<MonitorConnection> {
    const generation = this.#ports.description()?.generation ?? 0;
    const askedAt = this.#ports.clock.now();
    const wasOk = this.#ports.description()?.health === 'ok';
    // It accepts connections less fast than it has to answer: nobody is to wait for it meanwhile.
    const overdue = wasOk ? this.#missedUnless(generation, askedAt) : undefined;
    try {
      const connection = await this.#open(generation, wasOk, new AbortController());
      this.#adopt(connection);
      return connection;
    } catch (error) {
      this.#connectFailed(error, generation, askedAt);
      throw error;
    } finally {
      overdue?.cancel();
    }
  }

  async #open(generation: number, wasOk: boolean, controller: AbortController): Promise<MonitorConnection> {
    const { signal } = this.#stopped;
    const forget = onAbort(signal, () => controller.abort(signal.reason));
    const { clock } = this.#ports;
    const startedAt = clock.now();
    const limitMs = dialLimitMs(wasOk, this.#loginTimes, this.#settings);
    const expired = (waitedMs: number) => controller.abort(connectTimeout(waitedMs));
    const timer = watchdog(clock, limitMs, expired, { ref: false });
    let opened: MonitorConnection | undefined;
    const listener: ConnectionListener = {
      parameter: (name, value) => this.#ports.parameter(opened?.generation ?? generation, name, value),
      message: () => undefined,
      closed: () => this.#onClosed(opened),
    };
    try {
      const connection = await this.#ports.connect(listener, controller.signal);
      // Its end may have come with the same bytes that opened it, before the listener could be called.
      if (connection.closed) throw new PgHerdError('PGHERD_CONNECTION_LOST', 'closed as soon as it was open');
      connection.setRef(false);
      if (signal.aborted) connection.destroy();
      this.#loginTimes = withLogin(this.#loginTimes, clock.now() - startedAt);
      opened = new MonitorConnection(connection, generation);
      return opened;
    } finally {
      timer.cancel();
      forget();
    }
  }

  /** Reports the node silent when a probe would have timed out, unless cancelled before. */
  #missedUnless(generation: number, askedAt: number): Timer {
    const { clock } = this.#ports;
    return watchdog(clock, this.#settings.timeoutMs, () => this.#missed(generation, askedAt), { ref: false });
  }

  #connectFailed(error: unknown, generation: number, askedAt: number): void {
    const failure = connectFailureOf(error);
    this.#failures.add(failure, this.#beforeItsTime);
    if (this.#stopped.signal.aborted) return;
    this.#ports.observe({
      kind: 'connect-failed',
      node: this.#node,
      at: this.#ports.clock.now(),
      askedAt,
      generation,
      failure,
      reason: messageOf(error),
      serverVersion: serverVersionIn(error),
    });
  }

  #onClosed(connection: MonitorConnection | undefined): void {
    if (connection === undefined || this.#connection !== connection) return;
    this.#connection = undefined;
    this.#hint();
  }

  #adopt(connection: MonitorConnection): void {
    this.#drop();
    this.#connection = connection;
    this.#failures.end();
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
    const extras = this.#refusesExtras ? [] : this.#ports.extraQuestions();
    const text = probeText(this.#probeLevel, extras);
    const askedAt = this.#ports.clock.now();
    let result: DriverResult;
    try {
      result = await this.#answered(connection, text, this.#settings.timeoutMs);
    } catch (error) {
      const { severity, sqlState } = classifyError(error);
      const sourceMissing = sqlState !== undefined && SOURCE_MISSING.has(sqlState);
      if (sourceMissing && extras.length > 0) {
        this.#refusesExtras = true;
        return this.#probe(connection);
      }
      if (sourceMissing && this.#probeLevel < PROBES.length - 1) {
        this.#probeLevel++;
        return this.#probe(connection);
      }
      if (severity === 'ERROR') this.#failed(connection, askedAt);
      throw error;
    }
    const facts = parseFacts(result.rows[0]);
    if (facts === undefined) {
      this.#failed(connection, askedAt);
      throw new PgHerdError('PGHERD_UNSUPPORTED', 'the server did not return its role');
    }
    const { generation } = connection;
    const at = this.#ports.clock.now();
    this.#ports.observe({ kind: 'probe-answered', node: this.#node, at, generation, askedAt, facts });
    // What was just believed is of the node's present life, so this connection is evidence for it.
    connection.generation = this.#ports.description()?.generation ?? generation;
    if (!this.#wasSilent) return;
    this.#wasSilent = false;
    this.#ports.renewed();
  }

  #failed({ generation }: MonitorConnection, askedAt: number): void {
    this.#ports.observe({
      kind: 'probe-failed',
      node: this.#node,
      at: this.#ports.clock.now(),
      generation,
      askedAt,
    });
  }

  #missed(generation: number, askedAt: number): void {
    this.#ports.observe({
      kind: 'probe-missed',
      node: this.#node,
      at: this.#ports.clock.now(),
      generation,
      askedAt,
    });
  }

  /**
   * The answer to `text`. If none comes in time the node is reported silent and a second proof is sought: the
   * late answer or a new connection, the first of both, clears it; a new connection that fails makes it
   * offline.
   */
  async #answered(connection: MonitorConnection, text: string, timeoutMs: number): Promise<DriverResult> {
    const askedAt = this.#ports.clock.now();
    const answer = connection.ask(text);
    const late = new Promise<'late'>((resolve) => {
      const expired = () => {
        this.#missed(connection.generation, askedAt);
        resolve('late');
      };
      const timer = watchdog(this.#ports.clock, timeoutMs, expired, { ref: false });
      answer.then(
        () => timer.cancel(),
        () => timer.cancel(),
      );
    });
    const first = await Promise.race([answer, late]);
    return first === 'late' ? this.#secondProof(connection, answer) : first;
  }

  async #secondProof(connection: MonitorConnection, answer: Promise<DriverResult>): Promise<DriverResult> {
    const controller = new AbortController();
    const askedAt = this.#ports.clock.now();
    // It is evidence for the node's present life, which may have begun with this silence.
    const generation = this.#ports.description()?.generation ?? connection.generation;
    const fresh: Promise<Proof> = this.#open(generation, true, controller).then(
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
        void fresh.then((rival) => rival.kind === 'fresh' && rival.opened.destroy());
        return proof.result;
      case 'fresh':
        this.#wasSilent = true;
        this.#adopt(proof.opened);
        this.#hint();
        throw new PgHerdError(
          'PGHERD_TIMEOUT',
          'the probe was not answered in time; a new connection was opened',
        );
      case 'failed':
        this.#wasSilent = true;
        this.#drop();
        this.#connectFailed(proof.error, connection.generation, askedAt);
        throw proof.error;
      default:
        return proof satisfies never;
    }
  }
}

type Proof =
  | { readonly kind: 'answered'; readonly result: DriverResult }
  | { readonly kind: 'fresh'; readonly opened: MonitorConnection }
  | { readonly kind: 'failed'; readonly error: unknown };

function connectTimeout(waitedMs: number): PgHerdError {
  return new PgHerdError('PGHERD_CONNECT_TIMEOUT', `no connection within ${Math.round(waitedMs)} ms`);
}

/** A server that is too old says so before it accepts the connection. */
function serverVersionIn(error: unknown): number | undefined {
  const version = error instanceof PgHerdError ? error.details['serverVersion'] : undefined;
  return typeof version === 'number' ? version : undefined;
}
