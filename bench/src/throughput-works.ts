/** What the callers of a cell do, again and again. */
export const WORKS = Object.freeze([
  'select',
  'update',
  'transaction',
  'mix',
  'read',
  'skew-value',
  'skew-new',
  'skew-known',
] as const);

/**
 * `select` one row by key, `update` one row by key, `transaction` two such updates in one, `mix` is `select` with every hundredth statement taking
 * 50 ms, `read` is `select` sent to the standbys. In a `skew` every hundredth statement takes 200 ms: with the
 * text of the others and another value, with a text that never ran before, or with a text of its own.
 */
export type Work = (typeof WORKS)[number];

/** Rows of the table. */
export const ROWS = 10_000;
export const SELECT = 'select id, n, label from bench where id = $1';
export const UPDATE = 'update bench set n = n + 1 where id = $1';
/** The slow statement of the mix. */
export const NAP = 'select pg_sleep(0.05)';
/** Of so many statements of the mix one is slow. */
export const NAP_EVERY = 100;

/** The statements of a skew; the second value is in seconds. */
export const SKEWED = 'select id, n, label, pg_sleep($2) from bench where id = $1';
const SKEW_S = 0.2;
const SKEW_NAP = `select pg_sleep(${SKEW_S})`;

/** The next statement of a skew: `number` counts all, so that a text that is to be new is new. */
export function skewed(
  work: Work,
  slow: boolean,
  id: number,
  number: number,
): readonly [text: string, values: readonly unknown[]] {
  if (!slow) return [SKEWED, [id, 0]];
  if (work === 'skew-value') return [SKEWED, [id, SKEW_S]];
  return [work === 'skew-new' ? `${SKEW_NAP} as nap_${number}` : SKEW_NAP, []];
}

/** Half-empty pages leave room for the new version of each row beside the old one. */
export const TABLE = [
  'create table bench (id int primary key, n int not null, label text not null) with (fillfactor = 50)',
  `insert into bench select i, 0, 'row ' || i from generate_series(1, ${ROWS}) i`,
];

/** The servers' settings over those of the test kit, which has fsync off already. */
export const SERVER_SETTINGS = Object.freeze({ shared_buffers: '128MB', autovacuum: false });

/** One column of the table of results. */
export interface Cell {
  readonly work: Work;
  /** How many call at the same time, each again as soon as it has its answer. */
  readonly callers: number;
}

/** What one contender did in one slice of time. */
export interface Sample {
  /** Statements per second. */
  readonly perSecond: number;
  /** 99th percentile of the time that a statement took its caller, ms; of the mix: of its fast statements. */
  readonly p99Ms: number;
  /** The same, 95th percentile. */
  readonly p95Ms: number;
  /** Processor time of the client's process for each statement, µs. */
  readonly clientUs: number;
}

/** How hand-written pipelining is arranged. */
export interface Arrangement {
  /** Connections that are used. */
  readonly lanes: number;
  /** Whether the statements of one tick leave in one write. */
  readonly cork: boolean;
}

/** What the parent process asks of a contender's process. */
export interface SliceRequest extends Cell {
  readonly seconds: number;
  readonly arrangement?: Arrangement | undefined;
}

/** What comes back; `updates` are all that were acknowledged, also outside of what was measured. */
export type SliceReply =
  | { readonly kind: 'done'; readonly sample: Sample; readonly updates: number }
  | { readonly kind: 'failed'; readonly message: string };
