import type { Call, Search } from '../call/call.ts';
import { timedOut, unacknowledged, waitTimedOut } from '../call/failures.ts';
import { rejectedAtCaller } from '../model/caller.ts';
import type { Access } from '../model/names.ts';
import type { QueryResult, Row, Statement } from '../model/statement.ts';
import { lateError } from '../node/pool-errors.ts';
import type { LaneLimits } from '../options/lane-limits.ts';
import { Redirected } from '../pool/failures.ts';
import { newProgress } from '../recovery/progress.ts';
import { withOutcome } from '../recovery/within.ts';
import { namingScript } from '../sql/other-verb.ts';
import { earliest } from '../time/deadline.ts';
import { LoopClock } from './loop-clock.ts';
import { NodeLanes } from './node-lanes.ts';
import type { LaneNode, SharedStatementsPorts } from './ports.ts';
import type { QueuedStatement } from './queue.ts';
import { unknownRisk } from './service-time.ts';
import type { LaneSession } from './session.ts';
import { type Settlement, SharedStatement, type StatementOwner } from './shared-statement.ts';
import { isRepeated, type StatementFacts } from './statement-facts.ts';

/**
 * Runs statements on lanes: each joins one as soon as there is room, and another one if nothing was executed.
 */
export class SharedStatements<S extends LaneSession, N extends LaneNode<S>> implements StatementOwner<S> {
  readonly #ports: SharedStatementsPorts<S, N>;
  readonly #clock: LoopClock;
  readonly #newTexts = unknownRisk();
  readonly #lanes = new WeakMap<N, Readonly<Record<Access, NodeLanes<S>>>>();

  constructor(ports: SharedStatementsPorts<S, N>) {
    this.#ports = ports;
    this.#clock = new LoopClock(ports.herd.settings.clock);
  }

  /** Runs a statement that may share a connection. */
  run(statement: Statement, call: Call, facts: StatementFacts): Promise<QueryResult<Row>> {
    // It was read when the call began, unless that call had to wait for a node that shows earlier writes.
    if (call.routed !== true) this.#clock.at(call.startedAt);
    return new Promise((resolve) => {
      const reject = (error: unknown) => resolve(rejectedAtCaller(error, statement.text));
      this.#start(this.make(this, statement, call, facts, { resolve, reject }), NONE);
    });
  }

  /** A statement that has not started. What fails of it goes to `owner`, which may pass it on to this object. */
  make(
    owner: StatementOwner<S>,
    statement: Statement,
    call: Call,
    facts: StatementFacts,
    { resolve, reject }: Settlement,
  ): SharedStatement<S> {
    const repeated = isRepeated(facts) || statement.name !== undefined;
    const prepare = this.#ports.herd.settings.prepare && repeated;
    return new SharedStatement<S>(owner, statement, call, facts, prepare, resolve, reject);
  }

  /** Starts a statement of another owner. */
  start(shared: SharedStatement<S>): void {
    this.#start(shared, NONE);
  }

  /**
   * Sends a statement to this node if a connection has room for it now, be it one that has been idle for long; returns whether it was sent.
   */
  sendAtOnce(node: N, shared: SharedStatement<S>): boolean {
    return this.#joinAtOnce(node, shared, true);
  }

  /** What ends a waiting statement of this owner takes it out of its queue. */
  readonly isOver = false;

  failed(shared: SharedStatement<S>, session: S, error: unknown): void {
    void this.#recover(shared, session, error);
  }

  unacknowledged(): unknown {
    return unacknowledged('statement');
  }

  limit(shared: SharedStatement<S>, session: S): Settlement {
    const { call } = shared;
    let settlement = NO_SETTLEMENT;
    const work = new Promise<QueryResult<Row>>((resolve, reject) => {
      settlement = { resolve, reject };
    });
    // A read is run on a connection that cannot write: how it ended does not matter.
    const isOpen = () => session.use === 'read-write' && !call.idempotent;
    withOutcome(work, call, this.#ports.herd.settings.clock, isOpen, {
      late: (now) => timedOut(session.node, call, now, this.#ports.standbyAwaitedBy(session)),
      abandon: (error) => this.abandon(shared, error.message),
    }).then(shared.resolve, (error: unknown) => this.failed(shared, session, error));
    return settlement;
  }

  #start(shared: SharedStatement<S>, lostOn: ReadonlySet<string>): void {
    const { call } = shared;
    const node = this.#ports.pickAtOnce(call, lostOn);
    if (node !== undefined && this.#joinAtOnce(node, shared)) return;
    const startedAt = this.#clock.now();
    const deadline = earliest(call.deadline, startedAt + this.#ports.herd.settings.waitTimeoutMs);
    // The usual path of a statement that has to wait: the node is known.
    if (node !== undefined) {
      this.#wait(node, shared, deadline, startedAt);
      return;
    }
    this.#search(shared, { startedAt, deadline, avoid: new Set(lostOn), refusals: new Map() });
  }

  /** Looks for a node on which the statement can run or wait. */
  #search(shared: SharedStatement<S>, search: Search): void {
    const look = (node: N): true => {
      if (shared.isOver) return true;
      if (this.#joinAtOnce(node, shared)) return true;
      shared.search = search;
      this.#wait(node, shared, search.deadline, search.startedAt);
      return true;
    };
    this.#ports.search(shared.call, look, undefined, search).catch(shared.reject);
  }

  #wait(node: N, shared: SharedStatement<S>, deadline: number, since: number): void {
    try {
      node.pool.assertRoom();
    } catch (error) {
      shared.reject(error);
      return;
    }
    this.#lanesOf(node, node.accessFor(shared.call)).queue(shared, deadline, since);
  }

