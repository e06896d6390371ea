import { AsyncLocalStorage } from 'node:async_hooks';
import type { Session } from '../node/session.ts';

/** A connection that an asynchronous context holds. */
export interface Holding<C> {
  readonly session: Session<C>;
  /** Whether it is held still; a function may give it back before it ends. */
  isHeld(): boolean;
  /** The transaction that runs on it, if there is one: its public object, which is not looked into here. */
  readonly transaction?: object | undefined;
}

interface Link<C> extends Holding<C> {
  readonly outer: Link<C> | undefined;
}

/**
 * What each asynchronous context holds: the connections of the functions given to `transaction` and `use` that it runs in.
 * What `begin` and `acquire` gave is not among it, since the code that holds it is no scope that could be seen.
 *
 * Until the first `run` it costs nothing; from then on Node carries it along with the promises of the process.
 */
export class HeldLeases<C> {
  readonly #storage = new AsyncLocalStorage<Link<C>>();

  /** Runs `fn` in a context that holds one more. */
  run<T>(holding: Holding<C>, fn: () => T): T {
    return this.#storage.run({ ...holding, outer: this.#storage.getStore() }, fn);
  }

  /** Whether this context holds any connection. */
  get holdsAny(): boolean {
    for (let link = this.#storage.getStore(); link !== undefined; link = link.outer) {
      if (link.isHeld()) return true;
    }
    return false;
  }

  /** How many of the connections that this context holds are such as `which` says. */
  count(which: (session: Session<C>) => boolean): number {
    let count = 0;
    for (let link = this.#storage.getStore(); link !== undefined; link = link.outer) {
      if (link.isHeld() && which(link.session)) count++;
    }
    return count;
  }

  /** The innermost transaction of this context, also when it is over: work that was not awaited must not go elsewhere. */
  get transaction(): object | undefined {
    for (let link = this.#storage.getStore(); link !== undefined; link = link.outer) {
      if (link.transaction !== undefined) return link.transaction;
    }
    return undefined;
  }

  /** Ends it: else Node would carry it along with every promise of the process, until that ends. */
  disable(): void {
    this.#storage.disable();
  }
}
