import type { DriverConnection, DriverResult } from '../connection/port.ts';

/** Asks one session of a server; the answer of the last statement. */
export type Ask = (text: string) => Promise<DriverResult>;

/** A monitor's connection. */
export interface Link {
  readonly connection: DriverConnection;
  readonly turns: InTurn;
  /** Generation of the node that this connection speaks for. */
  generation: number;
}

/** A link that speaks for `generation` of its node. */
export function linkOver(connection: DriverConnection, generation: number): Link {
  return { connection, turns: new InTurn(), generation };
}

/** The answer to `text`, once all that was asked before is answered: drivers take one statement at a time. */
export function asked(link: Link, text: string): Promise<DriverResult> {
  return link.turns.run(() => link.connection.simple(text));
}

/** Lets one piece of work run at a time, in the order in which they came; at once where none runs. */
class InTurn {
  #count = 0;
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const running = this.#count === 0 ? work() : this.#last.then(work);
    this.#count++;
    this.#last = running.then(
      () => this.#count--,
      () => this.#count--,
    );
    return running;
  }
}
