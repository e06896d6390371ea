import type { Target } from 'pgherd';
import type { OpenedCluster } from '../connection/open.ts';
import type { CommandContext } from '../shell/run.ts';
import { type Call, loadFor } from './load.ts';
import { openPgPool } from './node-postgres.ts';
import { type BenchPlan, ROUNDS } from './plan.ts';
import { liveProgress } from './progress.ts';
import { type BenchCalls, type Comparison, callsOf, comparisonOf } from './report.ts';
import type { BenchStatement } from './table.ts';
import { Tally } from './tally.ts';

/** Connections that both clients may have to the server. */
const POOL_MAX = 10;
/** How long each client runs before it is measured, ms. */
const WARM_UP_MS = 500;

/** What is compared. */
export interface Contest {
  readonly plan: BenchPlan;
  readonly opened: OpenedCluster;
  readonly node: string;
  readonly target: Target;
  readonly statement: BenchStatement;
  readonly context: CommandContext;
}

/** What was measured: the books are those of pgherd. */
export interface Compared {
  readonly comparison: Comparison | null;
  readonly tally: Tally;
  readonly durationMs: number;
}

/** Measures pgherd and node-postgres by turns, on one server. */
export async function compareWithPg(contest: Contest): Promise<Compared> {
  const { opened, node, target, statement, plan } = contest;
  const { output, signal } = contest.context;
  const { db } = opened;
  const address = db.nodes().find(({ name }) => name === node)?.address;
  const host = opened.plan.hosts.find(
    (one) => one.port === address?.port && (one.host === address.host || one.hostaddr === address.hostaddr),
  );
  if (host === undefined) throw new Error(`${node} is not in the connection string.`);
  const verbs = db.with({ node, target });
  const { encrypted } = await verbs.one<{ encrypted: boolean }>(IS_ENCRYPTED);
  const { password } = opened;
  const pool = await openPgPool({ plan: opened.plan, host, password, isEncrypted: encrypted, max: POOL_MAX });
  const calls: readonly (readonly [name: string, call: Call])[] = [
    ['pgherd', async () => (await verbs.query(statement.text, statement.values())).node],
    ['pg.Pool', () => pool.query(statement.text, statement.values()).then(() => node)],
  ];
  const tally = new Tally();
  const rounds: Comparison['rounds'][number][] = [];
  let durationMs = 0;
  try {
    for (const [, call] of calls) await loadFor(WARM_UP_MS, signal, plan.callers, call, new Tally());
    for (let round = 0; round < ROUNDS && !signal.aborted; round++) {
      const measured: BenchCalls[] = [];
      for (const [name, call] of calls) {
        const books = new Tally();
        const progress = liveProgress(output, books, `${name.padEnd(8)}`);
        const ms = (plan.seconds * 1_000) / ROUNDS;
        const tookMs = await loadFor(ms, signal, plan.callers, call, books);
        progress.stop();
        measured.push(callsOf(books, tookMs));
        if (name !== 'pgherd') continue;
        tally.add(books);
        durationMs += tookMs;
      }
      const [pgherd, pg] = measured;
      if (pgherd !== undefined && pg !== undefined) rounds.push({ pgherd, pg });
    }
  } finally {
    await pool.end();
  }
  return { comparison: comparisonOf(node, rounds), tally, durationMs };
}

const IS_ENCRYPTED = `select coalesce((select ssl from pg_catalog.pg_stat_ssl where pid = pg_catalog.pg_backend_pid()), false) as encrypted`;
