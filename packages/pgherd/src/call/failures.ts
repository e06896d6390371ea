import { messageOf, OutcomeUnknownError, PgHerdError } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import { classifyError, phaseOf } from '../retry/classify.ts';
import type { Deadline } from '../time/deadline.ts';
import type { Clock } from '../time/port.ts';
import type { Call } from './call.ts';

/** The error of every call after `close()`. */
export function closedError(): PgHerdError {
  return new PgHerdError('PGHERD_CLOSED', 'The cluster is closed. Closing is final: create a new one.');
}

/** `close()` or `drain()` was called inside a function whose connection it would wait for. */
export function deadlockInside(verb: 'close' | 'drain'): PgHerdError {
  const otherwise = verb === 'close' ? ', or call terminate(), which waits for nothing' : '';
  return new PgHerdError(
    'PGHERD_SELF_DEADLOCK',
    `${verb}() was called inside a function given to transaction() or use(), and would wait for it. Let the function end first${otherwise}.`,
  );
}

/** The error of a call whose signal aborted. */
export function abortedError(signal: AbortSignal | undefined): PgHerdError {
  return new PgHerdError('PGHERD_ABORTED', 'The call was aborted by its signal.', { cause: signal?.reason });
}

/** A stream or a COPY occupies the connection: a statement that waits for it inside would wait forever. */
export function busy(node: string): PgHerdError {
  return new PgHerdError(
    'PGHERD_CONNECTION_BUSY',
    'A stream or a COPY is running on this connection. End it first, or use another connection.',
    { details: { node } },
  );
}

/** A statement that was sent but not answered by the call's deadline. */
export function timedOut(node: string, call: Call, now: number, standby?: AwaitedStandby): PgHerdError {
  const tookMs = Math.round(now - call.startedAt);
  const sentence = `${node} did not answer within ${tookMs} ms (timeoutMs).`;
  if (standby === undefined)
    return new PgHerdError('PGHERD_TIMEOUT', sentence, { details: { node, tookMs, limit: 'timeoutMs' } });
  const { names: standbyNames, waitedMs } = standby;
  const why = `Its commit waits for a synchronous standby (SyncRep), which has not confirmed it for ${waitedMs} ms: synchronous_standby_names is ${quoted(standbyNames)}.`;
  const awaited = { waitsFor: 'synchronous-standby', standbyNames, standbyMs: waitedMs, why };
  const details = { node, tookMs, limit: 'timeoutMs', ...awaited };
  return new PgHerdError('PGHERD_TIMEOUT', `${sentence} ${why}`, { details });
}

/** That the commit of a call waits for a standby. */
export interface AwaitedStandby {
  /** `synchronous_standby_names` of the server. */
  readonly names: string;
  readonly waitedMs: number;
}

/** What an error that a limit is the cause of says of a standby that was waited for: to be added to a sentence, and to its details. */
export function awaitedStandby(limit: unknown): { readonly sentence: string; readonly details: object } {
  const details = limit instanceof PgHerdError ? limit.details : {};
  if (details['waitsFor'] === undefined) return { sentence: '', details: {} };
  const { waitsFor, standbyNames, standbyMs } = details;
  return { sentence: ` ${details['why']}`, details: { waitsFor, standbyNames, standbyMs } };
}

/** The error `limit` of a call whose statement was not sent, for certain. */
export function unsentError(limit: PgHerdError, cause: unknown = limit.cause): PgHerdError {
  const { node, tookMs } = limit.details;
  const sentence =
    limit.code === 'PGHERD_ABORTED'
      ? 'aborted by its signal'
      : `over time after ${tookMs ?? 0} ms (timeoutMs)`;
  const to = node === undefined ? '' : ` to ${node}`;
  return new PgHerdError(limit.code, `The call was ${sentence} before its statement was sent${to}.`, {
    cause: limit.cause ?? cause,
    details: { ...limit.details, phase: 'not-handed' },
  });
}

/** The error `limit` of a call whose statement was cancelled, as the server confirmed with `cause`. */
export function cancelledError(limit: PgHerdError, cause: unknown): PgHerdError {
  return new PgHerdError(
    limit.code,
    `${limit.message} The server confirmed that it cancelled the statement.`,
    {
      cause: limit.cause ?? cause,
      details: { ...limit.details, cancelled: true },
    },
  );
}

/**
 * The error of a call whose wait ended at `deadline`: `error`, or the timeout if that was the call's own
 * limit.
 */
export function waitTimedOut(error: PgHerdError, call: Call, deadline: Deadline, now: number): PgHerdError {
  if (call.deadline > deadline) return error;
  const tookMs = Math.round(now - call.startedAt);
  // The other limit did not strike.
  const why = error.message.replace(' (waitTimeoutMs)', '');
  const sentence = `The call timed out after ${tookMs} ms (timeoutMs) while it waited; nothing was sent. ${why}`;
  return new PgHerdError('PGHERD_TIMEOUT', sentence, {
    cause: error,
    details: { tookMs, limit: 'timeoutMs', ...nodeOf(error) },
  });
}

function nodeOf({ details: { node } }: PgHerdError): { readonly node?: unknown } {
  return node === undefined ? {} : { node };
}

/**
 * When work was sent whose outcome is unknown, as a part of a sentence and for `details`. Times of a cluster's clock, milliseconds.
 */
export function sentTime(
  sentAt: number,
  clock: Clock,
): { readonly sentence: string; readonly details: object } {
  const agoMs = Math.max(0, Math.round(clock.now() - sentAt));
  const time = new Date(clock.wallTime() - agoMs).toISOString();
  return { sentence: `at ${time}, ${agoMs} ms ago`, details: { sentAt: time, agoMs } };
}

/** The error of work that the server committed without a synchronous standby: that is no acknowledgement. */
export function unacknowledged(kind: 'commit' | 'statement', cause?: unknown): OutcomeUnknownError {
  return new OutcomeUnknownError(
    kind,
    'The server stopped waiting for its synchronous standby: the work is committed on this server only, and may be lost with it.',
    { cause },
  );
}

/**
 * Replaces the error for a lost connection, which may have no code, by ours. Every other error stays
 * as it is, including the server's own reason for ending the connection.
 */
function lostOf(error: unknown, node: string): unknown {
  const { kind, severity } = classifyError(error);
  if (kind !== 'connection-lost' || severity !== undefined || error instanceof PgHerdError) return error;
  return new PgHerdError(
    'PGHERD_CONNECTION_LOST',
    `The connection to ${node} was lost before the answer came: ${messageOf(error)}`,
    { cause: error, details: { node, phase: phaseOf(error) } },
  );
}

/** The server's error as it is, with its node; a lost connection as our own error. */
export function withNode(thrown: unknown, node: string): unknown {
  const error = lostOf(thrown, node);
  if (typeof error === 'object' && error !== null && Object.isExtensible(error) && !('node' in error)) {
    Object.defineProperty(error, 'node', {
      value: node,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return error;
}

/** No node has this name. */
export function unknownNodeName(name: string, known: readonly string[]): PgHerdError {
  const sentence = `node is ${JSON.stringify(name)}, but must name one of ${known.join(', ')}.`;
  return new PgHerdError('PGHERD_INVALID_ARGUMENT', sentence, { details: { argument: 'node' } });
}
