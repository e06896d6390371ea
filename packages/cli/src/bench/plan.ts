import { isIP } from 'node:net';
import type { Target } from 'pgherd';
import type { ConnectionPlan } from 'pgherd/dsn';

/** What a load test does. */
export interface BenchPlan {
  readonly seconds: number;
  readonly callers: number;
  readonly target: Target;
  /** The statement that each caller sends, if it does not write to a table of its own. */
  readonly query: string;
  /** Whether it makes a table of its own, and writes to that. */
  readonly write: boolean;
  /** Whether node-postgres is measured beside. */
  readonly isCompared: boolean;
}

/** Rows of the table that is written to. */
export const TABLE_ROWS = 1_000;
/** How often pgherd and node-postgres take turns. */
export const ROUNDS = 3;

/** Targets whose reads on a primary run in a session that refuses writes. */
const READING: readonly Target[] = ['read-only', 'standby', 'prefer-standby'];

/** Whether what runs may write. */
export function mayWrite({ write, query, target }: BenchPlan, usualQuery: string): boolean {
  return write || (query !== usualQuery && !READING.includes(target));
}

/** Sentences that say what will be done to the servers. Pure. */
export function announcement(
  plan: BenchPlan,
  where: { readonly schema: string; readonly node: string },
): readonly string[] {
  const { callers, seconds, target, query, write, isCompared } = plan;
  const who = callers === 1 ? '1 caller' : `${callers} callers`;
  const what = write
    ? [
        `Makes the schema ${where.schema} with a table of ${TABLE_ROWS} rows, and drops it at the end.`,
        `${who} update one row after the other for ${seconds} s, each as soon as its last one is confirmed.`,
      ]
    : [
        `${who} send ${JSON.stringify(query)} (target ${target}) for ${seconds} s, each as soon as the last one is answered.`,
      ];
  const compared = isCompared
    ? [
        `pgherd and pg.Pool take turns on ${where.node}, ${ROUNDS} times each; ${seconds} s is the time of each of them.`,
      ]
    : [];
  return [
    ...what,
    ...compared,
    'The servers are as busy as they can be meanwhile: other clients will notice.',
  ];
}

/** The servers that are not this machine. */
export function hostsElsewhere({ hosts }: Pick<ConnectionPlan, 'hosts'>): readonly string[] {
  return hosts
    .filter(({ host, hostaddr, transport }) => transport === 'tcp' && !isLoopback(hostaddr ?? host))
    .map(({ host, port }) => `${host}:${port}`);
}

function isLoopback(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  return isIP(host) === 4 ? host.startsWith('127.') : host === '::1';
}
