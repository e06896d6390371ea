import type { Call } from '../call/call.ts';
import { awaitedStandby, sentTime, withNode } from '../call/failures.ts';
import { messageOf, OutcomeUnknownError } from '../model/errors.ts';
import type { Session } from '../node/session.ts';
import { classifyError, phaseOf } from '../retry/classify.ts';
import { type Ending, endingOf, type FailedWork } from '../retry/decide.ts';
import { readStatement } from '../sql/statement.ts';
import type { Clock } from '../time/port.ts';

/** Work that failed on a session outside a transaction; `text` is the SQL that was sent. */
export function failedWork(error: unknown, session: Session, call: Call, text: string): FailedWork {
  return {
    phase: phaseOf(error),
    classification: classifyError(error),
    // Another call may have got the session by now: what this one used it for counts.
    readOnlyConnection: session.couldNotWriteFor(call.access),
    idempotent: call.idempotent,
    atomic: readStatement(text).atomic,
  };
}

/** Work outside a transaction that was sent. */
export interface SentWork {
  readonly session: Session;
  readonly call: Call;
  /** The SQL that was sent. */
  readonly text: string;
  readonly clock: Clock;
}

/** The error that the caller gets if work outside a transaction is not run again. */
export function endError(error: unknown, sent: SentWork): unknown {
  return errorOf(error, endingOf(failedWork(error, sent.session, sent.call, sent.text)), sent);
}

/** `error` as the caller gets it with this `ending`. */
export function errorOf(error: unknown, ending: Ending, sent: SentWork): unknown {
  const { node } = sent.session;
  if (ending === 'error' || error instanceof OutcomeUnknownError) return withNode(error, node);
  // A session is handed to a call, and a call on a held session begins, right before the statement is sent.
  const time = sentTime(Math.max(sent.session.handedAt, sent.call.startedAt), sent.clock);
  const { keyword } = readStatement(sent.text);
  // For a script stands a single word.
  const what = keyword === '' || keyword === sent.text ? 'The statement' : keyword;
  const standby = awaitedStandby(error);
  const { kind } = classifyError(error);
  const sentence =
    kind === 'outcome-unknown'
      ? `${node} answered that the outcome of ${what}, sent ${time.sentence}, is unknown: ${messageOf(error)}`
      : `${what} was sent to ${node} ${time.sentence}, but no answer came: its outcome is unknown.${standby.sentence}`;
  const details = { node, ...time.details, ...standby.details };
  const unknown = new OutcomeUnknownError('statement', `${sentence} ${REMEDY}`, { cause: error, details });
  return withNode(unknown, node);
}

const REMEDY =
  'Look for its effect before you repeat it. Where running it twice does no harm, pass idempotent: true; otherwise a transaction with ' +
  'outcomeTable finds out by itself.';
