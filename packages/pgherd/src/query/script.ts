import type { Call } from '../call/call.ts';
import { busy, unacknowledged } from '../call/failures.ts';
import type { Engine } from '../engine/engine.ts';
import { PgHerdError } from '../model/errors.ts';
import { answeredBy, type QueryResult, type Row } from '../model/statement.ts';
import type { Session } from '../node/session.ts';
import { untilLetGo } from '../recovery/within.ts';

/** Where a script runs. */
interface ScriptUse<C> {
  readonly engine: Engine<C>;
  readonly session: Session<C>;
  readonly call: Call;
  errorFor(error: unknown): unknown;
}

/** A script may commit on its way: an error tells nothing of what was before it. */
export const NOT_ATOMIC = 'DO';

/**
 * Runs a text of many statements on a connection that is not used again, whatever the script did to its session. Without BEGIN and
 * COMMIT in it the server takes the whole text for one transaction.
 */
export async function runScriptOnCluster<C>(
  engine: Engine<C>,
  given: Call,
  text: string,
): Promise<QueryResult<Row>> {
  assertText(text);
  return engine.attempts(given, NOT_ATOMIC, async (session, call) => {
    const result = await runScript({ engine, session, call, errorFor: (error) => error }, text);
    assertClosed(session);
    if (session.committedLocallyOnly && call.access === 'read-write') throw unacknowledged('statement');
    engine.release(session);
    return result;
  });
}

/** Runs a text of many statements on a connection that the caller holds. */
export async function runScript<C>(use: ScriptUse<C>, text: string): Promise<QueryResult<Row>> {
  assertText(text);
  const { engine, session, call } = use;
  const { connection, node } = session;
  if (session.occupied) throw busy(node);
  if (connection.perTransaction !== undefined) throw noScripts(node);
  await untilLetGo(session, call, engine.herd.settings.clock);
  session.retire('ran a script');
  try {
    const result = await engine.perform(session, connection.simple(text), call, text);
    return answeredBy(result, node);
  } catch (error) {
    throw use.errorFor(error);
  }
}

function assertText(text: unknown): void {
  if (typeof text === 'string') return;
  throw new PgHerdError('PGHERD_INVALID_ARGUMENT', 'script takes one text, with all its statements.');
}

/** What is left open would be rolled back with the connection, and nobody would know. */
function assertClosed(session: Session): void {
  if (session.connection.status === 'idle') return;
  throw new PgHerdError(
    'PGHERD_INVALID_ARGUMENT',
    'The script left a transaction open: that is rolled back now. End it with COMMIT, or leave BEGIN out.',
    { details: { node: session.node } },
  );
}

function noScripts(node: string): PgHerdError {
  return new PgHerdError(
    'PGHERD_UNSUPPORTED',
    'A script needs a session of its own, which a pooler does not give: run it over a direct connection.',
    { details: { node } },
  );
}
