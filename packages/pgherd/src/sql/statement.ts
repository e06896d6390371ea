import { ByText } from './memo.ts';
import { type Token, Tokens } from './tokens.ts';

/** Verbs of a querier that a statement may need instead of `query`. */
export type OtherVerb = 'transaction' | 'listen' | 'copyFrom' | 'copyTo' | 'stream' | 'acquire';

/** When a statement commits, from harmless to delicate. */
export const COMMITS = Object.freeze(['never', 'outside-transaction', 'perhaps', 'always'] as const);
/**
 * `never`: it begins or rolls back. `outside-transaction`: it commits itself unless it runs in a transaction.
 * `perhaps`: a statement after it in the same text may commit. `always`: it is a COMMIT or PREPARE
 * TRANSACTION.
 */
export type Commits = (typeof COMMITS)[number];

/** What is known about a statement from its SQL alone. */
export interface StatementText {
  /** First word, in capitals; two words for `PREPARE TRANSACTION`. */
  readonly keyword: string;
  /**
   * Whether it may share a connection: it is a transaction of its own and neither needs nor changes session
   * state.
   */
  readonly mayShare: boolean;
  /** Whether it is expected to write or to take locks. */
  readonly writes: boolean;
  /**
   * Whether an error reply proves that it did nothing. Nearly all statements are all or nothing; a procedure,
   * an anonymous block or a concurrent index build may have committed a part before it failed.
   */
  readonly atomic: boolean;
  readonly commits: Commits;
  /**
   * Whether it may change the session beyond its own transaction: settings, session locks, temporary tables.
   * A false alarm costs one reset of the session.
   */
  readonly changesSession: boolean;
  /** The verb that it needs instead of `query`. */
  readonly otherVerb: OtherVerb | undefined;
}

type Row = Omit<StatementText, 'keyword'>;

const ORDINARY: Row = {
  mayShare: false,
  writes: false,
  atomic: true,
  commits: 'outside-transaction',
  changesSession: false,
  otherVerb: undefined,
};
const READS: Partial<Row> = { mayShare: true };
const WRITES: Partial<Row> = { mayShare: true, writes: true };
const BEGINS: Partial<Row> = { commits: 'never', otherVerb: 'transaction' };
const ENDS: Partial<Row> = { commits: 'always', otherVerb: 'transaction' };
/** May commit a part of its work before it ends. */
const IN_PARTS: Partial<Row> = { atomic: false, writes: true };
const SETS: Partial<Row> = { changesSession: true };

/** What the first word of a statement says; a word that is missing is {@link ORDINARY}. */
const BY_KEYWORD: ReadonlyMap<string, Row> = new Map(
  Object.entries<Partial<Row>>({
    SELECT: READS,
    VALUES: READS,
    TABLE: READS,
    WITH: READS,
    INSERT: WRITES,
    UPDATE: WRITES,
    DELETE: WRITES,
    MERGE: WRITES,

    BEGIN: BEGINS,
    START: BEGINS,
    SAVEPOINT: BEGINS,
    RELEASE: BEGINS,
    ROLLBACK: BEGINS,
    ABORT: BEGINS,
    COMMIT: ENDS,
    END: ENDS,
    'PREPARE TRANSACTION': { ...ENDS, otherVerb: 'acquire' },

    CALL: { ...IN_PARTS, ...SETS },
    DO: { ...IN_PARTS, ...SETS },
    VACUUM: IN_PARTS,
    REINDEX: IN_PARTS,
    CLUSTER: IN_PARTS,

    SET: SETS,
    RESET: SETS,
    // It restores the server's settings and deallocates the statements that the wire has prepared.
    DISCARD: SETS,
    LOAD: SETS,
    // The schema may be a temporary one, by its name or by `search_path`.
    CREATE: SETS,
    LISTEN: { ...SETS, otherVerb: 'listen' },
    UNLISTEN: { ...SETS, otherVerb: 'listen' },
    DECLARE: { ...SETS, otherVerb: 'stream' },
    FETCH: { otherVerb: 'stream' },
    MOVE: { otherVerb: 'stream' },
    CLOSE: { otherVerb: 'stream' },
    PREPARE: { ...SETS, otherVerb: 'acquire' },
    EXECUTE: { otherVerb: 'acquire' },
    DEALLOCATE: { ...SETS, otherVerb: 'acquire' },
  }).map(([keyword, row]) => [keyword, { ...ORDINARY, ...row }]),
);

