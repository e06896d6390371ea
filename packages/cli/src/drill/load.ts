import { setTimeout as pause } from 'node:timers/promises';
import { type Cluster, isOutcomeUnknown } from 'pgherd';
import type { Ledger } from '../demo/ledger.ts';

/** The statements of a drill, on its own table. */
export interface DrillTable {
  /** Quoted. */
  readonly name: string;
  /** Resolves when every standby shows it, or has had its time to; if it rejects, the table may be there. */
  create(): Promise<void>;
  write(id: number): Promise<void>;
  read(): Promise<void>;
  /** How often each number is there. */
  readBack(): Promise<ReadonlyMap<number, number>>;
  /** Does nothing if it was not created. */
  drop(): Promise<void>;
}

/** What a drill needs of a cluster. */
export type DrillCluster = Pick<Cluster, 'query' | 'rows' | 'read' | 'with' | 'nodes'>;

/** The table of a drill; `suffix` makes its name unique. No constraint forbids a number twice: it is to be seen. */
export function drillTable(db: DrillCluster, suffix: string): DrillTable {
  const name = `pgherd_drill_${suffix}`;
  let mayExist = false;
  return {
    name,
    create: async () => {
      try {
        await db.query(`create table ${name} (id int not null)`);
        mayExist = true;
      } catch (error) {
        mayExist = isOutcomeUnknown(error);
        throw error;
      }
      const standbys = db.nodes().filter(({ role, health }) => role === 'standby' && health === 'ok');
      await Promise.all(standbys.map((node) => untilSeen(db, node.name, name)));
    },
    write: async (id) => {
      await db.query(`insert into ${name} values ($1)`, [id]);
    },
    read: async () => {
      await db.read.query(`select id from ${name} limit 1`);
    },
    readBack: async () => {
      const rows = await db.rows<{ id: number; times: number }>(
        `select id, count(*)::int as times from ${name} group by id`,
      );
      return new Map(rows.map(({ id, times }) => [id, times]));
    },
    drop: async () => {
      if (mayExist) await db.query(`drop table if exists ${name}`, [], { idempotent: true });
    },
  };
}

/** How long a standby may take to show the table, ms; later, reads of it count as failed. */
const SEEN_MS = 5_000;
const LOOK_AGAIN_MS = 20;

async function untilSeen(db: Pick<Cluster, 'with'>, node: string, table: string): Promise<void> {
  const verbs = db.with({ node, target: 'any' });
  const until = performance.now() + SEEN_MS;
  while (performance.now() < until) {
    const { seen } = await verbs.one<{ seen: boolean }>('select to_regclass($1) is not null as seen', [
      table,
    ]);
    if (seen) return;
    await pause(LOOK_AGAIN_MS);
  }
}

/** Calls that may be under way; beyond them, none is begun until one ends. */
const MOST_UNDER_WAY = 500;

/**
 * Begins `rate` writes and as many reads a second, whatever became of those before, until the signal is aborted; resolves when the last one
 * has ended. `now` returns milliseconds since the drill began.
 */
export async function loadUntil(
  signal: AbortSignal,
  table: Pick<DrillTable, 'write' | 'read'>,
  ledger: Ledger,
  rate: number,
  now: () => number,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  const begin = (call: Promise<void>): void => {
    underWay.add(call);
    void call.finally(() => underWay.delete(call));
  };
  let begun = 0;
  while (!signal.aborted) {
    const due = Math.floor((now() * rate) / 1_000);
    // What could not be begun in time is left out: a drill measures a steady load, not a flood after a pause.
    begun = Math.max(begun, due - MOST_UNDER_WAY);
    for (; begun < due && underWay.size < MOST_UNDER_WAY; begun++) {
      begin(writeOnce(begun + 1, table, ledger, now));
      begin(readOnce(table, ledger, now));
    }
    try {
      await pause(Math.max(1, 500 / rate), undefined, { signal });
    } catch {
      // The end.
    }
  }
  await Promise.all(underWay);
}

async function writeOnce(
  id: number,
  table: Pick<DrillTable, 'write'>,
  ledger: Ledger,
  now: () => number,
): Promise<void> {
  const startedAt = now();
  try {
    await table.write(id);
    ledger.writeAcknowledged(id, now(), now() - startedAt);
  } catch (error) {
    ledger.callFailed('write', id, error, now(), now() - startedAt);
  }
}

async function readOnce(table: Pick<DrillTable, 'read'>, ledger: Ledger, now: () => number): Promise<void> {
  const startedAt = now();
  try {
    await table.read();
    ledger.readAnswered(now(), now() - startedAt);
  } catch (error) {
    ledger.callFailed('read', undefined, error, now(), now() - startedAt);
  }
}
