import type { Clock, Random, Timer } from '../time/port.ts';
import { LOOK_FOR_PASSWORD_MS, pauseAfterFailure } from '../topology/login-pauses.ts';
import type { LoginGate, LoginRefusal } from './login-gate.ts';

/** What a {@link LoginTest} needs from its node. */
export interface LoginTestPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly gate: LoginGate;
  /** Whether the monitor is connected. If not, its own attempts to connect show whether logins are refused. */
  isWatched(): boolean;
  /** Whether calls wait for a node. */
  callsWait(): boolean;
  /** Whether there is a password by now that was not refused. Never rejects. */
  hasAnotherPassword(): Promise<boolean>;
  /** Connects once and closes that connection; the gate takes note of what came of it. Never rejects. */
  attempt(): Promise<void>;
}

/**
 * Finds out when a node lets the pool in again that has refused it although the monitor's connection, which was opened before, works.
 * One attempt at a time, by the pauses of a refused login; one timer, only while the gate is closed.
 */
export class LoginTest {
  readonly #ports: LoginTestPorts;
  #timer: Timer | undefined;
  /** When the last attempt failed. */
  #failedAt = 0;
  /** When another password was last looked for. */
  #lookedAt = Number.NEGATIVE_INFINITY;
  #dice = 0;
  #isBusy = false;
  #isStopped = false;

  constructor(ports: LoginTestPorts) {
    this.#ports = ports;
  }

  /** The gate has closed or opened, an attempt was refused, or calls begin to wait. */
  review(): void {
    const { clock, gate, isWatched } = this.#ports;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (gate.refusal === undefined || !isWatched() || this.#isBusy || this.#isStopped) return;
    const wakeAt = Math.min(this.#dueAt(gate.refusal), this.#lookAt(gate.refusal));
    this.#timer = clock.schedule(Math.max(0, wakeAt - clock.now()), () => void this.#step(), { ref: false });
  }

  /** A login was refused: the next attempt is a pause away from now. */
  noteRefused(): void {
    this.#failedAt = this.#ports.clock.now();
    this.#dice = this.#ports.random.next();
  }

  /** No timer is left, and no attempt begins any more. */
  stop(): void {
    this.#timer?.cancel();
    this.#isStopped = true;
  }

  /** When the next attempt is due. */
  #dueAt(refusal: LoginRefusal): number {
    const forMs = this.#failedAt - refusal.since;
    const callsWait = this.#ports.callsWait();
    const failures = { ...refusal, forMs, callsWait, maxConnections: undefined, intervalMs: 0 };
    return this.#failedAt + pauseAfterFailure(failures, this.#dice);
  }

  /** When another password may be looked for. */
  #lookAt({ kind }: LoginRefusal): number {
    const looks = kind === 'password' && this.#ports.callsWait();
    return looks ? this.#lookedAt + LOOK_FOR_PASSWORD_MS : Number.POSITIVE_INFINITY;
  }

  async #step(): Promise<void> {
    const { refusal } = this.#ports.gate;
    if (refusal === undefined) return;
    this.#isBusy = true;
    if (this.#ports.clock.now() >= this.#dueAt(refusal) || (await this.#hasAnother())) {
      await this.#ports.attempt().catch(() => undefined);
    }
    this.#isBusy = false;
    this.review();
  }

  #hasAnother(): Promise<boolean> {
    this.#lookedAt = this.#ports.clock.now();
    return this.#ports.hasAnotherPassword();
  }
}
