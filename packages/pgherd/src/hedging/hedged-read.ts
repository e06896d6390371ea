import type { LaneSession } from '../lanes/session.ts';
import type { Settlement, SharedStatement, StatementOwner } from '../lanes/shared-statement.ts';
import type { QueryResult, Row } from '../model/statement.ts';
import type { Timer } from '../time/port.ts';

/** If there was no room elsewhere, it is tried again when the read has taken so many times as long. */
const AGAIN_FACTOR = 2;

/** How a hedged read ended: which node answered it, if any did. */
export interface HedgeEnd {
  /** `undefined` if the first attempt still waited for its connection. */
  readonly node: string | undefined;
  readonly other: string;
  /** Time after which the second attempt was sent, milliseconds. */
  readonly afterMs: number;
  readonly winner: string | undefined;
}

/** What a {@link HedgedRead} needs. */
export interface HedgedReadPorts<S extends LaneSession> {
  /** Decides what becomes of statements that fail, as of those that are not hedged. */
  readonly owner: StatementOwner<S>;
  now(): number;
  /** Calls `fire` after `ms` milliseconds. */
  later(ms: number, fire: () => void): Timer;
  /** Sends the same statement to another node; `undefined` if that cannot be done at once, or is not worth it. */
  second(read: HedgedRead<S>, first: SharedStatement<S>): SharedStatement<S> | undefined;
  /** The answer of a statement that is on a lane is not awaited any more. */
  abandon(shared: SharedStatement<S>, reason: string): void;
  /** A statement was answered, `tookMs` milliseconds after it was sent. */
  learn(tookMs: number): void;
  ended(end: HedgeEnd): void;
}

/**
 * A read that is sent a second time, to another node, if its answer does not come as soon as usual. The first answer counts, and the
 * other attempt is abandoned. If the first attempt fails while the second runs, the failure waits for what becomes of the second: only
 * if that fails too is it dealt with, as that of any statement. So there are never more than two attempts under way, and errors of the
 * second are never seen.
 *
 * It is in one of three states: one attempt, with a timer or without; two attempts; `over`.
 */
export class HedgedRead<S extends LaneSession> implements StatementOwner<S> {
  readonly #ports: HedgedReadPorts<S>;
  readonly #resolve: (result: QueryResult<Row>) => void;
  readonly #reject: (error: unknown) => void;
  #first: SharedStatement<S> | undefined;
  #second: SharedStatement<S> | undefined;
  #timer: Timer | undefined;
  /** Settles the first attempt if its call has limits, which it keeps while it runs. */
  #limits: Settlement | undefined;
  /** The first attempt has failed, and the second has not; deals with the failure. */
  #failure: (() => void) | undefined;
  #hedge: Omit<HedgeEnd, 'winner'> | undefined;
  #over = false;

  constructor(
    ports: HedgedReadPorts<S>,
    resolve: (result: QueryResult<Row>) => void,
    reject: (error: unknown) => void,
  ) {
    this.#ports = ports;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** The first attempt is about to start; after `delayMs` without an answer there is a second one. */
  begin(first: SharedStatement<S>, delayMs: number | undefined): void {
    this.#first = first;
    if (delayMs !== undefined) this.#wait(first, delayMs, delayMs);
  }

  /** An attempt was answered. */
  answered(shared: SharedStatement<S>, result: QueryResult<Row>): void {
    if (this.#over) return;
    this.#ports.learn(this.#ports.now() - shared.sentAt);
    this.#end(result.node);
    const loser = shared === this.#first ? this.#second : this.#first;
    if (loser?.lane !== undefined) this.#ports.abandon(loser, 'another node answered first');
    // Its own deadline must not strike any more.
    if (loser === this.#first) this.#limits?.resolve(result);
    this.#resolve(result);
  }

  /** The call has ended with this error. */
  rejected(error: unknown): void {
    if (this.#over) return;
    this.#end(undefined);
    if (this.#second?.lane !== undefined) this.#ports.abandon(this.#second, 'its call is over');
    this.#reject(error);
  }

  failed(shared: SharedStatement<S>, session: S, error: unknown): void {
    if (this.#over) return;
    if (shared === this.#first) this.#firstFailed(() => this.#ports.owner.failed(shared, session, error));
    else this.#secondFailed();
  }

  /** Only the first attempt has the limits of the call. */
  limit(shared: SharedStatement<S>, session: S): Settlement {
    const limits = this.#ports.owner.limit(shared, session);
    this.#limits = limits;
    return {
      resolve: (result) => limits.resolve(result),
      reject: (error) => {
        if (!this.#over) this.#firstFailed(() => limits.reject(error));
      },
    };
  }

  get isOver(): boolean {
    return this.#over;
  }

  unacknowledged(): unknown {
    return this.#ports.owner.unacknowledged();
  }

  #firstFailed(settle: () => void): void {
    this.#stopWaiting();
    if (this.#second === undefined) settle();
    else this.#failure = settle;
  }

  /** Nothing is lost: the first attempt runs on, or its failure is dealt with now. */
  #secondFailed(): void {
    this.#second = undefined;
    this.#report(undefined);
    const settle = this.#failure;
    this.#failure = undefined;
    settle?.();
  }

  #wait(first: SharedStatement<S>, ms: number, delayMs: number): void {
    this.#timer = this.#ports.later(ms, () => this.#late(first, delayMs));
  }

  #late(first: SharedStatement<S>, delayMs: number): void {
    this.#timer = undefined;
    if (this.#over) return;
    const node = first.lane?.session.node;
    const afterMs = this.#ports.now() - (node === undefined ? first.call.startedAt : first.sentAt);
    if (afterMs < delayMs) {
      this.#wait(first, delayMs - afterMs, delayMs);
      return;
    }
    const second = this.#ports.second(this, first);
    // There was no room, or its connection was gone already and it has failed by now.
    if (second?.lane === undefined) {
      this.#wait(first, delayMs, AGAIN_FACTOR * delayMs);
      return;
    }
    this.#second = second;
    this.#hedge = { node, other: second.lane.session.node, afterMs };
  }

  #end(winner: string | undefined): void {
    this.#over = true;
    this.#stopWaiting();
    this.#report(winner);
  }

  #stopWaiting(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #report(winner: string | undefined): void {
    const hedge = this.#hedge;
    this.#hedge = undefined;
    if (hedge !== undefined) this.#ports.ended({ ...hedge, winner });
  }
}
