import { OTHER_BUILD, type PeerName, type SubjectName } from './throughput-contenders.ts';
import type { Cell, Work } from './throughput-works.ts';

/** What is measured of a pair. */
interface Pair extends Cell {
  readonly subject: SubjectName;
  readonly peer: PeerName | typeof OTHER_BUILD;
}

/** Numbers of callers that have targets. */
const CALLERS = [1, 10, 100, 1_000];
const NONE = undefined;

/** Least ratio of statements per second at 1, 10, 100 and 1,000 callers, on one server without standbys. */
const LEAST: Readonly<Partial<Record<PeerName, Partial<Record<Work, readonly (number | undefined)[]>>>>> = {
  'pg.Pool': { select: [1.3, 4, 6, 5], update: [1.2, 1.9, 3, 2.8], transaction: [NONE, 1.5, 1.5, NONE] },
  'pg.Pool named': { select: [0.95, 1.5, 2, 1.9] },
  'postgres.js': { select: [1.2, 2.5, 3, 1.4], update: [1, 1.5, 1.5, 1.1] },
  limit: { select: [0.8, 0.85, 0.85, 0.85], update: [0.8, 0.85, 0.85, 0.85] },
  pgbench: { select: [NONE, 1.3, 1.8, 1.8] },
  // Reads from two standbys and a primary cost no more than from one server; measured on shared cores.
  'pgherd one node': { read: [0.9, 0.9, 0.9, 0.9] },
};

/** Without lanes a statement costs hardly more than in the driver's own pool. */
const LEAST_WITHOUT_LANES = 0.95;

/** No change makes a statement noticeably slower. */
const LEAST_OF_OTHER_BUILD = 0.95;

/** A skew: what is slow must neither hold up what is fast, nor leave connections without work. */
const MOST_P95_OF_SKEW = 1.5;
const MOST_TIME_OF_SKEW = 1.1;

/** Longest 99th percentile, of pg.Pool's. */
const MOST_P99 = 1.1;
/** The mix: what is slow must not hold up what is fast. */
const MOST_P99_OF_MIX = 1;

/** Least ratio that the pair should reach; `undefined` where nothing is asked. */
export function leastRatio({ work, callers, subject, peer }: Pair): number | undefined {
  if (!CALLERS.includes(callers)) return undefined;
  if (peer === OTHER_BUILD) return LEAST_OF_OTHER_BUILD;
  if (work.startsWith('skew')) return peer === 'pg.Pool' ? 1 / MOST_TIME_OF_SKEW : undefined;
  if (subject === 'pgherd lanes off') return LEAST_WITHOUT_LANES;
  return LEAST[peer]?.[work]?.[CALLERS.indexOf(callers)];
}

/** Greatest ratio of 99th percentiles that the pair should reach; `undefined` where nothing is asked. */
export function mostP99Ratio({ work, subject, peer }: Pair): number | undefined {
  if (subject !== 'pgherd' || peer !== 'pg.Pool' || work.startsWith('skew')) return undefined;
  return work === 'mix' ? MOST_P99_OF_MIX : MOST_P99;
}

/** Greatest ratio of 95th percentiles that the pair should reach; `undefined` where nothing is asked. */
export function mostP95Ratio({ work, subject, peer }: Pair): number | undefined {
  return subject === 'pgherd' && peer === 'pg.Pool' && work.startsWith('skew') ? MOST_P95_OF_SKEW : undefined;
}
