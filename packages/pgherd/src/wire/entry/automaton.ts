import {
  BIND_COMPLETE,
  CLOSE_COMPLETE,
  COMMAND_COMPLETE,
  COPY_DATA,
  COPY_DONE,
  COPY_IN_RESPONSE,
  COPY_OUT_RESPONSE,
  DATA_ROW,
  EMPTY_QUERY_RESPONSE,
  ERROR_RESPONSE,
  NO_DATA,
  PARAMETER_DESCRIPTION,
  PARSE_COMPLETE,
  PORTAL_SUSPENDED,
  READY_FOR_QUERY,
  ROW_DESCRIPTION,
} from '../content/codes.ts';

/**
 * What the server owes next for the work at the head of a connection. `parse`, `bind`, `describe`: the answer to that message.
 * `rows`: rows, or the end of the command. `done`: the command has ended, ReadyForQuery is owed. `paused`: the portal stopped at its
 * limit. `copy-in`, `copy-out`: inside a COPY. `copied-out`: CopyDone has come. `failed`: an error has come, ReadyForQuery is owed.
 */
export const STATES = Object.freeze([
  'parse',
  'bind',
  'describe',
  'rows',
  'done',
  'paused',
  'copy-in',
  'copy-out',
  'copied-out',
  'failed',
] as const);
export type State = (typeof STATES)[number];

/** What was sent, as far as it decides what may come back. */
export interface Shape {
  /** By the simple protocol: several results, and no answers to messages. */
  readonly simple?: boolean | undefined;
  /** Columns are asked for before Bind (`statement`), behind it (`portal`), or are known already (`none`). */
  readonly describes: 'statement' | 'portal' | 'none';
  /** Execute had a limit of rows. */
  readonly limited?: boolean | undefined;
  /** Whether a COPY was asked for; `either` is refused by the sender itself, by CopyFail. */
  readonly copy?: 'in' | 'out' | 'either' | undefined;
}

/** What an entry of a connection's queue must keep for {@link advance}. */
export interface Position {
  readonly state: State;
  readonly shape: Shape;
  /** Statements behind the current one within the same Sync. */
  readonly partsLeft: number;
  /** Close messages that were sent before the rest, and are not answered yet. */
  readonly closesLeft: number;
}

/** `settle`: ReadyForQuery ended the entry. `undefined`: the message is impossible where the entry stands. */
export type Next = State | 'settle' | undefined;

/**
 * Where a message of the server takes the work at the head of a connection: the statement automaton. Every message that is not named
 * is impossible, and ends the connection. Notices, parameters and notifications may come at any time and are not asked about here.
 */
export function advance(at: Position, type: number): Next {
  switch (type) {
    case DATA_ROW:
      return at.state === 'rows' ? 'rows' : undefined;
    case READY_FOR_QUERY:
      return maySettle(at) ? 'settle' : undefined;
    case BIND_COMPLETE:
      return bound(at);
    case COMMAND_COMPLETE:
      return completed(at);
    case EMPTY_QUERY_RESPONSE:
      return at.state === 'rows' || (at.state === 'done' && at.shape.simple === true) ? 'done' : undefined;
    case PARSE_COMPLETE:
      return parsed(at);
    case ROW_DESCRIPTION:
      return described(at) ?? (mayBeginResult(at) ? 'rows' : undefined);
    case NO_DATA:
      return described(at);
    case PARAMETER_DESCRIPTION:
      return at.state === 'describe' && at.shape.describes === 'statement' ? 'describe' : undefined;
    case CLOSE_COMPLETE:
      return at.closesLeft > 0 ? at.state : undefined;
    case ERROR_RESPONSE:
      return at.state === 'failed' ? undefined : 'failed';
    case PORTAL_SUSPENDED:
      return at.state === 'rows' && at.shape.limited === true ? 'paused' : undefined;
    case COPY_IN_RESPONSE:
      return mayCopy(at, 'in') ? 'copy-in' : undefined;
    case COPY_OUT_RESPONSE:
      return mayCopy(at, 'out') ? 'copy-out' : undefined;
    case COPY_DATA:
      return at.state === 'copy-out' ? 'copy-out' : undefined;
    case COPY_DONE:
      return at.state === 'copy-out' ? 'copied-out' : undefined;
    default:
      return undefined;
  }
}

function maySettle({ state, partsLeft }: Position): boolean {
  return state === 'failed' || state === 'paused' || (state === 'done' && partsLeft === 0);
}

function parsed({ state, partsLeft, shape, closesLeft }: Position): Next {
  // A further part whose name is known is not parsed.
  const isNext = state === 'done' && partsLeft > 0 && shape.describes !== 'none';
  if ((state !== 'parse' && !isNext) || closesLeft > 0) return undefined;
  return shape.describes === 'statement' ? 'describe' : 'bind';
}

/** A further part of a batch may begin with Bind: its text was parsed for the one before. */
function bound({ state, partsLeft, shape, closesLeft }: Position): Next {
  const isNext = state === 'done' && partsLeft > 0;
  if ((state !== 'bind' && !isNext) || closesLeft > 0) return undefined;
  return shape.describes === 'portal' ? 'describe' : 'rows';
}

function described({ state, shape }: Position): Next {
  if (state !== 'describe') return undefined;
  return shape.describes === 'statement' ? 'bind' : 'rows';
}

function mayBeginResult({ state, shape }: Position): boolean {
  return shape.simple === true && (state === 'rows' || state === 'done');
}

function completed({ state, shape }: Position): Next {
  if (state === 'rows' || state === 'copy-in' || state === 'copied-out') return 'done';
  return state === 'done' && shape.simple === true ? 'done' : undefined;
}

function mayCopy({ state, shape }: Position, way: 'in' | 'out'): boolean {
  const begins = state === 'rows' || (state === 'done' && shape.simple === true);
  return begins && (shape.copy === way || shape.copy === 'either');
}
