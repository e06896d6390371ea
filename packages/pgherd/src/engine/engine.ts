import { type Call, mayWrite } from '../call/call.ts';
import { type AwaitedStandby, busy, timedOut, unacknowledged } from '../call/failures.ts';
import { Causal } from '../causal/causal.ts';
import { ACQUIRE, type AcquireMessage } from '../channels/channels.ts';
import type { DriverResult } from '../connection/port.ts';
import { HedgedReads } from '../hedging/hedged-reads.ts';
import type { Herd } from '../herd/herd.ts';
import { SharedStatements } from '../lanes/shared-statements.ts';
import { factsOf, isRepeated } from '../lanes/statement-facts.ts';
import { atCaller } from '../model/caller.ts';
import { answeredBy, type QueryResult, type Row, type Statement } from '../model/statement.ts';
import type { RunningStatement } from '../node/in-flight.ts';
import { LeakWatch } from '../node/leaks.ts';
import type { LiveNode } from '../node/live-node.ts';
import type { Session } from '../node/session.ts';
import { Abandonment } from '../recovery/abandon.ts';
import { newProgress } from '../recovery/progress.ts';
import { Recovery } from '../recovery/recovery.ts';
import { assertInTime, isOutcomeOpen, isUnlimited, untilTurn, withOutcome } from '../recovery/within.ts';
import { classifyError } from '../retry/classify.ts';
import { ByText } from '../sql/memo.ts';
import { namingScript, notForQuery } from '../sql/other-verb.ts';
import { findNode } from '../topology/topology.ts';
import type { CallWatch } from '../tracing/watch.ts';
import { watchOf } from '../tracing/watch-of.ts';
import { HeldLeases } from './held.ts';
import { LockWaits } from './lock-wait.ts';
import { Sessions } from './sessions.ts';

/** Finds sessions for calls, runs statements on them, and runs them again where that is right. */
export class Engine {
  /** What becomes of work that failed. */
  readonly recovery: Recovery;
  /** What each asynchronous context holds. */
  readonly held = new HeldLeases();
  /** Leases that are held for too long. */
  readonly leaks: LeakWatch<Session>;
  /** Reads that see the writes before them. */
  readonly causal: Causal;
  /** Finds the connections. */
  readonly sessions: Sessions;
  /** What watches the calls. */
  readonly watch: CallWatch;
  readonly #herd: Herd;
  readonly #abandonment: Abandonment;
  readonly #facts = new ByText(factsOf);
  readonly #shared: SharedStatements<Session, LiveNode>;
  /** Whether reads are hedged unless their call says otherwise. */
  readonly #hedges: boolean;
  readonly #hedged: HedgedReads<Session, LiveNode>;

