import type { ConnectionListener, DriverConnection } from '../connection/port.ts';
import { PgHerdError } from '../model/errors.ts';
import type { Ask, MonitorConnection } from './connection.ts';

/**
 * How the monitor dials: `anew`, by the name; `as-pools`: as the pool does, which may take the connection over; `beside`: to the
 * address of the connection that the pool has taken over.
 */
export type MonitorDial = 'anew' | 'as-pools' | 'beside';

/**
 * What becomes of a monitor's first connection. A program's first call waits until a node has said what it is, and then needs a
 * connection to it: it gets the one over which the node has said so, and the monitor opens another one. If no call comes until the
 * start is over, the monitor keeps it.
 */
export class FirstConnection {
  #state: 'to be opened' | 'given away' | 'kept' | MonitorConnection = 'to be opened';
  #reopening: Promise<void> | undefined;

  /** How the next connection is dialled; each answer is for one dial. */
  nextDial(mayBeTaken: boolean): MonitorDial {
    const before = this.#state;
    if (before === 'to be opened' || before === 'given away') this.#state = 'kept';
    if (before === 'to be opened') return mayBeTaken ? 'as-pools' : 'anew';
    return before === 'given away' ? 'beside' : 'anew';
  }

  /** The connection was dialled as the pool's. */
  opened(connection: MonitorConnection): void {
    this.#state = connection;
  }

  /** Whether the pool may still take this connection over. */
  isTakeable(connection: MonitorConnection | undefined): boolean {
    return connection !== undefined && this.#state === connection;
  }

  /** The pool did not need it. */
  keep(): void {
    this.#state = 'kept';
  }

  /** Gives the connection away; `undefined` while it has something to answer. `reopen` opens another one and never rejects. */
  give(
    connection: MonitorConnection,
    listener: ConnectionListener,
    reopen: () => Promise<void>,
  ): DriverConnection | undefined {
    const given = connection.handOver(listener);
    if (given === undefined) return undefined;
    this.#state = 'given away';
    this.#reopening = reopen().finally(() => {
      this.#reopening = undefined;
    });
    return given;
  }

  /** Settles when another connection is open, or could not be opened; `undefined` if none is being opened. */
  get reopening(): Promise<void> | undefined {
    return this.#reopening;
  }

  /** What `ask` returns, once another connection is open. */
  askSoon(ask: () => Ask | undefined): Ask | undefined {
    const reopening = this.#reopening;
    if (reopening === undefined) return ask();
    return async (text) => {
      await reopening;
      const asking = ask();
      if (asking === undefined)
        throw new PgHerdError('PGHERD_CONNECTION_LOST', 'the monitor is not connected');
      return asking(text);
    };
  }
}
