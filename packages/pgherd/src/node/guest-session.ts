import type { CancelTarget } from '../wire/cancel.ts';
import type { OpenSession } from '../wire/login/open.ts';

/** A session that a guest speaks on, and what it reports to its node. */
export interface GuestSession {
  readonly node: string;
  readonly session: OpenSession;
  /** What a request to cancel needs; `undefined` if the server gave no key. */
  readonly cancel: CancelTarget | undefined;
  /** ParameterStatus, after the login. */
  parameter(name: string, value: string): void;
  /** Something that the monitor should look into at once. */
  hint(): void;
  /** A write was refused as read-only: perhaps the node is no primary any more. */
  refused(): void;
  /** The session has ended: by itself if there is an error, otherwise by the guest or by pgherd. Called once. */
  ended(reason: string, byItself: boolean): void;
}
