import type { Columns } from '../content/rows.ts';
import type { ServerError } from '../content/server-error.ts';
import type { ReadyStatus } from '../content/status.ts';
import type { Shape, State } from './automaton.ts';

/** How far work had come when its connection was lost. */
export type LostPhase = 'not-handed' | 'behind-fatal' | 'sent';

/**
 * One piece of work in a connection's queue, from its first byte to its ReadyForQuery. The connection moves `state` by the automaton
 * and hands over the contents; the entry settles exactly once, by `settled` or `lost`, and never throws.
 */
export interface Entry {
  state: State;
  shape: Shape;
  partsLeft: number;
  closesLeft: number;
  /** Columns of the rows that come next; `undefined` while they are not known. */
  readonly columns: Columns | undefined;
  /** Parse has succeeded. */
  parsed(): void;
  /** The types of its parameters, by OID. */
  takes?(parameters: readonly number[]): void;
  described(columns: Columns): void;
  /** A row, whose body lies between `start` and `end`; checked to be whole. */
  row(bytes: Buffer, start: number, end: number): void;
  /** A command has ended, with its tag; the empty string for an empty query. */
  completed(tag: string): void;
  suspended(): void;
  copying(way: 'in' | 'out'): void;
  copied(data: Buffer): void;
  /** The server refused it; ReadyForQuery follows unless it is fatal. */
  refused(error: ServerError): void;
  settled(status: ReadyStatus): void;
  lost(phase: LostPhase, reason: unknown): void;
}