/**
 * Functions that change the session, or another one through it. They count in strings, too, which may be SQL.
 */
const CHANGING_NAME =
  /\bset_config\b|\bpg_(try_)?advisory_(un)?lock|\bdblink_|\bpg_replication_origin_session_/i;
/** An UPDATE of this view sets what it names. */
const SETTINGS_VIEW = /\bpg_settings\b/i;
/** Names that make sense only in a session in which something else was done before. */
const DEPENDING_NAME = /\bpg_listening_channels\b|\blo_open\b|\b(currval|lastval)"?\s*\(|\bpg_temp\b/i;

/** Statements that the server allows outside a transaction only. */
const OUTSIDE_TRANSACTION: ReadonlySet<string> = new Set(
  ['DATABASE', 'TABLESPACE', 'SUBSCRIPTION', 'SYSTEM'].flatMap((kind) =>
    ['CREATE', 'DROP', 'ALTER'].map((verb) => `${verb} ${kind}`),
  ),
);
/** Words that make a temporary table if they precede TEMP or TEMPORARY. */
const BEFORE_TEMPORARY: ReadonlySet<string> = new Set(['INTO', 'CREATE', 'LOCAL', 'GLOBAL', 'REPLACE']);

/**
 * What may matter after the first words; reading word by word finds out whether it is quoted or in a comment.
 */
const RELEVANT = /;|\b(insert|update|delete|merge|share|temp|temporary|concurrently|stdin|stdout)\b/i;

/**
 * Reads a text word by word. If it has several statements, the first gives the keyword, and the effects of
 * all count.
 */
class Reading {
  #keyword: string | undefined;
  #row: Row = ORDINARY;
  #isAtomic = true;
  #changesSession = false;
  #mayCommit = false;
  #writesInside = false;
  #locks = false;
  #direction: OtherVerb | undefined;
  /** The first two words of the current statement, and the last two before the current word. */
  #first: string | undefined;
  #second = '';
  #last = '';
  #beforeLast = '';
  /** Number of tokens of that statement, from its first word on. */
  #tokens = 0;
  #depth = 0;

  /** Whether no token after the first word of a statement was read yet. */
  get isAtBeginning(): boolean {
    return this.#tokens <= 1;
  }

