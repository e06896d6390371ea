import type { TypeParsers } from '../../model/statement.ts';
import type { PreparedNames } from '../content/names.ts';
import type { Writer } from '../content/writer.ts';
import type { Entry } from './entry.ts';

/** What an entry needs of the connection it runs on. */
export interface Line {
  readonly writer: Writer;
  readonly names: PreparedNames;
  /** Parsers for statements that bring none. */
  readonly types: TypeParsers;
  /** Whether a transaction is open, as of the last ReadyForQuery. */
  readonly inTransaction: boolean;
  /** The error for what comes after the end of the connection; `undefined` while it is open. */
  loss(): Error | undefined;
  /** Puts work behind all that was sent. What it has written leaves at the end of this turn of the event loop. */
  push(entry: Entry): void;
  /** Runs `start` once nothing is under way; `lost` instead, if the connection ends before. */
  whenIdle(start: () => void, lost: (error: unknown) => void): void;
  /** Sends what was written by now. */
  flush(): void;
  /** Sends bytes behind what was written; returns a promise if the socket has enough for now. */
  send(pieces: readonly Uint8Array[]): Promise<void> | undefined;
  /** Stops and resumes reading from the socket. */
  hold(isHeld: boolean): void;
  /** Takes note of a text, which may change the session. */
  begins(text: string): void;
  /** Takes note of the tag of a caller's command, which may say that the session was changed, or the schema. */
  ended(tag: string): void;
  /** The same for a command of pgherd's own, or one of a script: only the schema counts. */
  endedAside(tag: string): void;
  /**
   * Ends the connection at once: it is in no state that another caller could use. Nothing that comes on it afterwards is read, not
   * even what has come already: whatever stands behind is of unknown outcome.
   */
  condemn(reason: Error): void;
}