  constructor(herd: Herd) {
    this.#herd = herd;
    this.recovery = new Recovery(herd);
    this.watch = watchOf(herd, (text, call) => this.#simple(text, call));
    const { clock, leakAfterMs } = herd.settings;
    this.leaks = new LeakWatch(clock, leakAfterMs, (leak) => herd.leaked(leak));
    this.causal = new Causal(herd);
    this.#abandonment = new Abandonment(herd, (session, reason) => this.discard(session, reason));
    this.sessions = new Sessions(herd, this.causal, this.held, this);
    const locks = new LockWaits(herd);
    this.#shared = new SharedStatements<Session, LiveNode>({
      herd,
      rttMs: ({ name }) => findNode(herd.topology, name)?.rttMs,
      recover: (failed) => this.recovery.recover(failed),
      pickAtOnce: (call, lostOn) => this.sessions.pickAtOnce(call, lostOn),
      acquireAtOnce: (node, call, now, untested) => this.sessions.acquireAtOnce(node, call, now, untested),
      search: (call, look, picked, begun) => this.sessions.search(call, look, picked, begun),
      hand: (session, call) => this.sessions.hand(session, call),
      prepare: (session, call) => this.sessions.prepare(session, call),
      noteRefusal: (error, node, call, search) => this.sessions.noteRefusal(error, node, call, search),
      waitsForLock: (session) => locks.has(session),
      standbyAwaitedBy: (session) => this.#standbyAwaitedBy(session),
      release: (session, now) => this.release(session, now),
      discard: (session, reason) => this.discard(session, reason),
      abandon: (session, reason, running) => this.#abandonment.abandon(session, reason, running),
    });
    this.#hedges = herd.settings.hedge.byDefault;
    this.#hedged = new HedgedReads<Session, LiveNode>({
      clock,
      shared: this.#shared,
      minDelayMs: herd.settings.hedge.minDelayMs,
      hasOthers: ({ demand }) => this.sessions.hasOthers(demand),
      pickBeside: ({ demand }, nodes) => this.sessions.pickBeside(demand, nodes),
      mayRetry: () => this.recovery.mayHedge,
      spend: () => this.recovery.noteHedge(),
      ended: (end) => herd.events.emit('call:hedged', end),
    });
  }

  get herd(): Herd {
    return this.#herd;
  }

  /**
   * Runs one statement outside a transaction, on whichever node suits, again where nothing was executed. It shares a connection
   * where it may: not where the context of the call holds what others on that connection may wait for.
   */
  execute(statement: Statement, call: Call): Promise<QueryResult<Row>> {
    const facts = this.#facts.of(statement.text);
    if (facts.otherVerb !== undefined) return Promise.reject(notForQuery(facts));
    if (this.causal.concerns(call)) return this.#executeCausally(statement, call);
    const { prepare } = this.#herd.settings;
    const mayShare = facts.mayShare && (prepare || statement.name === undefined);
    if (!mayShare || this.held.holdsAny) return this.executeAlone(statement, call);
    if ((call.hedge ?? this.#hedges) && !facts.writes && !mayWrite(call))
      return this.#hedged.run(statement, call, facts);
    return this.#shared.run(statement, call, facts);
  }

  /** What writes has its connection for itself, which is asked for its position afterwards. */
  async #executeCausally(statement: Statement, given: Call): Promise<QueryResult<Row>> {
    const call = await this.causal.route(given);
    const writes = call.scope !== undefined && mayWrite(call);
    return writes ? this.executeAlone(statement, call) : this.execute(statement, call);
  }

  /** As {@link execute}, on a connection that the statement has for itself. */
  async executeAlone(statement: Statement, given: Call): Promise<QueryResult<Row>> {
    const work = async (session: Session, call: Call) => {
      session.allowMove();
      const result = await this.send(session, statement, call);
      if (session.committedLocallyOnly && session.use === 'read-write') throw unacknowledged('statement');
      this.release(session);
      return answeredBy(result, session.node);
    };
    try {
      return await this.attempts(given, statement.text, work, namingScript);
    } catch (error) {
      throw atCaller(error, statement.text);
    }
  }

  /** The rows of SQL of pgherd's own, which is run by the simple protocol. */
  #simple(text: string, given: Call): Promise<readonly Row[]> {
    return this.attempts(given, text, async (session, call) => {
      const { rows } = await this.send(session, text, call);
      this.release(session);
      return rows;
    });
  }

  /**
   * Runs work outside a transaction on a session that suits the call, and again wherever that is right; `text` is its SQL. The work
   * gives the session back if it succeeds; if it fails, that is done here. `reworded` may replace the error that the caller gets.
   */
  async attempts<T>(
    given: Call,
    text: string,
    work: (session: Session, call: Call) => Promise<T>,
    reworded?: (error: unknown) => unknown,
  ): Promise<T> {
    const call = this.causal.concerns(given) ? await this.causal.route(given) : given;
    const progress = newProgress();
    for (;;) {
      const acquired = this.acquire(call, progress.lostOn);
      const session = acquired instanceof Promise ? await acquired : acquired;
      progress.attempts++;
      call.record?.sent(session.node, this.#herd.settings.clock.now(), false);
      try {
        return await work(session, call);
      } catch (error) {
        this.release(session);
        await this.recovery.recover({ error, session, call, progress, text, reworded });
      }
    }
  }

  /**
   * A session on a node that suits, as soon as there is one, which is at once for nearly every call; those of `lostOn` are tried
   * after a pause.
   */
  acquire(call: Call, lostOn: ReadonlySet<string> = NONE): Session | Promise<Session> {
    if (ACQUIRE.isWatched) return this.#acquireTraced(call, lostOn);
    return this.#acquire(call, lostOn);
  }

  #acquireTraced(call: Call, lostOn: ReadonlySet<string>): Promise<Session> {
    const message: AcquireMessage = { cluster: this.#herd.settings.label, target: call.demand.target };
    return ACQUIRE.trace(message, async () => {
      const session = await this.#acquire(call, lostOn);
      message.node = session.node;
      return session;
    });
  }

  #acquire(call: Call, lostOn: ReadonlySet<string>): Session | Promise<Session> {
    if (this.causal.concerns(call)) return this.sessions.acquire(call, undefined, lostOn);
    const node = this.sessions.pickAtOnce(call, lostOn);
    return this.sessions.acquireAtOnce(node, call) ?? this.sessions.acquire(call, node, lostOn);
  }

  /**
   * Hands a statement to the session's connection and waits for its answer, as of {@link perform}. `prepare`: see
   * {@link isWorthPreparing}.
   */
  send(session: Session, statement: Statement | string, call: Call, prepare = false): Promise<DriverResult> {
    if (session.occupied) return Promise.reject(busy(session.node));
    const { connection } = session;
    return typeof statement === 'string'
      ? this.perform(session, () => connection.simple(statement), call, statement)
      : this.perform(session, () => connection.query(statement, prepare), call, statement.text);
  }

  /** Whether this SQL, which runs now, is worth a prepared statement: a single statement that has run before. */
  isWorthPreparing(text: string): boolean {
    if (!this.#herd.settings.prepare) return false;
    const facts = this.#facts.of(text);
    return facts.mayShare && isRepeated(facts);
  }

  /**
   * Starts something on the session's connection when its turn has come, and waits for the answer, at most until the call's limits.
   * If they come before its turn, it is never started. If they come later, it is cancelled on the server where that is right, and the
   * connection destroyed where it does not become ready again. `text` is the SQL; `begins`: it begins a transaction of its own.
   */
  perform<T>(
    session: Session,
    start: () => Promise<T>,
    call: Call,
    text?: string,
    begins = false,
  ): Promise<T> {
    const turn = session.handed.enter();
    if (turn === undefined) return this.#performInTurn(session, start, call, text, begins);
    const granted = untilTurn(turn, session.node, call, this.#herd.settings.clock);
    return granted.then(() => this.#performInTurn(session, start, call, text, begins));
  }

  async #performInTurn<T>(
    session: Session,
    start: () => Promise<T>,
    call: Call,
    text: string | undefined,
    begins: boolean,
  ): Promise<T> {
    const { handed } = session;
    const { clock } = this.#herd.settings;
    let answer: Promise<T> | undefined;
    let node: LiveNode | undefined;
    let running: RunningStatement | undefined;
    try {
      assertInTime(session.node, call, clock);
      const inTransaction = begins || session.connection.status !== 'idle';
      answer = start();
      handed.handed(answer, text, inTransaction);
      node = this.#herd.liveNodeOf(session);
      running = node?.inFlight.start();
      const result = await (isUnlimited(call)
        ? answer
        : this.#untilLimit(answer, session, call, text, inTransaction));
      if (node !== undefined && running !== undefined) this.#noteAnswer(node, session, running);
      this.causal.noteAnswered(session);
      return result;
    } catch (error) {
      if (running !== undefined) node?.inFlight.ended(running, classifyError(error).severity !== undefined);
      if (answer !== undefined) node?.noteFailure();
      throw error;
    } finally {
      handed.leave(answer);
    }
  }

  #untilLimit<T>(
    answer: Promise<T>,
    session: Session,
    call: Call,
    text: string | undefined,
    inTransaction: boolean,
  ): Promise<T> {
    const isOpen = () =>
      isOutcomeOpen({
        text,
        inTransaction,
        couldNotWrite: session.couldNotWrite,
        idempotent: call.idempotent,
      });
    return withOutcome(answer, call, this.#herd.settings.clock, isOpen, {
      late: (now) => timedOut(session.node, call, now, this.#standbyAwaitedBy(session)),
      abandon: (error) => this.#abandonment.abandon(session, error.message),
    });
  }

  /** The synchronous standby that the commit on this session waits for, as far as it was seen. */
  #standbyAwaitedBy({ connection, node }: Session): AwaitedStandby | undefined {
    return this.#herd.nodes.get(node)?.standbyWaits.of(connection.backendPid);
  }

  /** Abandons what runs on a session, except a COMMIT, for its caller has gone. The session is released as any other. */
  abandon(session: Session, reason: string): void {
    if (session.handed.answer !== undefined) this.#abandonment.abandon(session, reason);
  }

  /** Gives a session back when nothing runs on it any more, after cleaning it up where that is needed; `now` is the time just read. */
  release(session: Session, now?: number): void {
    const before = session.handed.rest() ?? this.causal.positionBehind(session);
    if (before !== undefined) {
      void before.then(() => this.release(session));
      return;
    }
    const pool = this.#herd.liveNodeOf(session)?.pool;
    if (pool !== undefined) session.returnTo(pool, this.#herd.settings.clock, now);
  }

  /** Destroys a session that must not be used again. */
  discard(session: Session, reason: string): void {
    this.#herd.liveNodeOf(session)?.pool.destroyWhere((one) => one === session, reason);
  }

  #noteAnswer(node: LiveNode, session: Session, running: RunningStatement): void {
    node.inFlight.ended(running, true);
    node.noteAnswered();
    if (!node.isOk) this.#herd.noteAnswer(session.node, session.generation);
  }
}

const NONE: ReadonlySet<string> = new Set();
