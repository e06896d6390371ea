/** Work for the client of `pg`: it runs, or it is lost with the connection. */
export interface Turn {
  run(): void;
  lost(error: unknown): void;
}

/**
 * Hands work to a client of `pg` one after the other, each when the one before has ended: that several wait
 * inside the client is deprecated there, and is to be refused from version 9 on.
 *
 * `idle`, or at work with others waiting; one ends with a ReadyForQuery, or without where nothing was sent.
 */
export class PgTurns {
  #atWork = false;
  #waiting: Turn[] = [];

  take(turn: Turn): void {
    if (this.#atWork) {
      this.#waiting.push(turn);
      return;
    }
    this.#atWork = true;
    this.#run(turn);
  }

  /** The one at work has ended. */
  ended(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#atWork = false;
    else this.#run(next);
  }

  /** What `pg` throws at once must not keep those behind it from their turn. */
  #run(turn: Turn): void {
    try {
      turn.run();
    } catch (error) {
      turn.lost(error);
      this.ended();
    }
  }

  /** The connection is gone. */
  lost(error: () => Error): void {
    for (const turn of this.#waiting.splice(0)) turn.lost(error());
  }
}
