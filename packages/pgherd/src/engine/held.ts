import { AsyncLocalStorage } from 'node:async_hooks';
import type { Session } from '../node/session.ts';

/** A connection that an asynchronous context holds. */
export interface Holding {
  /** Left out if a scope around it has it already. */
  readonly session?: Session | undefined;
  /** Whether it is held still; a function may give it back before it ends. */
  isHeld(): boolean;
  /** The transaction that runs on it, if there is one: its public object, which is not looked into here. */
  readonly transaction?: object | undefined;
  /** The savepoint whose function it is. */
  readonly savepoint?: object | undefined;
}

interface Link {
  readonly outer: Link | undefined;
  isHeld(): boolean;
  /** Of a function's scope. */
  readonly session?: Session | undefined;
  readonly transaction?: object | undefined;
  readonly savepoint?: object | undefined;
}

/** A function's scope. */
class Scope implements Link {
  readonly #holding: Holding;
  readonly outer: Link | undefined;

  constructor(holding: Holding, outer: Link | undefined) {
    this.#holding = holding;
    this.outer = outer;
  }

  get session(): Session | undefined {
    return this.#holding.session;
  }

  get transaction(): object | undefined {
    return this.#holding.transaction;
  }

  get savepoint(): object | undefined {
    return this.#holding.savepoint;
  }

  isHeld(): boolean {
    return this.#holding.isHeld();
  }
}

/**
 * What `begin` or `acquire` gave, or is about to give, to the code that called it. That code has no end that could be seen: the
 * connection may be given back by other code, so that it does not count for deadlocks of the pool.
 */
export class Entered implements Link {
  readonly outer: Link | undefined;
  #state: 'pending' | (() => boolean) | 'over' = 'pending';

  constructor(outer: Link | undefined) {
    this.outer = outer;
  }

  /** The connection was given; `isHeld` says whether it is held still. */
  given(isHeld: () => boolean): void {
    this.#state = isHeld;
  }

  /** No connection was given. */
  failed(): void {
    this.#state = 'over';
  }

  isHeld(): boolean {
    if (typeof this.#state !== 'function') return false;
    if (this.#state()) return true;
    this.#state = 'over';
    return false;
  }

  /** Whether it will not be held any more. */
  get isOver(): boolean {
    return !this.isHeld() && this.#state === 'over';
  }
}

/**
 * What each asynchronous context holds: the connections of the functions given to `transaction` and `use` that it runs in, and what
 * `begin` and `acquire` gave to its code.
 *
 * Until the first of these it costs nothing; from then on Node carries it along with the promises of the process.
 */
export class HeldLeases {
  readonly #storage = new AsyncLocalStorage<Link>();
  #ended = false;

  /** Runs `fn` in a context that holds one more. */
  run<T>(holding: Holding, fn: () => T): T {
    return this.#storage.run(new Scope(holding, this.#storage.getStore()), fn);
  }

  /**
   * From now on the calling code, and what it starts, is about to hold one more. To be called before the first `await` of the verb:
   * only then the code that called the verb is still the current context.
   */
  enter(): Entered {
    let outer = this.#storage.getStore();
    // In a loop of transactions those that are over would pile up.
    while (outer instanceof Entered && outer.isOver) outer = outer.outer;
    const entered = new Entered(outer);
    // Of a cluster that is closed nothing is held.
    if (!this.#ended) this.#storage.enterWith(entered);
    return entered;
  }

  /** Whether this context holds any connection. */
  get holdsAny(): boolean {
    for (let link = this.#storage.getStore(); link !== undefined; link = link.outer) {
      if (link.isHeld()) return true;
    }
    return false;
  }

  /** How many of the connections that functions hold, in which this context runs, are such as `which` says. */
  count(which: (session: Session) => boolean): number {
    let count = 0;
    for (let link = this.#storage.getStore(); link !== undefined; link = link.outer) {
      if (link.session !== undefined && link.isHeld() && which(link.session)) count++;
    }
    return count;
  }

  /** Whether this context is in the function of a savepoint, or in that of one inside it. */
  isInside(savepoint: object): boolean {
    for (let link = this.#storage.getStore(); link !== undefined; link = link.outer) {
      if (link.savepoint === savepoint) return true;
    }
    return false;
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
    this.#ended = true;
    this.#storage.disable();
  }
}
