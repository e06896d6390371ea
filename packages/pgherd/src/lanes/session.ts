import type { DriverConnection } from '../connection/port.ts';
import type { Access } from '../model/names.ts';

/** A session as lanes see it. */
export interface LaneSession {
  readonly node: string;
  /** Generation of the node when the connection was opened. */
  readonly generation: number;
  readonly connection: Pick<DriverConnection, 'pipeline' | 'query' | 'closed'>;
  /** Whether the connection can be handed to the next caller as it is. */
  readonly isClean: boolean;
  /** What it is leased for. */
  readonly use: Access;
  /** Whether we end the connection. */
  readonly leaving: boolean;
  /** Whether a commit was not acknowledged by a synchronous standby; starts anew with the next statement. */
  takeLocalCommit(): boolean;
  /** Notes when the statement whose failure is looked into was sent, milliseconds of the cluster's clock. */
  noteHandedAt(now: number): void;
  /** Whether it can be used for `access` without a round trip. */
  suits(access: Access): boolean;
  /** What runs on it during this lease can be run again elsewhere. */
  allowMove(): void;
}
