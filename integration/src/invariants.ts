import { disagreements as disagreementsOf, type TestNode, type WriteBooks } from '@pgherd/testing';
import type { Cluster } from 'pgherd';
import type { Load } from './load.ts';
import { nameOf } from './support.ts';
import type { Sent, Wiretap } from './wiretap.ts';

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
  const rows = await node.appSql(
    `select id, extract(epoch from at) * 1000 as at from ${table} where id >= $1 and id < $2`,
    [range.from, range.to],
  );
  return rows.map(({ id, at }) => ({ id: Number(id), at: Number(at) }));
}

/** How the rows that are there and the books disagree, in sentences; empty when they agree. */
export function disagreements(books: WriteBooks, found: readonly Entry[]): string[] {
  return disagreementsOf(
    books,
    found.map((entry) => entry.id),
  );
}

/** The moment at which a client saw a higher timeline than before, and what was under way then. */
export interface Moment {
  /** The highest timeline seen, and the node that told it. */
  readonly timeline: number;
  readonly node: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Count of the statements handed to the driver. */
  readonly sentCount: number;
  /** The last number that a write had got. */
  readonly lastId: number;
}

/** Notes the present highest timeline, and every moment at which the picture of `db` shows a higher one than any before. */
export function watchTimelines(db: Cluster, tap: Wiretap, lastId: () => number): readonly Moment[] {
  const moments: Moment[] = [];
  const look = (): void => {
    const [first] = [...db.nodes()].sort((a, b) => (b.timeline ?? 0) - (a.timeline ?? 0));
    const timeline = first?.timeline ?? 0;
    if (first === undefined || timeline <= (moments.at(-1)?.timeline ?? 0)) return;
    moments.push({ timeline, node: first.name, at: Date.now(), sentCount: tap.count, lastId: lastId() });
  };
  look();
  db.on('topology:changed', look);
  return moments;
}

/**
 * Writes that were handed to a connection of another node than the one with the highest timeline seen by then, in
 * sentences; empty when there are none.
 */
export function misdirected(moments: readonly Moment[], all: readonly Sent[]): string[] {
  return all.flatMap((sent) => {
    const seen = moments.findLast((moment) => moment.sentCount < sent.order);
    if (seen === undefined || seen.node === sent.node) return [];
    const what = `${sent.text} [${sent.values.join()}]`;
    return [`${what} was sent to ${sent.node} when timeline ${seen.timeline} of ${seen.node} had been seen`];
  });
}

/**
 * Writes that reached a superseded primary after `moment`, in sentences; empty when there are none. Judged on that
 * server: a row may be there only if its write had been handed to a connection of that server before the moment.
 */
export async function writesBelow(
  old: TestNode,
  moment: Moment,
  range: IdRange,
  tap: Wiretap,
): Promise<string[]> {
  const before = new Set<unknown>();
  for (const sent of tap.sent) {
    if (sent.order <= moment.sentCount && sent.node === nameOf(old)) before.add(sent.values[0]);
  }
  return (await entriesOn(old, range)).flatMap(({ id, at }) => {
    const late = `${id} was written at ${at.toFixed(1)}, timeline ${moment.timeline} was seen at ${moment.at}`;
    if (id > moment.lastId) return [`${late}; its call began afterwards`];
    return at > moment.at && !before.has(id) ? [`${late}; nothing had been sent before`] : [];
  });
}
