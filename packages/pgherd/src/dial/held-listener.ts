import type { ConnectionListener, Notification, ServerMessage } from '../connection/port.ts';

/**
 * Holds back what a connection reports until it is known whether it leads to a server: a pooler repeats the
 * parameters of the first session it ever had, long after the server has changed its role.
 */
export class HeldListener implements ConnectionListener {
  readonly #listener: ConnectionListener;
  #held: (readonly [string, string])[] = [];
  #state: 'held' | 'open' | 'without-parameters' = 'held';

  constructor(listener: ConnectionListener) {
    this.#listener = listener;
  }

  /** Passes on what was held back, and everything from now on; parameters only with `believeParameters`. */
  open(believeParameters: boolean): void {
    const held = this.#held.splice(0);
    this.#state = believeParameters ? 'open' : 'without-parameters';
    if (!believeParameters) return;
    for (const [name, value] of held) this.#listener.parameter(name, value);
  }

  parameter(name: string, value: string): void {
    if (this.#state === 'held') this.#held.push([name, value]);
    if (this.#state === 'open') this.#listener.parameter(name, value);
  }

  message(message: ServerMessage): void {
    if (this.#state !== 'held') this.#listener.message(message);
  }

  notification(notification: Notification): void {
    if (this.#state !== 'held') this.#listener.notification?.(notification);
  }

  /** Not passed on while held: opening the connection fails with this error then. */
  closed(error: unknown): void {
    if (this.#state !== 'held') this.#listener.closed(error);
  }
}
