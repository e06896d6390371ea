import type { Call, Search } from '../call/call.ts';
import { abortedError, busy, timedOut, unacknowledged, waitTimedOut } from '../call/failures.ts';
import { Causal } from '../causal/causal.ts';
import type { DriverResult } from '../connection/port.ts';
import type { Herd } from '../herd/herd.ts';
import type { Queued } from '../lanes/ports.ts';
import { SharedStatements } from '../lanes/shared-statements.ts';
import { Dismissed } from '../lanes/stand-ins.ts';
import { factsOf } from '../lanes/statement-facts.ts';
import { messageOf, PgHerdError } from '../model/errors.ts';
import { answeredBy, type QueryResult, type Row, type Statement } from '../model/statement.ts';
import { LeakWatch } from '../node/leaks.ts';
import type { LiveNode } from '../node/live-node.ts';
import type { Session } from '../node/session.ts';
import { Redirected } from '../pool/failures.ts';
import { Abandonment } from '../recovery/abandon.ts';
import { newProgress } from '../recovery/progress.ts';
import { Recovery } from '../recovery/recovery.ts';
import { untilSettled, withinCall } from '../recovery/within.ts';
import { classifyError } from '../retry/classify.ts';
import { chooseNode } from '../routing/choose.ts';
import type { NodeLoad, PolicyContext } from '../routing/policies.ts';
import type { Demand } from '../routing/select.ts';
import { ByText } from '../sql/memo.ts';
import { namingScript, notForQuery } from '../sql/other-verb.ts';
import { earliest, isPast } from '../time/deadline.ts';
import { findNode } from '../topology/topology.ts';
import { HeldLeases } from './held.ts';

/** Pause before a node whose pool could not connect is tried again by the same call, milliseconds. */
const RECONNECT_PAUSE_MS = 50;

/** Finds sessions for calls, runs statements on them, and runs them again where that is right. */
export class Engine<C> {
  /** What becomes of work that failed. */
  readonly recovery: Recovery<C>;
  /** What each asynchronous context holds. */
  readonly held = new HeldLeases<C>();
  /** Who holds connections for too long. */
  readonly leaks: LeakWatch<Session<C>>;
  /** Reads that see the writes before them. */
  readonly causal: Causal<C>;
  readonly #herd: Herd<C>;
  readonly #policyContext: PolicyContext;
  readonly #abandonment: Abandonment<C>;
  readonly #facts = new ByText(factsOf);
  readonly #shared: SharedStatements<Session<C>, LiveNode<C>>;
  #picks = 0;

