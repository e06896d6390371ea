import { withinConnectTimeout } from '../dial/connect-timeout.ts';
import type { Connector } from '../dial/connector.ts';
import { LoginTest } from '../dial/login-test.ts';
import { messageOf } from '../model/errors.ts';
import { printable } from '../model/foreign.ts';
import type { ClusterSettings } from '../options/settings.ts';

/** What the logins of a node need from it. */
export interface LoginsPorts {
  readonly name: string;
  readonly settings: ClusterSettings;
  readonly connector: Connector;
  /** Whether the monitor is connected. */
  isWatched(): boolean;
  /** Whether calls wait for a node. */
  callsWait(): boolean;
  /** Logins are accepted again. */
  accepted(): void;
  /** They are refused, for another reason or once more, or accepted again. */
  changed(): void;
}

/** Whether a node lets us in, and when that is tried again. */
export class NodeLogins {
  readonly #ports: LoginsPorts;
  readonly #test: LoginTest;
  readonly #stopped = new AbortController();

  constructor(ports: LoginsPorts) {
    this.#ports = ports;
    const { connector, settings } = ports;
    const { clock, random } = settings;
    this.#test = new LoginTest({
      clock,
      random,
      gate: connector.gate,
      isWatched: ports.isWatched,
      callsWait: ports.callsWait,
      hasAnotherPassword: () => this.hasAnotherPassword(),
      attempt: () => this.#inTime((signal) => connector.testLogin(signal)),
    });
  }

  /** Whether logins are refused: then no connection is opened but by the monitor. */
  get areRefused(): boolean {
    return this.#ports.connector.gate.refusal !== undefined;
  }

  /** The error of the last refused login, if waiting for another one is pointless; else `undefined`. */
  get settledRefusal(): unknown {
    const { gate } = this.#ports.connector;
    return gate.isSettled ? gate.refusal?.error : undefined;
  }

  /** That new connections are refused, as a reason for the health; `undefined` if they are not, or if that may pass. */
  get concern(): string | undefined {
    const { settledRefusal: refusal } = this;
    if (refusal === undefined) return undefined;
    return `${this.#ports.name} lets in no new connection: ${printable(messageOf(refusal))}`;
  }

  /** Whether there is a password by now that the server has not refused. Never rejects. */
  hasAnotherPassword(): Promise<boolean> {
    return this.#inTime((signal) => this.#ports.connector.hasAnotherPassword(signal)).catch(() => false);
  }

  /** The gate has changed. */
  follow(): void {
    if (this.areRefused) this.#test.noteRefused();
    else this.#ports.accepted();
    this.#test.review();
    this.#ports.changed();
  }

  /** A call waits: an attempt that was put off comes sooner, if it may. */
  wanted(): void {
    this.#test.review();
  }

  /** No timer or attempt is left. */
  stop(): void {
    this.#test.stop();
    this.#stopped.abort(new Error('the node was stopped'));
  }

  #inTime<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { name, settings } = this.#ports;
    return withinConnectTimeout(name, settings, this.#stopped.signal, work);
  }
}