  /** The pool had no connection for a statement that waited. What follows is no part of what the pool does now. */
  #refused(node: N, waiting: QueuedStatement<S>, error: unknown): void {
    const { shared } = waiting;
    const search = searchOf(waiting);
    queueMicrotask(() => {
      try {
        if (!(error instanceof Redirected)) this.#ports.noteRefusal(error, node.name, shared.call, search);
        this.#search(shared, search);
      } catch (end) {
        shared.reject(end);
      }
    });
  }

  /** If the node refuses connections, the error says why. */
  #late(node: N, { shared, since, deadline }: QueuedStatement<S>, now: number): void {
    const { call, search } = shared;
    const waitedMs = now - since;
    const error = search?.refusals.has(node.name)
      ? this.#ports.herd.noNodeError(call.demand, waitedMs, search.refusals)
      : lateError(node.name, node.pool.stats(), Math.round(waitedMs));
    shared.reject(waitTimedOut(error, call, deadline, now));
  }

  #joinAtOnce(node: N, shared: SharedStatement<S>, untested = false): boolean {
    const access = node.accessFor(shared.call);
    const lanes = this.#lanesOf(node, access);
    const now = this.#clock.now();
    if (lanes.holdsBack(shared, now)) return false;
    if (lanes.admit(shared, now)) {
      if (access === 'read-write') this.#ports.herd.noteWriter(node.name);
      return true;
    }
    const session = this.#ports.acquireAtOnce(node, shared.call, now, untested);
    if (session === undefined) return false;
    lanes.open(session, shared, now);
    return true;
  }

  async #recover(shared: SharedStatement<S>, session: S, error: unknown): Promise<void> {
    const { statement, call } = shared;
    shared.progress ??= newProgress();
    const { progress } = shared;
    progress.attempts++;
    try {
      await this.#ports.recover({ error, session, call, progress, text: statement.text });
      shared.search = undefined;
      this.#start(shared, progress.lostOn);
    } catch (end) {
      shared.reject(namingScript(end));
    }
  }

  /** Gives up a statement that is on a lane. Others on the lane continue; if there are none, the connection is abandoned. */
  abandon(shared: SharedStatement<S>, reason: string): void {
    const { lane } = shared;
    if (lane === undefined) return;
    lane.abandon(shared);
    if (lane.awaited > 0) return;
    lane.leaving = true;
    const { session } = lane;
    // A cancel request hits the statement that runs when it arrives: if there are several, none may be a
    // write.
    if (lane.depth > 1 && lane.writes > 0) {
      this.#ports.discard(session, reason);
      return;
    }
    const { text } = (lane.head ?? shared).statement;
    this.#ports.abandon(session, reason, { answer: lane.untilEmpty(), text, inTransaction: false });
  }

  #lanesOf(node: N, access: Access): NodeLanes<S> {
    let lanes = this.#lanes.get(node);
    if (lanes === undefined) {
      lanes = {
        'read-write': this.#lanesFor(node, 'read-write'),
        'read-only': this.#lanesFor(node, 'read-only'),
      };
      this.#lanes.set(node, lanes);
    }
    return lanes[access];
  }

  #lanesFor(node: N, access: Access): NodeLanes<S> {
    const ports = this.#ports;
    const { herd } = ports;
    const { clock, lanes } = herd.settings;
    return new NodeLanes<S>({
      access,
      limits: lanes ?? ALONE,
      sharing: lanes !== undefined,
      clock,
      hand: ports.hand,
      prepare: ports.prepare,
      elsewhere: (waiting) => this.#search(waiting.shared, searchOf(waiting)),
      refused: (waiting, error) => this.#refused(node, waiting, error),
      late: (waiting, now) => this.#late(node, waiting, now),
      now: () => this.#clock.now(),
      turnMs: () => this.#clock.turnMs,
      rttMs: () => ports.rttMs(node),
      inFlight: node.inFlight,
      pool: node.pool,
      release: ports.release,
      waitsForLock: ports.waitsForLock,
      newTexts: this.#newTexts,
      suits: ({ call }) => !herd.isClosed && herd.stillSuits(node.name, call.demand),
      answered: ({ generation }) => {
        node.noteAnswered();
        if (!node.isOk) herd.noteAnswer(node.name, generation);
      },
      failed: () => node.noteFailure(),
    });
  }
}

/** How far the search for a node has come of a statement that waited. */
function searchOf<S extends LaneSession>({ shared, since, deadline }: QueuedStatement<S>): Search {
  return (
    shared.search ?? {
      startedAt: since,
      deadline,
      avoid: new Set(shared.progress?.lostOn),
      refusals: new Map(),
    }
  );
}

const NONE: ReadonlySet<string> = new Set();
/** With `lanes: false`. */
const ALONE: LaneLimits = Object.freeze({ maxDepth: 1, maxWrites: 1, maxQueueMs: 0 });
const NO_SETTLEMENT: Settlement = Object.freeze({ resolve: () => undefined, reject: () => undefined });
