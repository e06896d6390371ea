import type { TestNode } from '@pgherd/testing';
import pg from 'pg';
import type { Cluster } from 'pgherd';
import type { Load } from './load.ts';
import { nameOf } from './support.ts';
import type { Wiretap } from './wiretap.ts';

/** Columns of the journal that the load writes: its number, and when the server ran the insert. No key: twice must show. */
export const JOURNAL = 'id int, at timestamptz not null default clock_timestamp()';

/** A row of the journal. */
export interface Entry {
  readonly id: number;
  /** When the server ran the insert, epoch milliseconds. */
  readonly at: number;
}

/** The numbers from `from` (included) to `to` (excluded). */
export interface IdRange {
  readonly from: number;
  readonly to: number;
}

/** The numbers that a load has given out. */
export function rangeOf(load: Load): IdRange {
  return { from: load.firstId, to: load.firstId + load.writes.length };
}

/** The journal's rows on one server, asked of itself as the ordinary role, never through a proxy. */
export async function entriesOn(node: TestNode, range: IdRange, table = 'journal'): Promise<Entry[]> {
  const client = new pg.Client({ connectionString: node.directUrl });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ id: number; at: string }>(
      `select id, extract(epoch from at) * 1000 as at from ${table} where id >= $1 and id < $2`,
      [range.from, range.to],
    );
    return rows.map((row) => ({ id: row.id, at: Number(row.at) }));
  } finally {
    await client.end();
  }
}

/** What the callers were told about their writes. */
export interface Books {
  readonly acknowledged: ReadonlySet<number>;
  readonly unknown: ReadonlySet<number>;
}

/** The books of a load. */
export function booksOf(load: Load): Books {
  return { acknowledged: load.idsOf('acknowledged'), unknown: load.idsOf('unknown') };
}

/** How the rows that are there and the books disagree, in sentences; empty when they agree. */
export function disagreements(books: Books, found: readonly Entry[]): string[] {
  const present = new Set(found.map((entry) => entry.id));
  const lost = [...books.acknowledged].filter((id) => !present.has(id));
  const unreported = [...present].filter((id) => !books.acknowledged.has(id) && !books.unknown.has(id));
  const problems: string[] = [];
  if (found.length !== present.size) problems.push(`${found.length - present.size} writes ran twice`);
  if (lost.length > 0) problems.push(`acknowledged writes are lost: ${listed(lost)}`);
  if (unreported.length > 0)
    problems.push(`writes are there that failed for their caller: ${listed(unreported)}`);
  return problems;
}

/** The moment at which a client saw a higher timeline than before, and what was under way then. */
export interface Moment {
  /** The highest timeline seen. */
  readonly timeline: number;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Count of the statements handed to the driver. */
  readonly sentCount: number;
  /** The last number that a write of the load had got. */
  readonly lastId: number;
}

/** Notes every moment at which the picture of `db` shows a higher timeline than any before. */
export function watchTimelines(db: Cluster, tap: Wiretap, lastId: () => number): readonly Moment[] {
  const moments: Moment[] = [];
  let highest = highestTimeline(db);
  db.on('topology:changed', () => {
    const now = highestTimeline(db);
    if (now <= highest) return;
    highest = now;
    moments.push({ timeline: now, at: Date.now(), sentCount: tap.count, lastId: lastId() });
  });
  return moments;
}

function highestTimeline(db: Cluster): number {
  return Math.max(0, ...db.nodes().map((node) => node.timeline ?? 0));
}

/**
 * Writes that reached a superseded primary after `moment`, in sentences; empty when there are none. Judged on that
 * server: a row may be there only if its write had been handed to a connection of that server before the moment.
 */
export async function writesBelow(
  old: TestNode,
  moment: Moment,
  load: Load,
  tap: Wiretap,
): Promise<string[]> {
  const problems = tap
    .sentAfter(moment.sentCount, nameOf(old))
    .map(
      (sent) =>
        `${sent.text} [${sent.values.join()}] was sent to ${nameOf(old)} after timeline ${moment.timeline} was seen`,
    );
  const before = new Set<unknown>();
  for (const sent of tap.sent) {
    if (sent.order <= moment.sentCount && sent.node === nameOf(old)) before.add(sent.values[0]);
  }
  for (const { id, at } of await entriesOn(old, rangeOf(load))) {
    const late = `${id} was written at ${at.toFixed(1)}, timeline ${moment.timeline} was seen at ${moment.at}`;
    if (id > moment.lastId) problems.push(`${late}; its call began afterwards`);
    else if (at > moment.at && !before.has(id)) problems.push(`${late}; nothing had been sent before`);
  }
  return problems;
}

function listed(ids: readonly number[]): string {
  const shown = ids.slice(0, 10).join(', ');
  return ids.length > 10 ? `${shown} and ${ids.length - 10} more` : shown;
}
