import type { Cluster } from 'pgherd';
import { TABLE_ROWS } from './plan.ts';

/** A statement, and the values of its next run. */
export interface BenchStatement {
  readonly text: string;
  values(): readonly unknown[];
}

/** The statement of a load test: the one on its own table, or the one that was asked for. */
export function statementOf(query: string, table: BenchTable | undefined): BenchStatement {
  return table === undefined ? { text: query, values: () => [] } : table.statement;
}

/** The schema and table of a load test that writes. */
export interface BenchTable {
  readonly schema: string;
  /** Adds 1 to one row after the other. */
  readonly statement: BenchStatement;
  create(): Promise<void>;
  drop(): Promise<void>;
}

/** `suffix` makes the name unique. */
export function benchTable(db: Pick<Cluster, 'query'>, suffix: string): BenchTable {
  const schema = `pgherd_bench_${suffix}`;
  let next = 0;
  return {
    schema,
    statement: {
      text: `update ${schema}.counter set n = n + 1 where id = $1`,
      // By turns: callers wait for each other's locks only if there are more of them than rows.
      values: () => [next++ % TABLE_ROWS],
    },
    create: async () => {
      await db.query(`create schema ${schema}`);
      await db.query(`create table ${schema}.counter (id int primary key, n bigint not null default 0)`);
      await db.query(`insert into ${schema}.counter (id) select generate_series(0, $1 - 1)`, [TABLE_ROWS]);
    },
    drop: async () => {
      await db.query(`drop schema if exists ${schema} cascade`, [], { idempotent: true });
    },
  };
}