  constructor(herd: Herd<C>) {
    this.#herd = herd;
    this.recovery = new Recovery<C>(herd);
    const { clock, leakAfterMs } = herd.settings;
    this.leaks = new LeakWatch(clock, leakAfterMs, (leak) => herd.leaked(leak));
    this.causal = new Causal<C>(herd);
    this.#abandonment = new Abandonment<C>(herd, (session, reason) => this.discard(session, reason));
    this.#shared = new SharedStatements<Session<C>, LiveNode<C>>({
      herd,
      rttMs: ({ name }) => findNode(herd.topology, name)?.rttMs,
      recover: (failed) => this.recovery.recover(failed),
      pickAtOnce: (call, lostOn) => this.#pickAtOnce(call, lostOn),
      acquireAtOnce: (node, call) => this.#acquireAtOnce(node, call),
      search: (call, look, picked, begun) => this.search(call, look, picked, begun),
      lease: (node, call, search, queued) => this.#lease(node, call, search, queued),
      release: (session) => this.release(session),
      discard: (session, reason) => this.discard(session, reason),
      abandon: (session, reason, running) => this.#abandonment.abandon(session, reason, false, running),
    });
    this.#policyContext = Object.freeze({
      load: (name: string) => herd.nodes.get(name)?.load ?? NO_LOAD,
      random: () => herd.settings.random.next(),
    });
  }

  get herd(): Herd<C> {
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
    return this.#shared.run(statement, call, facts);
  }

  /** What writes has its connection for itself, which is asked for its position afterwards. */
  async #executeCausally(statement: Statement, given: Call): Promise<QueryResult<Row>> {
    const call = await this.causal.route(given);
    const writes = call.scope !== undefined && call.access === 'read-write';
    return writes ? this.executeAlone(statement, call) : this.execute(statement, call);
  }

  /** As {@link execute}, on a connection that the statement has for itself. */
  executeAlone(statement: Statement, given: Call): Promise<QueryResult<Row>> {
    const work = async (session: Session<C>, call: Call) => {
      session.allowMove();
      const result = await this.send(session, statement, call);
      if (session.committedLocallyOnly && call.access === 'read-write') throw unacknowledged('statement');
      this.release(session);
      return answeredBy(result, session.node);
    };
    return this.attempts(given, statement.text, work, namingScript);
  }

  /**
   * Runs work outside a transaction on a session that suits the call, and again wherever that is right; `text` is its SQL. The work
   * gives the session back if it succeeds; if it fails, that is done here. `reworded` may replace the error that the caller gets.
   */
  async attempts<T>(
    given: Call,
    text: string,
    work: (session: Session<C>, call: Call) => Promise<T>,
    reworded?: (error: unknown) => unknown,
  ): Promise<T> {
    const call = this.causal.concerns(given) ? await this.causal.route(given) : given;
    const progress = newProgress();
    for (;;) {
      const node = this.#pickAtOnce(call, progress.lostOn);
      const session = this.#acquireAtOnce(node, call) ?? (await this.acquire(call, node, progress.lostOn));
      progress.attempts++;
      try {
        return await work(session, call);
      } catch (error) {
        this.release(session);
        await this.recovery.recover({ error, session, call, progress, text, reworded });
      }
    }
  }

  /** A session on a node that suits, as soon as there is one; `picked` is tried first, `lostOn` after a pause. */
  async acquire(given: Call, picked?: LiveNode<C>, lostOn = NONE): Promise<Session<C>> {
    const call = this.causal.concerns(given) ? await this.causal.route(given) : given;
    const look = (node: LiveNode<C>, search: Search) => this.#lease(node, call, search);
    return this.search(call, look, picked, this.#newSearch(call, lostOn));
  }

  /** What `look` finds on one of the nodes that suit, as soon as there is one; `picked` is tried first. */
  async search<T>(
    call: Call,
    look: (node: LiveNode<C>, search: Search) => Promise<T | undefined> | T | undefined,
    picked: LiveNode<C> | undefined,
    search: Search,
  ): Promise<T> {
    const { clock } = this.#herd.settings;
    const { startedAt, deadline } = search;
    let first = picked;
    this.#herd.start();
    for (;;) {
      this.#herd.assertReachable();
      if (call.signal?.aborted) throw abortedError(call.signal);
      const node = first ?? this.pick(call.demand, search.avoid);
      first = undefined;
      const found = node === undefined ? undefined : await look(node, search);
      if (found !== undefined) return found;
      if (node !== undefined) continue;
      // Waiting for a connection that the caller holds itself would end at the deadline only.
      if (search.deadlock !== undefined) throw search.deadlock;
      const { avoid, refusals } = search;
      const until = avoid.size === 0 ? deadline : earliest(deadline, clock.now() + RECONNECT_PAUSE_MS);
      await this.#herd.changed(until, call.signal, call.demand);
      if (isPast(deadline, clock.now())) {
        const error = this.#herd.noNodeError(call.demand, clock.now() - startedAt, refusals);
        throw waitTimedOut(error, call, deadline, clock.now());
      }
      avoid.clear();
    }
  }

  #newSearch(call: Call, lostOn: ReadonlySet<string>): Search {
    const { clock, waitTimeoutMs } = this.#herd.settings;
    const startedAt = clock.now();
    const deadline = earliest(call.deadline, startedAt + waitTimeoutMs);
    return { startedAt, deadline, avoid: new Set(lostOn), refusals: new Map() };
  }

  /** Hands a statement to the session's connection and waits for its answer, as of {@link perform}. */
  send(session: Session<C>, statement: Statement | string, call: Call): Promise<DriverResult> {
    // A request to cancel that is on its way must not hit what comes next.
    if (session.handed.abandoning !== undefined) return this.#sendAfterwards(session, statement, call);
    if (session.occupied) return Promise.reject(busy(session.node));
    const { connection } = session;
    const answer = typeof statement === 'string' ? connection.simple(statement) : connection.query(statement);
    return this.perform(session, answer, call, typeof statement === 'string' ? statement : statement.text);
  }

  /**
   * Waits for what was just handed to the session's connection, at most until the call's deadline. Then it is cancelled on the
   * server where that is right, and the connection destroyed where it does not become ready again. `text` is the statement's.
   */
  async perform<T>(session: Session<C>, answer: Promise<T>, call: Call, text?: string): Promise<T> {
    const node = this.#herd.liveNodeOf(session);
    const landed = node?.inFlight.start();
    session.handed.add(answer, text);
    try {
      const result = await this.#within(answer, session, call, (reason) =>
        this.#abandonment.abandon(session, reason, call === session.owner),
      );
      landed?.(true);
      if (node !== undefined) this.#noteAnswer(node, session);
      this.causal.noteAnswered(session);
      return result;
    } catch (error) {
      landed?.(classifyError(error).severity !== undefined);
      if (node !== undefined) node.failures++;
      throw error;
    } finally {
      session.handed.answered();
    }
  }

  async #sendAfterwards(
    session: Session<C>,
    statement: Statement | string,
    call: Call,
  ): Promise<DriverResult> {
    await untilSettled(session, call, this.#herd.settings.clock);
    return this.send(session, statement, call);
  }

  /**
   * Lets go of a session whose caller gives up, whatever runs there: a COMMIT is not among it. It is to be released as any other.
   */
  abandon(session: Session<C>, reason: string): void {
    if (session.handed.count > 0) this.#abandonment.abandon(session, reason, true);
  }

  /** Gives a session back, after cleaning it up where that is needed. */
  release(session: Session<C>): void {
    const before = session.handed.abandoning ?? this.causal.positionBehind(session);
    if (before !== undefined) {
      void before.then(() => this.release(session));
      return;
    }
    const pool = this.#herd.liveNodeOf(session)?.pool;
    if (pool !== undefined) session.returnTo(pool, this.#herd.settings.clock);
  }

  /** Destroys a session that must not be used again. */
  discard(session: Session<C>, reason: string): void {
    this.#herd.liveNodeOf(session)?.pool.destroyWhere((one) => one === session, reason);
  }

  #noteAnswer(node: LiveNode<C>, session: Session<C>): void {
    node.answered++;
    if (!node.isOk) this.#herd.noteAnswer(session.node, session.generation);
  }

  /** The path of nearly every call: a suitable node is known and has an idle connection of the right access. */
  #acquireAtOnce(node: LiveNode<C> | undefined, call: Call): Session<C> | undefined {
    const session = node?.pool.tryAcquire((one) => one.suits(call.access));
    if (session === undefined) return undefined;
    if (!session.suits(call.access)) {
      this.release(session);
      return undefined;
    }
    this.#hand(session, call);
    return session;
  }

  /** One choice for each call: a policy that takes turns must not be asked twice. */
  #pickAtOnce(call: Call, lostOn: ReadonlySet<string>): LiveNode<C> | undefined {
    return call.signal?.aborted === true || this.#herd.isClosed ? undefined : this.pick(call.demand, lostOn);
  }

  #hand(session: Session<C>, call: Call): void {
    session.lease(call.access, this.#herd.settings.clock.now(), call.scope);
    if (call.access === 'read-write') this.#herd.noteWriter(session.node);
  }

  /** The node that the policy picks of those that suit `demand` best, without those to avoid. */
  pick(demand: Demand, avoid: ReadonlySet<string> = NONE): LiveNode<C> | undefined {
    const herd = this.#herd;
    const picked = chooseNode(herd.select(demand).tiers, avoid, herd.settings.policy, this.#policyContext);
    const node = picked === undefined ? undefined : herd.nodes.get(picked.name);
    if (node === undefined) return undefined;
    this.#picks++;
    node.lastPick = this.#picks;
    return node;
  }

  /** A session of this very node, ready for the call; `undefined` where another node must be looked for. */
  async #lease(
    node: LiveNode<C>,
    call: Call,
    search: Search,
    queued?: Queued,
  ): Promise<Session<C> | undefined> {
    const { deadline } = search;
    const prefer = (session: Session<C>) => session.suits(call.access);
    let session: Session<C>;
    try {
      session =
        node.pool.tryAcquire(prefer) ??
        (await node.pool.acquire({
          deadline,
          signal: call.signal,
          prefer,
          queued,
          // Who stands for statements that wait holds nothing, and those are counted where they wait.
          counted: queued !== undefined,
          held: queued === undefined ? this.#heldOf(node) : 0,
        }));
    } catch (error) {
      if (error instanceof Redirected || error instanceof Dismissed) return undefined;
      const code = error instanceof PgHerdError ? error.code : '';
      const now = this.#herd.settings.clock.now();
      // Who waited in vain for a node that refuses connections is told why it does.
      const refused = code === 'PGHERD_WAIT_TIMEOUT' && search.refusals.has(node.name);
      if (error instanceof PgHerdError && PASSED_ON.has(code) && !refused) {
        throw code === 'PGHERD_WAIT_TIMEOUT' ? waitTimedOut(error, call, deadline, now) : error;
      }
      if (error instanceof PgHerdError && code === 'PGHERD_POOL_SELF_DEADLOCK') search.deadlock = error;
      search.avoid.add(node.name);
      if (!refused) search.refusals.set(node.name, messageOf(error));
      return undefined;
    }
    // The picture may have changed while we waited: what was suitable may have been fenced meanwhile.
    if (session.connection.closed || !this.#herd.stillSuits(node.name, call.demand)) {
      this.release(session);
      return undefined;
    }
    return this.#prepare(session, call);
  }

  /** How many of the node's connections the functions hold in which this call was made. */
  #heldOf(node: LiveNode<C>): number {
    return this.held.count((session) => node.pool.isLeased(session));
  }

  async #prepare(session: Session<C>, call: Call): Promise<Session<C> | undefined> {
    if (!session.suits(call.access)) {
      session.connection.setRef(true);
      try {
        await this.#within(session.setAccess(call.access), session, call, (reason) =>
          this.discard(session, reason),
        );
      } catch {
        this.discard(session, 'its access could not be changed');
        return undefined;
      }
      if (!this.#herd.stillSuits(session.node, call.demand)) {
        this.release(session);
        return undefined;
      }
    }
    this.#hand(session, call);
    return session;
  }

  #within<T>(
    work: Promise<T>,
    session: Session<C>,
    call: Call,
    abandon: (reason: string) => void,
  ): Promise<T> {
    return withinCall(work, call, this.#herd.settings.clock, {
      late: (now) => timedOut(session.node, call, now),
      abandon: (error) => abandon(error.message),
    });
  }
}

const NONE: ReadonlySet<string> = new Set();
/** Of a node that is not there any more. */
const NO_LOAD: NodeLoad = Object.freeze({ inFlight: 0, idle: 0, ewmaMs: undefined, lastPick: 0 });

/** Errors of the pool that are the caller's business, not the node's. */
const PASSED_ON: ReadonlySet<string> = new Set([
  'PGHERD_WAIT_TIMEOUT',
  'PGHERD_POOL_FULL',
  'PGHERD_ABORTED',
  'PGHERD_CLOSED',
  'PGHERD_DRIVER_MISSING',
]);
