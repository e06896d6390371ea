import type { ConnectionListener, Notification, ServerMessage } from '../connection/port.ts';

/** Passes what a connection reports to one listener, which may change: a connection can get another owner. */
export class Relay implements ConnectionListener {
  #to: ConnectionListener;

  constructor(to: ConnectionListener) {
    this.#to = to;
  }

  /** From now on everything is reported to this listener. */
  passTo(listener: ConnectionListener): void {
    this.#to = listener;
  }

  parameter(name: string, value: string): void {
    this.#to.parameter(name, value);
  }

  message(message: ServerMessage): void {
    this.#to.message(message);
  }

  notification(notification: Notification): void {
    this.#to.notification?.(notification);
  }

  closed(error: unknown): void {
    this.#to.closed(error);
  }
}
