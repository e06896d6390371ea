import type { Call } from '../call/call.ts';
import type { Engine } from '../engine/engine.ts';
import type { Session } from '../node/session.ts';
import { beginText, type TransactionOptions } from '../options/transaction-options.ts';
import { noSurvivorBehindPooler } from './failures.ts';
import { readWitness, type Witness, witnessText } from './outcome.ts';

/** Begins, and reads the witness in the same round trip if the options ask for one. */
export async function beginOn(
  engine: Engine,
  session: Session,
  call: Call,
  options: TransactionOptions,
): Promise<Witness | undefined> {
  const question = witnessText(options);
  const begin = beginText(options);
  if (question === undefined || options.readOnly === true) {
    await engine.send(session, begin, call);
    return undefined;
  }
  if (session.connection.perTransaction === undefined) {
    const { rows } = await engine.send(session, `${begin}; ${question}`, call);
    return readWitness(session.node, rows[0], options);
  }
  if (options.outcomeTable === undefined) throw noSurvivorBehindPooler();
  await engine.send(session, begin, call);
  const { rows } = await engine.send(session, question, call);
  return readWitness(session.node, rows[0], options);
}
