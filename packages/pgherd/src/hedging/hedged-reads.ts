import type { Call } from '../call/call.ts';
import type { LaneNode } from '../lanes/ports.ts';
import type { LaneSession } from '../lanes/session.ts';
import type { SharedStatement } from '../lanes/shared-statement.ts';
import type { SharedStatements } from '../lanes/shared-statements.ts';
import type { StatementFacts } from '../lanes/statement-facts.ts';
import { rejectedAtCaller } from '../model/caller.ts';
import type { QueryResult, Row, Statement } from '../model/statement.ts';
import { callsUnknownFunction } from '../sql/functions.ts';
import { ByText } from '../sql/memo.ts';
import type { Clock } from '../time/port.ts';
import { watchdog } from '../time/watchdog.ts';
import { HedgedRead, type HedgedReadPorts, type HedgeEnd } from './hedged-read.ts';
import { Latencies } from './latencies.ts';

/** A read is sent a second time when it takes longer than this part of the recent ones of its text. */
const QUANTILE = 0.95;

/** What hedged reads need. */
export interface HedgedReadsPorts<S extends LaneSession, N extends LaneNode<S>> {
  readonly clock: Clock;
  readonly shared: SharedStatements<S, N>;
  /** No read is sent a second time sooner, milliseconds. */
  readonly minDelayMs: number;
  /** Whether more than one node suits the call as well as the first. */
  hasOthers(call: Call): boolean;
  /** Another node that suits the call as well as these; `undefined` if there is none. */
  pickBeside(call: Call, nodes: ReadonlySet<string>): N | undefined;
  /** Whether the retry budget has a token. */
  mayRetry(): boolean;
  /** Takes a token of the retry budget. */
  spend(): void;
  ended(end: HedgeEnd): void;
}

/** What is known about a text. */
interface Learnt {
  /** Whether running it twice does no harm: it calls no function of which nothing is known. */
  readonly isHarmless: boolean;
  readonly latencies: Latencies;
}

/**
 * Runs reads of which a second copy goes to another node if the first takes longer than usual. What is usual is learnt for each text:
 * nodes that serve the same reads differ less than texts do.
 */
export class HedgedReads<S extends LaneSession, N extends LaneNode<S>> {
  readonly #ports: HedgedReadsPorts<S, N>;
  readonly #byText = new ByText<Learnt>((text) => ({
    isHarmless: !callsUnknownFunction(text),
    latencies: new Latencies(QUANTILE),
  }));

  constructor(ports: HedgedReadsPorts<S, N>) {
    this.#ports = ports;
  }

  /** Runs a read that may share a connection. */
  run(statement: Statement, call: Call, facts: StatementFacts): Promise<QueryResult<Row>> {
    const { shared } = this.#ports;
    const learnt = this.#byText.of(statement.text);
    if (!learnt.isHarmless || !this.#ports.hasOthers(call)) return shared.run(statement, call, facts);
    const usualMs = learnt.latencies.quantileMs;
    const delayMs = usualMs === undefined ? undefined : Math.max(this.#ports.minDelayMs, usualMs);
    return new Promise((resolve) => {
      const reject = (error: unknown) => resolve(rejectedAtCaller(error, statement.text));
      const read = new HedgedRead<S>(this.#readPorts(learnt.latencies), resolve, reject);
      const first: SharedStatement<S> = shared.make(read, statement, call, facts, {
        resolve: (result) => read.answered(first, result),
        reject: (error) => read.rejected(error),
      });
      read.begin(first, delayMs);
      shared.start(first);
    });
  }

  #readPorts(latencies: Latencies): HedgedReadPorts<S> {
    const { clock, shared } = this.#ports;
    return {
      owner: shared,
      now: () => clock.now(),
      later: (ms, fire) => watchdog(clock, ms, fire, { ref: false }),
      second: (read, first) => this.#second(read, first),
      abandon: (loser, reason) => shared.abandon(loser, reason),
      learn: (tookMs) => latencies.note(tookMs),
      ended: (end) => this.#ports.ended(end),
    };
  }

  /** It is sent only where a connection has room: one that would have to wait or to be opened comes too late. */
  #second(read: HedgedRead<S>, first: SharedStatement<S>): SharedStatement<S> | undefined {
    const { shared } = this.#ports;
    const { call, facts, statement } = first;
    if (!this.#ports.mayRetry()) return undefined;
    const unlimited = { ...call, deadline: Number.POSITIVE_INFINITY, signal: undefined };
    const second: SharedStatement<S> = shared.make(read, statement, unlimited, facts, {
      resolve: (result) => read.answered(second, result),
      reject: () => undefined,
    });
    const node = first.lane?.session.node;
    const tried = new Set(node === undefined ? [] : [node]);
    for (
      let other = this.#ports.pickBeside(call, tried);
      other !== undefined;
      other = this.#ports.pickBeside(call, tried)
    ) {
      tried.add(other.name);
      if (!shared.sendAtOnce(other, second)) continue;
      this.#ports.spend();
      return second;
    }
    return undefined;
  }
}
