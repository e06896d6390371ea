import { readStatement, type StatementText } from '../sql/statement.ts';
import { isLong, type ServiceTime, unmeasured } from './service-time.ts';

/** What is known about a statement: from its SQL, and from its runs so far. */
export interface StatementFacts extends StatementText {
  readonly time: ServiceTime;
  /** Number of runs; SQL that runs once is not worth a prepared statement. */
  seen: number;
  /** From this run on it may be tried behind another statement again. */
  tryAt: number;
  tries: number;
  /** Seen waiting for a lock: it does not share before then, milliseconds of the cluster's clock. */
  aloneUntil: number;
}

/** The facts about a statement that has not run yet. */
export function factsOf(text: string): StatementFacts {
  return {
    ...readStatement(text),
    time: unmeasured(),
    seen: 0,
    tryAt: 0,
    tries: 0,
    aloneUntil: Number.NEGATIVE_INFINITY,
  };
}

/** SQL is prepared from this run on. */
const PREPARED_FROM = 2;

/** Counts one more run, and says whether the SQL has run often enough to be worth a prepared statement. */
export function isRepeated(facts: StatementFacts): boolean {
  return ++facts.seen >= PREPARED_FROM;
}

/**
 * Runs before a statement that seems long is tried behind another one; doubled by each trial, up to a limit.
 */
const FIRST_TRY_AFTER = 8;
const MOST_DOUBLINGS = 6;

/**
 * Whether this run is a trial that measures how long the statement takes behind another one: on a busy
 * machine every statement that is alone seems long. Trials become rarer, so that they do not affect the 99th
 * percentile.
 */
export function isTried(facts: StatementFacts): boolean {
  if (facts.seen < facts.tryAt || isLong(facts.time)) return false;
  facts.tryAt = facts.seen + FIRST_TRY_AFTER * 2 ** Math.min(MOST_DOUBLINGS, facts.tries++);
  return true;
}
