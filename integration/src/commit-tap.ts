import { type Driver, type DriverConnection, type DriverResult, wireDriver } from 'pgherd/connection';

/** What a COMMIT goes through. `send` hands it over; `sever` makes the client take the connection for gone, and only the client. */
export interface TappedCommit {
  readonly connection: DriverConnection;
  send(): Promise<DriverResult>;
  sever(): Error;
}

/** Decides what becomes of a COMMIT: its answer, or an error. */
export type CommitFate = (commit: TappedCommit) => Promise<DriverResult>;

/** The wire, on which COMMITs meet the fate that the test has set, where it has set one. */
export class CommitTap {
  readonly driver: Driver;
  /** What becomes of the next COMMIT, once. */
  next: CommitFate | undefined;
  readonly #severed = new Set<DriverConnection>();

  constructor() {
    const inner = wireDriver();
    this.driver = {
      ...inner,
      connect: async (request, listener, signal) => this.#tap(await inner.connect(request, listener, signal)),
    };
  }

  /** Ends the connections that only the client took for gone. */
  close(): void {
    for (const connection of this.#severed) connection.destroy();
  }

  #tap(connection: DriverConnection): DriverConnection {
    const simple = (text: string): Promise<DriverResult> => {
      const fate = text === 'COMMIT' ? this.next : undefined;
      if (fate === undefined) return connection.simple(text);
      this.next = undefined;
      return fate({
        connection,
        send: () => connection.simple(text),
        sever: () => {
          this.#severed.add(connection);
          return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
        },
      });
    };
    return new Proxy(connection, {
      get: (target, name) => {
        if (name === 'simple') return simple;
        if (name === 'closed') return target.closed || this.#severed.has(target);
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }
}
