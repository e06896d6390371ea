import type { Call } from '../call/call.ts';
import { busy, unacknowledged } from '../call/failures.ts';
import type { Engine } from '../engine/engine.ts';
import { atCaller } from '../model/caller.ts';
import { PgHerdError } from '../model/errors.ts';
import { answeredBy, type QueryResult, type Row } from '../model/statement.ts';
import type { Session } from '../node/session.ts';

/** Where a script runs. */
interface ScriptUse {
  readonly engine: Engine;
  readonly session: Session;
  readonly call: Call;
  errorFor(error: unknown): unknown;
}

/** A script may commit before it fails: an error says nothing about the statements before it. */
export const NOT_ATOMIC = 'DO';

/**
 * Runs many statements in one text on a connection that is not used again, since the script may have changed
 * its session. Without BEGIN and COMMIT the server treats the whole text as one transaction.
 */
export async function runScriptOnCluster(
  engine: Engine,
  given: Call,
  text: string,
): Promise<QueryResult<Row>> {
  assertText(text);
  return engine.attempts(given, NOT_ATOMIC, async (session, call) => {
    const result = await runScript({ engine, session, call, errorFor: (error) => error }, text);
    assertClosed(session);
    if (session.committedLocallyOnly && session.use === 'read-write') throw unacknowledged('statement');
    engine.release(session);
    return result;
  });
}

/** Runs many statements in one text on a connection that the caller holds. */
export async function runScript(use: ScriptUse, text: string): Promise<QueryResult<Row>> {
  assertText(text);
  const { engine, session, call } = use;
  const { connection, node } = session;
  if (session.occupied) throw busy(node);
  if (connection.perTransaction !== undefined) throw noScripts(node);
  session.retire('ran a script');
  try {
    const result = await engine.perform(session, () => connection.script(text), call, text);
    return answeredBy(result, node);
  } catch (error) {
    throw atCaller(use.errorFor(error), text);
  }
}

function assertText(text: unknown): void {
  if (typeof text === 'string') return;
  throw new PgHerdError('PGHERD_INVALID_ARGUMENT', 'script() takes one string with all statements.');
}

/** An open transaction would be rolled back with the connection, without an error. */
function assertClosed(session: Session): void {
  if (session.connection.status === 'idle') return;
  throw new PgHerdError(
    'PGHERD_INVALID_ARGUMENT',
    'The script left a transaction open, which was rolled back. End it with COMMIT, or leave BEGIN out.',
    { details: { node: session.node } },
  );
}

function noScripts(node: string): PgHerdError {
  return new PgHerdError(
    'PGHERD_UNSUPPORTED',
    'A script needs a session of its own, which a pooler does not provide. Run it over a direct connection.',
    { details: { node } },
  );
}
