import { readStatement, type StatementText } from '../sql/statement.ts';
import { isLong, type ServiceTime } from './service-time.ts';

/** What is known of a statement by its text alone, and what was learnt of it. */
export interface StatementFacts extends StatementText {
  readonly time: ServiceTime;
  /** How often it was seen; a text that comes once is not worth a prepared statement. */
  seen: number;
  /** From this run on it may be tried again behind another one. */
  tryAt: number;
  tries: number;
}

/** The facts of a statement of which nothing was learnt yet. */
export function factsOf(text: string): StatementFacts {
  return {
    ...readStatement(text),
    time: { meanMs: undefined, longMs: undefined },
    seen: 0,
    tryAt: 0,
    tries: 0,
  };
}

/** Runs before a statement that seems to take long is tried behind another one; each try doubles it, up to a limit. */
const FIRST_TRY_AFTER = 8;
const MOST_DOUBLINGS = 6;

/**
 * Whether this run is to find out how long the statement takes when it need not wait for its turn: on a busy machine everything
 * seems to take long that is alone. The tries become rarer, so that they are too few for the 99th percentile.
 */
export function isTried(facts: StatementFacts): boolean {
  if (facts.seen < facts.tryAt || isLong(facts.time)) return false;
  facts.tryAt = facts.seen + FIRST_TRY_AFTER * 2 ** Math.min(MOST_DOUBLINGS, facts.tries++);
  return true;
}
