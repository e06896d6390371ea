import type { ConnectionListener, DriverConnection, DriverResult } from '../connection/port.ts';
import type { Clock } from '../time/port.ts';
import { Serial } from '../time/serial.ts';
import type { Relay } from './relay.ts';

/** Asks one session of a server; the answer of the last statement. */
export type Ask = (text: string) => Promise<DriverResult>;

/** The monitor's connection to its node. It takes one statement at a time, as every driver does. */
export class MonitorConnection {
  /** Generation of the node that this connection is evidence for. */
  generation: number;
  /** What it is at the driver. */
  readonly driver: DriverConnection;
  /** When it was begun to be opened, by the clock. */
  readonly dialledAt: number;
  readonly #relay: Relay;
  readonly #serial = new Serial();
  readonly #clock: Clock;
  #unanswered = 0;
  #answeredAt = Number.NEGATIVE_INFINITY;
  /**
   * The answer to a statement, once all that was asked before is answered; rejects when the session is gone.
   */
  readonly ask: Ask = (text) => {
    this.#unanswered++;
    return this.#serial
      .run(() => this.driver.simple(text))
      .finally(() => {
        this.#unanswered--;
        this.#answeredAt = this.#clock.now();
      });
  };

  constructor(
    connection: DriverConnection,
    generation: number,
    relay: Relay,
    clock: Clock,
    dialledAt: number,
  ) {
    this.driver = connection;
    this.#clock = clock;
    this.dialledAt = dialledAt;
    this.generation = generation;
    this.#relay = relay;
  }

  /** When the last statement was answered; what was asked behind it was sent only then. */
  get answeredAt(): number {
    return this.#answeredAt;
  }

  /** Gives the connection to another owner, who listens to it from now on; `undefined` while it has something to answer. */
  handOver(listener: ConnectionListener): DriverConnection | undefined {
    if (this.#unanswered > 0 || this.driver.closed) return undefined;
    this.#relay.passTo(listener);
    return this.driver;
  }

  /** Closes the socket when all that was asked is answered, and after `limitMs` milliseconds at the latest. */
  retire(clock: Clock, limitMs: number): void {
    const timer = clock.schedule(limitMs, () => this.destroy(), { ref: false });
    void this.#serial.run(async () => {
      timer.cancel();
      this.destroy();
    });
  }

  /** Closes the socket at once. */
  destroy(): void {
    this.driver.destroy();
  }
}
