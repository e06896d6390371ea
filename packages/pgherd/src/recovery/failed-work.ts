import type { Call } from '../call/call.ts';
import { awaitedStandby, withNode } from '../call/failures.ts';
import { messageOf, OutcomeUnknownError } from '../model/errors.ts';
import type { Session } from '../node/session.ts';
import { classifyError, phaseOf } from '../retry/classify.ts';
import { type Ending, endingOf, type FailedWork } from '../retry/decide.ts';
import { readStatement } from '../sql/statement.ts';

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

/** The error that the caller gets if work outside a transaction is not run again. */
export function endError(error: unknown, session: Session, call: Call, text: string): unknown {
  return errorOf(error, endingOf(failedWork(error, session, call, text)), session.node);
}

/** `error` as the caller gets it with this `ending`. */
export function errorOf(error: unknown, ending: Ending, node: string): unknown {
  if (ending === 'error' || error instanceof OutcomeUnknownError) return withNode(error, node);
  const { kind } = classifyError(error);
  const standby = awaitedStandby(error);
  const sentence =
    kind === 'outcome-unknown'
      ? `${node} answered that the outcome of the statement is unknown: ${messageOf(error)}`
      : `The statement was sent to ${node}, but no answer came: its outcome is unknown.${standby.sentence}`;
  const details = { node, ...standby.details };
  return withNode(new OutcomeUnknownError('statement', sentence, { cause: error, details }), node);
}
