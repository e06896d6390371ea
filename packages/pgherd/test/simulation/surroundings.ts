import type { Dice } from './dice.ts';
import type { Ledger } from './ledger.ts';
import type { Loop } from './loop.ts';
import type { Link } from './network.ts';
import type { Trace } from './trace.ts';
import type { Wal } from './wal.ts';

/** `lost`: the host is gone with its network, so that nobody even refuses. */
export type ServerState = 'up' | 'starting' | 'stopping' | 'down' | 'lost';

/** What a server can do. */
export interface Traits {
  /** From version 14 on the role comes with ParameterStatus. */
  readonly reportsRole: boolean;
  readonly plpgsql: boolean;
  /** Whether our role may ask for the control file: without it nobody tells the system identifier. */
  readonly controlFile: boolean;
  /** Time after a promotion for which the control file of a standby shows the old timeline, milliseconds. */
  readonly checkpointDelayMs: number;
  /** How long a login takes longer than usual, milliseconds. Default 0. */
  readonly loginMs?: number | undefined;
  /** Part of the statements that take far longer than the others, 0 to 1. Default 0.01. */
  readonly slowStatements?: number | undefined;
}

/** What all servers of one simulation share. */
export interface Surroundings {
  readonly loop: Loop;
  readonly dice: Dice;
  readonly trace: Trace;
  readonly ledger: Ledger;
  readonly traits: Traits;
  /** Whether a commit waits until one standby has it. */
  readonly synchronous: boolean;
}

/** What a session shows of itself. Times are of the simulation, milliseconds. */
export interface Activity {
  readonly pid: number;
  readonly startedAt: number;
  /** When it last began or ended a statement. */
  readonly changedAt: number;
  readonly isBusy: boolean;
  readonly isInTransaction: boolean;
}

/** What a session sees of its server, and does there. */
export interface ServerView {
  readonly name: string;
  readonly link: Link;
  readonly surroundings: Surroundings;
  readonly wal: Wal;
  readonly state: ServerState;
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly checkpointTimeline: number;
  readonly recoveryTimeline: number;
  readonly bornAt: number;
  readonly walSenders: number;
  readonly note: { readonly value: string; readonly writtenAt: number } | undefined;
  readonly clockMs: number;
  /** What the server's clock showed at a time of the simulation, milliseconds since 1970. */
  clockOf(ms: number): number;
  readonly inRecovery: boolean;
  readonly startedAt: string;
  /** Records that a standby shows already. */
  readonly replayed: number;
  readonly readOnlyDefault: boolean;
  readonly onPromoted: (() => void)[];
  /** The sessions that it has. */
  readonly backends: Iterable<{ readonly activity: Activity; terminate(): void }> & {
    delete(backend: unknown): boolean;
  };
  /** The process ID of the next session. */
  nextPid(): number;
  later(ms: number, fn: () => void): void;
  commit(ids: readonly string[]): number;
  whenConfirmed(length: number, done: () => void): () => void;
}
