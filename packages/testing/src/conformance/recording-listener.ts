import type { Notification, ServerMessage } from 'pgherd';
import type { ConnectionListener } from 'pgherd/connection';

/** Keeps what a connection reports. */
export class RecordingListener implements ConnectionListener {
  readonly parameters: [string, string][] = [];
  readonly messages: ServerMessage[] = [];
  readonly closures: unknown[] = [];
  readonly notifications: Notification[] = [];

  parameter(name: string, value: string): void {
    this.parameters.push([name, value]);
  }

  message(message: ServerMessage): void {
    this.messages.push(message);
  }

  closed(error: unknown): void {
    this.closures.push(error);
  }

  notification(notification: Notification): void {
    this.notifications.push(notification);
  }
}
