import type { DriverConnection } from '../connection/port.ts';

interface MonitorConnection {
  readonly connection: DriverConnection;
  /** IP address of the other side; empty if the driver does not know it. */
  readonly address: string;
}

/**
 * The monitor's open connections to one node, in the order in which they were opened. The pool connects to
 * the address of the newest: a name may lead to another server by now.
 */
export class MonitorConnections {
  #all: MonitorConnection[] = [];
  #lastAddress: string | undefined;

  /** Address of the newest; `undefined` if none is open or its address is not known. */
  get address(): string | undefined {
    return this.#open().at(-1)?.address || undefined;
  }

  /** Adds one. Returns the address of the one before if that was another. */
  add(connection: DriverConnection): { readonly before: string; readonly now: string } | undefined {
    const now = connection.remoteAddress ?? '';
    this.#all = [...this.#open(), { connection, address: now }];
    const before = this.#lastAddress;
    this.#lastAddress = now;
    return before === undefined || before === now ? undefined : { before, now };
  }

  destroy(): void {
    for (const { connection } of this.#open()) connection.destroy();
  }

  #open(): MonitorConnection[] {
    this.#all = this.#all.filter(({ connection }) => !connection.closed);
    return this.#all;
  }
}
