import type { ConnectionListener, ServerMessage } from '../connection/port.ts';
import type { Session } from './session.ts';

/** What the listeners of a node's sessions report to. For what comes with its login a session is `undefined`. */
export interface SessionObserver {
  parameter(generation: number, session: Session | undefined, name: string, value: string): void;
  message(session: Session | undefined, message: ServerMessage): void;
  /** Not called for a session that never became ready. */
  closed(session: Session, error: unknown): void;
}

/**
 * A listener that is made before its session exists. It lives as long as the connection, and holds no
 * reference to what was needed to open it.
 */
export class SessionListener implements ConnectionListener {
  readonly #observer: SessionObserver;
  readonly #generation: number;
  /** Set once the session is ready. */
  session: Session | undefined;
  /** Parameters that are held back until it is known which server reports them; `undefined` when they are not. */
  #held: (readonly [name: string, value: string])[] | undefined;

  constructor(observer: SessionObserver, generation: number, holdsBack: boolean) {
    this.#observer = observer;
    this.#generation = generation;
    if (holdsBack) this.#held = [];
  }

  parameter(name: string, value: string): void {
    if (this.#held === undefined) this.#observer.parameter(this.#generation, this.session, name, value);
    else this.#held.push([name, value]);
  }

  /** The server is the node's: what it has reported so far is passed on. */
  believe(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const [name, value] of held) this.#observer.parameter(this.#generation, undefined, name, value);
  }

  message(message: ServerMessage): void {
    this.#observer.message(this.session, message);
  }

  closed(error: unknown): void {
    if (this.session !== undefined) this.#observer.closed(this.session, error);
  }
}
