import type { DriverConnection } from '../connection/port.ts';

/** The process that answered a statement, and in which life of its server. */
export interface ServedBy {
  readonly backendPid: number | undefined;
  /** As of the node's `postmasterStartedAt`. */
  readonly postmasterStartedAt: string | undefined;
}

/**
 * What an answer says about the route:
 *
 * - `nothing`;
 * - `look-again`: another connection was served by the same process. If this goes on for both, they share it;
 * - `proof`: no session stays with its connection, as `shown` says.
 */
export type Finding =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'look-again' }
  | { readonly kind: 'proof'; readonly shown: string };

const NOTHING: Finding = Object.freeze({ kind: 'nothing' });
const LOOK_AGAIN: Finding = Object.freeze({ kind: 'look-again' });
const CHANGED: Finding = Object.freeze({
  kind: 'proof',
  shown: 'two processes of the server have answered on one connection',
});
const SHARED: Finding = Object.freeze({
  kind: 'proof',
  shown: 'one process of the server has answered on two open connections',
});

/** Processes that are remembered, the newest. */
const REMEMBERED = 64;

/**
 * Which processes have answered on which connections to one node. A server itself, and a pooler in session mode, serve an open
 * connection by one process, and no other connection by it meanwhile. Connections that report the number of their process when they are
 * opened, as those to a server itself do, leave no trace.
 */
export class Backends {
  /** The process that answered last, by connection. */
  readonly #served = new WeakMap<DriverConnection, string>();
  /** The connection on which it answered last, by process. */
  readonly #lastOf = new Map<string, WeakRef<DriverConnection>>();
  #areMasked = false;

  /** Whether connections report numbers that are not those of their processes. */
  get areMasked(): boolean {
    return this.#areMasked;
  }

  /** Takes note of the process that has just answered on a connection that is open. */
  noted(connection: DriverConnection, { backendPid, postmasterStartedAt: start }: ServedBy): Finding {
    const reported = connection.backendPid;
    const before = this.#served.get(connection);
    if (reported === undefined || backendPid === undefined) return NOTHING;
    if (reported === backendPid && before === undefined) return NOTHING;
    this.#areMasked = true;
    // Without the start two servers behind one address may both have a process of this number.
    if (start === undefined) return NOTHING;
    const backend = `${backendPid} ${start}`;
    if (before !== undefined && before !== backend) return CHANGED;
    const isElsewhere = this.#isElsewhere(backend, connection);
    if (isElsewhere && before !== undefined) return SHARED;
    this.#remember(backend, connection);
    return isElsewhere ? LOOK_AGAIN : NOTHING;
  }

  /** Whether the process answered last on another connection. */
  #isElsewhere(backend: string, connection: DriverConnection): boolean {
    const last = this.#lastOf.get(backend);
    return last !== undefined && last.deref() !== connection;
  }

  #remember(backend: string, connection: DriverConnection): void {
    this.#served.set(connection, backend);
    this.#lastOf.delete(backend);
    this.#lastOf.set(backend, new WeakRef(connection));
    if (this.#lastOf.size <= REMEMBERED) return;
    for (const oldest of this.#lastOf.keys()) {
      this.#lastOf.delete(oldest);
      break;
    }
  }
}
