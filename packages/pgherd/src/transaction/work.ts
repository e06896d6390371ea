import { assertComment, type Call, type CallOptions, mayWrite } from '../call/call.ts';
import { withNode } from '../call/failures.ts';
import { narrowedCall } from '../call/limits.ts';
import type { DriverResult } from '../connection/port.ts';
import type { Engine } from '../engine/engine.ts';
import { atCaller } from '../model/caller.ts';
import { answeredBy, type QueryResult, type Row, type Statement } from '../model/statement.ts';
import type { Session } from '../node/session.ts';
import { type ConnectionUse, type LongWork, startOnSession, type WorkKind } from '../query/long-work.ts';
import { assertNoOwnSettings } from '../query/settings.ts';
import { untilTurn } from '../recovery/within.ts';
import type { Turn } from '../time/turns.ts';
import type { Opening } from './begin.ts';
import { assertNoControl, waitsForItself } from './failures.ts';
import { Level, savepointName } from './level.ts';
import type { Transaction } from './transaction.ts';

/** The transaction as its work sees it. */
export interface TransactionWorkPorts {
  readonly engine: Engine;
  readonly session: Session;
  readonly call: Call;
  readonly opening: Opening;
  /**
   * Whether the transaction can be run again if a prepared statement turns out to be of an old schema: then its
   * statements may have one.
   */
  readonly repeatable: boolean;
  /** Whether it accepts work. */
  isOpen(): boolean;
  ownsSession(): boolean;
  /** Throws unless the transaction and the level accept work. */
  assertOpen(level: Level): void;
  /** Throws if a statement has ended the transaction. */
  assertInside(): void;
  /** A statement failed. */
  noteError(error: unknown): void;
  /** The statements that failed were undone. */
  forgetErrors(): void;
  /** Waits for what begins the transaction, and gives the turn to what comes next. */
  begun<T>(beginning: Promise<T>): Promise<T>;
  publicView(level: Level): Transaction;
}

/** What runs inside a transaction, level by level: statements, work that keeps the connection, savepoints. */
export class TransactionWork {
  readonly #ports: TransactionWorkPorts;

  #savepoints = 0;

  constructor(ports: TransactionWorkPorts) {
    this.#ports = ports;
  }

  async execute(level: Level, statement: Statement, options: CallOptions): Promise<QueryResult<Row>> {
    const { session, engine } = this.#ports;
    const call = narrowedCall(this.#ports.call, options, engine.herd.settings.clock);
    this.#ports.assertOpen(level);
    assertNoOwnSettings(options);
    assertComment(options.comment);
    assertNoControl(statement.text);
    try {
      const result = await this.#sent(level, statement, call);
      this.#ports.assertInside();
      return answeredBy(result, session.node);
    } catch (error) {
      this.#ports.noteError(error);
      if (mayWrite(call)) await engine.recovery.refusedWrites.explain(error, session.node);
      throw atCaller(withNode(error, session.node), statement.text);
    }
  }

  #sent(level: Level, statement: Statement, call: Call): Promise<DriverResult> {
    const mayBegin = level.outer === undefined && call === this.#ports.call;
    if (mayBegin && this.#ports.opening.takes(statement))
      return this.#ports.begun(this.#ports.opening.with(statement));
    const turn = this.enter(level, call);
    if (turn === undefined) return this.#sentInTurn(level, statement, call);
    return turn.then(() => this.#sentInTurn(level, statement, call));
  }

  #sentInTurn(level: Level, statement: Statement, call: Call): Promise<DriverResult> {
    const { engine, session, repeatable } = this.#ports;
    try {
      // An error inside a savepoint is often expected, and dealt with by its function.
      const mayPrepare = repeatable && level.outer === undefined && statement.name === undefined;
      // It stands in the session's queue when this returns: the next one of the level comes behind it.
      return engine.send(session, statement, call, mayPrepare && engine.isWorthPreparing(statement.text));
    } finally {
      level.turns.leave();
    }
  }

  async start<T>(level: Level, work: WorkKind<T>, options: CallOptions): Promise<LongWork<T>> {
    const session = this.#ports.session;
    const engine = this.#ports.engine;
    const { clock } = engine.herd.settings;
    const call = narrowedCall(this.#ports.call, options, clock);
    assertNoOwnSettings(options);
    assertNoControl(work.statement.text);
    const use: ConnectionUse = {
      session,
      call,
      clock,
      perform: (start, text) => engine.perform(session, start, call, text),
      errorFor: (error) => {
        this.#ports.noteError(error);
        return withNode(error, session.node);
      },
      assertHeld: () => this.#ports.assertOpen(level),
      isReplaceable: false,
      release: () => undefined,
      abandon: (reason) => engine.discard(session, reason),
    };
    await this.enter(level, call);
    try {
      return startOnSession(use, work);
    } finally {
      level.turns.leave();
    }
  }

  async savepoint<T>(outer: Level, fn: (tx: Transaction) => Promise<T> | T): Promise<T> {
    const turn = this.enter(outer, this.#ports.call);
    if (turn !== undefined) await turn;
    const level = new Level(outer);
    outer.inner = level;
    try {
      return await this.#inSavepoint(level, fn);
    } finally {
      level.end();
      outer.inner = undefined;
      outer.turns.leave();
    }
  }

  async #inSavepoint<T>(level: Level, fn: (tx: Transaction) => Promise<T> | T): Promise<T> {
    const name = savepointName(++this.#savepoints);
    const send = (text: string) => this.#ports.engine.send(this.#ports.session, text, this.#ports.call);
    await send(`SAVEPOINT ${name}`);
    const transaction = this.#ports.publicView(level);
    const holding = { isHeld: () => this.#ports.ownsSession(), transaction, savepoint: level };
    try {
      const result = await this.#ports.engine.held.run(holding, async () => fn(transaction));
      // The savepoints inside it have ended, too.
      await this.enter(level, this.#ports.call);
      level.end();
      await send(`RELEASE SAVEPOINT ${name}`);
      level.outer?.callbacks.push(...level.callbacks);
      return result;
    } catch (error) {
      level.end();
      // One around it that has ended already undoes this one as well, which the server knows no more then.
      const isUndone = level.outer?.isOpen === false;
      if (!isUndone && this.#ports.isOpen() && !this.#ports.session.connection.closed) {
        await send(`ROLLBACK TO SAVEPOINT ${name}`);
        this.#ports.forgetErrors();
      }
      throw error;
    }
  }

  /**
   * Takes the turn at a level, which must be left afterwards: at once and returns `undefined`, or resolves when it has come.
   * @throws PgHerdError `PGHERD_SELF_DEADLOCK` if it would wait for the function that it is called in.
   */
  enter(level: Level, call: Call): Promise<void> | undefined {
    this.#ports.assertOpen(level);
    const turn = level.turns.enter();
    if (turn === undefined) return;
    if (level.inner !== undefined && this.#ports.engine.held.isInside(level.inner)) {
      turn.withdraw();
      throw waitsForItself();
    }
    return this.#entered(level, turn, call);
  }

  async #entered(level: Level, turn: Turn, call: Call): Promise<void> {
    await untilTurn(turn, this.#ports.session.node, call, this.#ports.engine.herd.settings.clock);
    try {
      this.#ports.assertOpen(level);
    } catch (error) {
      level.turns.leave();
      throw error;
    }
  }
}