  /** Reads the next token and returns its kind. */
  take(tokens: Tokens): Token {
    const token = tokens.next();
    this.#tokens++;
    if (token === 'word') this.#word(tokens.text.toUpperCase());
    else if (token === 'name') this.#word('');
    else if (token === '(') this.#depth++;
    else if (token === ')') this.#depth--;
    else if (token === ';') this.#endStatement();
    if (this.#first === undefined) this.#tokens = 0;
    return token;
  }

  #word(word: string): void {
    if (this.#first === undefined) this.#first = word;
    else if (this.#second === '') this.#second = word;
    this.#look(word);
    this.#beforeLast = this.#last;
    this.#last = word;
  }

  #look(word: string): void {
    switch (word) {
      case 'INSERT':
      case 'DELETE':
      case 'MERGE':
        this.#writesInside = true;
        return;
      case 'UPDATE':
        this.#writesInside = true;
        this.#locks ||= this.#last === 'FOR' || this.#last === 'KEY';
        return;
      case 'SHARE':
        this.#locks ||= this.#last === 'FOR' || this.#last === 'KEY';
        return;
      case 'TEMP':
      case 'TEMPORARY':
        this.#changesSession ||= this.#makesTemporary();
        return;
      case 'CONCURRENTLY':
        this.#isAtomic = false;
        return;
      case 'STDIN':
        if (this.#depth === 0 && this.#last === 'FROM') this.#direction ??= 'copyFrom';
        return;
      case 'STDOUT':
        if (this.#depth === 0 && this.#last === 'TO') this.#direction ??= 'copyTo';
    }
  }

  /** In `insert into temp`, it is the name of a table. */
  #makesTemporary(): boolean {
    const isTarget = this.#beforeLast === 'INSERT' || this.#beforeLast === 'MERGE';
    return BEFORE_TEMPORARY.has(this.#last) && !isTarget;
  }

  #endStatement(): void {
    if (this.#first === undefined) return;
    const both = `${this.#first} ${this.#second}`;
    const keyword = BY_KEYWORD.has(both) ? both : this.#first;
    const row = BY_KEYWORD.get(keyword) ?? ORDINARY;
    if (!row.atomic || OUTSIDE_TRANSACTION.has(both)) this.#isAtomic = false;
    if (row.changesSession) this.#changesSession = true;
    if (this.#keyword === undefined) {
      this.#keyword = keyword;
      this.#row = row;
    } else if (row.commits === 'always' || !row.atomic) this.#mayCommit = true;
    this.#first = undefined;
    this.#second = this.#last = this.#beforeLast = '';
  }

  /** The result; `text` is searched for names of functions. */
  result(text: string): StatementText {
    this.#endStatement();
    const row = this.#row;
    const keyword = this.#keyword ?? '';
    const writesInside = this.#writesInside && keyword === 'WITH';
    const sets = (row.writes || writesInside) && SETTINGS_VIEW.test(text);
    const changesSession = this.#changesSession || sets || CHANGING_NAME.test(text);
    return Object.freeze({
      keyword,
      mayShare: row.mayShare && !changesSession && !DEPENDING_NAME.test(text),
      writes: row.writes || this.#locks || writesInside,
      atomic: this.#isAtomic,
      commits: this.#mayCommit && row.commits !== 'always' ? 'perhaps' : row.commits,
      changesSession,
      otherVerb: keyword === 'COPY' ? this.#direction : row.otherVerb,
    });
  }
}

/** The result of one reading; see {@link Tokens} for the two ways to read plain strings. */
function readOnce(text: string, tokens: Tokens): StatementText {
  const named = CHANGING_NAME.test(text) || DEPENDING_NAME.test(text) || SETTINGS_VIEW.test(text);
  const reading = new Reading();
  let token: Token;
  do token = reading.take(tokens);
  while (token !== 'end' && reading.isAtBeginning);
  // Usually everything is known by now, and the rest, which may be long, need not be read word by word.
  if (named || RELEVANT.test(tokens.rest)) while (token !== 'end') token = reading.take(tokens);
  return reading.result(named ? tokens.withoutComments : '');
}

/**
 * As {@link readStatement}, without the cache. If the result depends on `standard_conforming_strings`, which
 * may be on or off, it is the more careful one.
 */
export function scanStatement(text: string): StatementText {
  const tokens = new Tokens(text, false);
  const usual = readOnce(text, tokens);
  if (!tokens.sawBackslash) return usual;
  const other = new Tokens(text, true);
  const unusual = readOnce(text, other);
  // The server refuses a text that ends within a string.
  if (other.isOpen) return usual;
  if (tokens.isOpen) return unusual;
  return Object.freeze({
    keyword: usual.keyword,
    mayShare: usual.mayShare && unusual.mayShare,
    writes: usual.writes || unusual.writes,
    atomic: usual.atomic && unusual.atomic,
    commits:
      COMMITS.indexOf(usual.commits) > COMMITS.indexOf(unusual.commits) ? usual.commits : unusual.commits,
    changesSession: usual.changesSession || unusual.changesSession,
    otherVerb: usual.otherVerb ?? unusual.otherVerb,
  });
}

const known = new ByText(scanStatement);

/** What is known about a statement from its SQL; cached. */
export function readStatement(text: string): StatementText {
  return known.of(text);
}

/** Whether a command may have changed the session, by its command tag, whose first word is the keyword. */
export function tagChangesSession(tag: string): boolean {
  const end = tag.indexOf(' ');
  return BY_KEYWORD.get(end < 0 ? tag : tag.slice(0, end))?.changesSession === true;
}

/**
 * Commands that may change the types of what other statements use. Functions and procedures may do so unseen; to count each call of
 * one would leave programs that use them without prepared statements.
 */
const CHANGING_SCHEMA: ReadonlySet<string> = new Set(['ALTER', 'CREATE', 'DROP', 'IMPORT']);

/** Whether a command may have changed the schema, by its command tag. */
export function tagChangesSchema(tag: string): boolean {
  const end = tag.indexOf(' ');
  return CHANGING_SCHEMA.has(end < 0 ? tag : tag.slice(0, end));
}
