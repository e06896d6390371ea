import type { Call } from '../call/call.ts';
import { withNode } from '../call/failures.ts';
import type { DriverResult } from '../connection/port.ts';
import type { Engine } from '../engine/engine.ts';
import { ownStatement, type Statement } from '../model/statement.ts';
import type { Session } from '../node/session.ts';
import { beginText, type TransactionOptions } from '../options/transaction-options.ts';
import { readStatement } from '../sql/statement.ts';
import { noSurvivorBehindPooler } from './failures.ts';
import { readWitness, type Witness, witnessText } from './outcome.ts';

/** Begins, and reads the witness in the same round trip if the options ask for one. */
async function beginOn(
  engine: Engine,
  session: Session,
  call: Call,
  options: TransactionOptions,
): Promise<Witness | undefined> {
  const question = questionOf(options);
  const begin = beginText(options);
  if (question === undefined) {
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

function questionOf(options: TransactionOptions): string | undefined {
  return options.readOnly === true ? undefined : witnessText(options);
}

/** Thrown if BEGIN, or what goes with it, was refused, or its connection was lost. */
export class BeginFailed extends Error {
  constructor(cause: unknown) {
    super('BEGIN failed', { cause });
  }
}

/**
 * The beginning of a transaction: BEGIN by itself, or in one flight with the first statement. It is `due`
 * until something is sent, and happens once.
 */
export class Opening {
  readonly #engine: Engine;
  readonly #session: Session;
  readonly #call: Call;
  readonly #options: TransactionOptions;
  readonly #repeatable: boolean;
  #state: 'due' | 'sent' | 'begun' | 'dropped' = 'due';
  #witness: Witness | undefined;

  /** `repeatable`: the transaction can be run again if a prepared statement turns out to be of an old schema. */
  constructor(
    engine: Engine,
    session: Session,
    call: Call,
    options: TransactionOptions,
    repeatable: boolean,
  ) {
    this.#engine = engine;
    this.#session = session;
    this.#call = call;
    this.#options = options;
    this.#repeatable = repeatable;
  }

  /** Reveals the outcome of the transaction, if the options ask for it. */
  get witness(): Witness | undefined {
    return this.#witness;
  }

  get isDue(): boolean {
    return this.#state === 'due';
  }

  /** Whether the server has begun the transaction. */
  get hasBegun(): boolean {
    return this.#state === 'begun';
  }

  /** The transaction ends before anything was sent: nothing will be. */
  drop(): void {
    if (this.#state === 'due') this.#state = 'dropped';
  }

  /** @throws BeginFailed */
  async alone(): Promise<void> {
    this.#state = 'sent';
    try {
      this.#witness = await beginOn(this.#engine, this.#session, this.#call, this.#options);
      this.#state = 'begun';
    } catch (error) {
      throw new BeginFailed(withNode(error, this.#session.node));
    }
  }

  /**
   * Whether BEGIN and this statement can be sent in one flight: behind a failed BEGIN the server reads nothing
   * up to the Sync, so that the statement is never executed by itself.
   */
  takes({ text, name }: Statement): boolean {
    return this.#state === 'due' && name === undefined && readStatement(text).mayShare;
  }

  /** @throws BeginFailed, or the error of the statement. */
  async with(statement: Statement): Promise<DriverResult> {
    this.#state = 'sent';
    const { connection } = this.#session;
    const both = [ownStatement(beginText(this.#options)), statement];
    const prepare = this.#repeatable && this.#engine.isWorthPreparing(statement.text);
    const start = () => connection.batch?.(both, prepare) ?? NO_RESULTS;
    try {
      const [, result] = await this.#engine.perform(this.#session, start, this.#call, statement.text, true);
      if (result === undefined) throw new Error('BEGIN and the first statement were not answered');
      this.#state = 'begun';
      return result;
    } catch (error) {
      const failure = placed(error);
      if (failure instanceof BeginFailed) throw new BeginFailed(withNode(failure.cause, this.#session.node));
      // The statement failed inside the transaction, unless the connection was lost.
      if (!connection.closed && connection.status !== 'idle') this.#state = 'begun';
      throw failure;
    }
  }
}

const NO_RESULTS: Promise<DriverResult[]> = Promise.resolve([]);

/** The error as it would be if BEGIN and the statement had been sent one after the other. */
function placed(error: unknown): unknown {
  if (typeof error !== 'object' || error === null || !('index' in error)) return error;
  const { index } = error;
  Reflect.deleteProperty(error, 'index');
  return index === 0 ? new BeginFailed(error) : error;
}

/**
 * Whether the function of a transaction may be called before BEGIN is answered: nothing but the loss of the
 * connection can make that BEGIN fail, and its first statement can go with it.
 */
export function mayBeginTogether(session: Session, options: TransactionOptions): boolean {
  const { batch, perTransaction } = session.connection;
  const { isolation, settings, outcome, outcomeTable } = options;
  const isPlain = settings === undefined && outcome === undefined && outcomeTable === undefined;
  // A standby in recovery refuses it.
  return isPlain && isolation !== 'serializable' && batch !== undefined && perTransaction === undefined;
}
