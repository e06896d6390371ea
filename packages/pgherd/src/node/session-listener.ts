import type { ConnectionListener, ServerMessage } from '../connection/port.ts';
import type { Session } from './session.ts';

/** What the listeners of a node's sessions report to. While a session is being prepared it is `undefined`. */
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

  constructor(observer: SessionObserver, generation: number) {
    this.#observer = observer;
    this.#generation = generation;
  }

  parameter(name: string, value: string): void {
    this.#observer.parameter(this.#generation, this.session, name, value);
  }

  message(message: ServerMessage): void {
    this.#observer.message(this.session, message);
  }

  closed(error: unknown): void {
    if (this.session !== undefined) this.#observer.closed(this.session, error);
  }
}
