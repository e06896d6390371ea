import { withoutLeadingComments } from '../sql/atomic.ts';
import { isLong, type ServiceTime } from './service-time.ts';

/** Verb that a statement belongs to which is not for `query`. */
export type OtherVerb = 'transaction' | 'listen' | 'copyFrom' | 'copyTo' | 'stream' | 'acquire';

/** What is known of a statement by its text alone, and what was learnt of it. */
export interface StatementFacts {
  /** Whether it may share a connection: it is one statement, a transaction of its own, and leaves nothing behind in the session. */
  readonly rides: boolean;
  /** Whether it is expected to write or to take locks. */
  readonly writes: boolean;
  readonly otherVerb: OtherVerb | undefined;
  /** First word, in capitals. */
  readonly keyword: string;
  readonly time: ServiceTime;
  /** How often it was seen; a text that comes once is not worth a prepared statement. */
  seen: number;
  /** From this run on it may be tried again behind another one. */
  tryAt: number;
  tries: number;
}

const RIDES: ReadonlySet<string> = new Set([
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'MERGE',
  'VALUES',
  'TABLE',
  'WITH',
]);
const WRITES: ReadonlySet<string> = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE']);
const WRITES_INSIDE = /\b(insert|update|delete|merge)\b/i;
const LOCKS = /\bfor\s+(no\s+key\s+|key\s+)?(update|share)\b/i;
/**
 * Calls and clauses that change the session beyond the statement: settings, locks of the session, temporary tables; and those
 * that reach another session's state through this one. A word in a text or a comment counts as well, which costs little.
 */
const CHANGES_SESSION =
  /\bset_config\b|\bpg_(try_)?advisory_(unlock|lock)|\binto\s+(local\s+|global\s+)?(temp|temporary|pg_temp)\b|\bdblink_|\bpg_listening_channels\b|\blo_open\b|\b(currval|lastval)\s*\(|\bpg_temp\b/i;

const VERBS: ReadonlyMap<string, OtherVerb> = new Map<string, OtherVerb>([
  ...['BEGIN', 'START', 'COMMIT', 'END', 'ROLLBACK', 'ABORT', 'SAVEPOINT', 'RELEASE'].map(
    (word) => [word, 'transaction'] as const,
  ),
  ...['LISTEN', 'UNLISTEN'].map((word) => [word, 'listen'] as const),
  ...['DECLARE', 'FETCH', 'MOVE', 'CLOSE'].map((word) => [word, 'stream'] as const),
  ...['PREPARE', 'EXECUTE', 'DEALLOCATE'].map((word) => [word, 'acquire'] as const),
]);
const COPY_IN = /\bfrom\s+stdin\b/i;
const COPY_OUT = /\bto\s+stdout\b/i;

/** Says what a text tells. */
export function factsOf(text: string): StatementFacts {
  const statement = withoutLeadingComments(text).replace(/^[\s(]+/, '');
  const keyword = /^[a-z]+/i.exec(statement)?.[0]?.toUpperCase() ?? '';
  const rides = RIDES.has(keyword) && !CHANGES_SESSION.test(statement);
  const inside = keyword === 'WITH' && WRITES_INSIDE.test(statement);
  return {
    rides,
    writes: WRITES.has(keyword) || inside || LOCKS.test(statement),
    otherVerb: otherVerbOf(keyword, statement),
    keyword,
    time: { meanMs: undefined, longMs: undefined },
    seen: 0,
    tryAt: 0,
    tries: 0,
  };
}

function otherVerbOf(keyword: string, statement: string): OtherVerb | undefined {
  if (keyword === 'COPY') {
    if (COPY_IN.test(statement)) return 'copyFrom';
    return COPY_OUT.test(statement) ? 'copyTo' : undefined;
  }
  return VERBS.get(keyword);
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

/** Texts that are remembered, at least; at most twice as many. */
const REMEMBERED = 1_000;
/** A longer text is looked through each time instead of being kept in memory, in characters. */
const LONGEST_REMEMBERED = 20_000;

/** The facts of the statements a program makes. What was not used for long is forgotten, so that pasted values do not pile up. */
export class FactsByText {
  #recent = new Map<string, StatementFacts>();
  #earlier = new Map<string, StatementFacts>();

  of(text: string): StatementFacts {
    const known = this.#recent.get(text);
    if (known !== undefined) return known;
    const facts = this.#earlier.get(text) ?? factsOf(text);
    if (text.length > LONGEST_REMEMBERED) return facts;
    if (this.#recent.size >= REMEMBERED) {
      this.#earlier = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(text, facts);
    return facts;
  }
}
