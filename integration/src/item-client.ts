import { createTestCluster, type TestCluster } from '@pgherd/testing';
import type { Cluster } from 'pgherd';
import { afterAll, beforeAll } from 'vitest';
import { createTable, nameOf, open } from './support.ts';

/** A primary, two standbys, the table `item` and a client, for all tests of a file. */
export interface ItemClient {
  readonly cluster: TestCluster;
  readonly db: Cluster;
  primaryName(): string;
  /** Inserts a row of `item`, or gives it this amount. */
  insertItem(id: number, amount?: number): Promise<void>;
  /** The amount of an item; undefined if there is no such row. */
  amountOf(id: number): Promise<unknown>;
}

/** Sets it up for the file that calls it. */
export function itemClient(): ItemClient {
  let cluster: TestCluster;
  let db: Cluster;

  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 2 });
    await createTable(cluster, 'item', 'id int primary key, amount int not null default 0');
    db = open(cluster);
    await db.ready({ primaries: 1, standbys: 2 });
  });

  afterAll(async () => {
    await db?.close();
    await cluster?.close();
  });

  return {
    get cluster() {
      return cluster;
    },
    get db() {
      return db;
    },
    primaryName: () => nameOf(cluster.primary),
    async insertItem(id, amount = 0) {
      const text = 'insert into item values ($1, $2) on conflict (id) do update set amount = excluded.amount';
      await db.query(text, [id, amount]);
    },
    async amountOf(id) {
      return (await db.maybeOne('select amount from item where id = $1', [id]))?.['amount'];
    },
  };
}
