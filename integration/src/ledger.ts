import type { TestCluster, TestNode } from '@pgherd/testing';
import { type Cluster, outcomeTableText, type TransactionOptions } from 'pgherd';
import { type CommitFate, CommitTap } from './commit-tap.ts';
import { createTable, open, openOver, quiet } from './support.ts';

/** A name that has to be quoted. */
const TABLE = 'Outcome "of" commits';

/** The ways to find out what became of a COMMIT. */
export const BY_XID: TransactionOptions = { outcome: 'xid' };
export const BY_TABLE: TransactionOptions = { outcomeTable: { schema: 'public', table: TABLE } };

/** A piece of work and what happened to it. */
export interface Work {
  readonly id: number;
  runs: number;
  /** How often `afterCommit` was called. */
  committed: number;
  /** Process of the server that ran it last. */
  pid: number;
}

/** Transactions that each write one row, into a table without a key: work that was applied twice must show. */
export class Ledger {
  readonly #cluster: TestCluster;
  readonly #taps: CommitTap[] = [];
  readonly #opened: Cluster[] = [];
  #lastId = 0;

  private constructor(cluster: TestCluster) {
    this.#cluster = cluster;
  }

  /** Makes the tables. */
  static async create(cluster: TestCluster): Promise<Ledger> {
    await createTable(cluster, 'ledger', 'id int');
    const db = open(cluster);
    await db.query(outcomeTableText(BY_TABLE.outcomeTable ?? TABLE));
    await db.close();
    return new Ledger(cluster);
  }

  /** A cluster object that is ready; the next COMMIT meets `fate`. */
  async open(fate?: CommitFate): Promise<Cluster> {
    const tap = new CommitTap();
    this.#taps.push(tap);
    const db = fate === undefined ? open(this.#cluster) : openOver(tap.driver, this.#cluster);
    this.#opened.push(db);
    await db.ready({ primaries: 1 });
    tap.next = fate;
    return db;
  }

  /** Closes what was opened, after checking that nothing is held any more. */
  async closeAll(): Promise<void> {
    for (const db of this.#opened.splice(0)) {
      await quiet(db);
      await db.close();
    }
    for (const tap of this.#taps.splice(0)) tap.close();
  }

  /** Writes one row in a transaction; `done` settles with it. */
  apply(db: Cluster, options: TransactionOptions): { readonly work: Work; readonly done: Promise<unknown> } {
    const work: Work = { id: this.newId(), runs: 0, committed: 0, pid: 0 };
    const done = db.transaction(async (tx) => {
      work.runs++;
      work.pid = Number((await tx.one('select pg_backend_pid() as pid'))['pid']);
      await tx.query('insert into ledger values ($1)', [work.id]);
      tx.afterCommit(() => {
        work.committed++;
      });
      return work.id;
    }, options);
    done.catch(() => undefined);
    return { work, done };
  }

  newId(): number {
    return ++this.#lastId;
  }

  /** How often the row is there. */
  async count(id: number, node: TestNode = this.#cluster.primary): Promise<number> {
    const [row] = await node.appSql('select count(*)::int as n from ledger where id = $1', [id]);
    return Number(row?.['n']);
  }

  /** How often each row is there that is there at all. */
  async counts(): Promise<ReadonlyMap<number, number>> {
    const rows = await this.#cluster.primary.appSql('select id, count(*)::int as n from ledger group by id');
    return new Map(rows.map((row) => [Number(row['id']), Number(row['n'])]));
  }
}

/** Both ways to find out what became of a COMMIT, by their names. */
export const WAYS = [
  ['xid', BY_XID],
  ['table', BY_TABLE],
] as const;
