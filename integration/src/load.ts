import { type Load, startLoad } from '@pgherd/testing';
import type { Cluster } from 'pgherd';

export type { Load };

/** Calls of a cluster object at a steady rate on a table of numbers: 200 a second, half of them reads unless `reads` is false. */
export function loadOn(
  db: Cluster,
  table: string,
  firstId: number,
  { reads = true }: { readonly reads?: boolean } = {},
): Load {
  const read = () => db.read.query(`select count(*) from ${table} where id = $1`, [1]);
  return startLoad({
    firstId,
    write: (id) => db.query(`insert into ${table} values ($1)`, [id]),
    ...(reads && { read }),
  });
}

/** Scenarios under load on one table, one after the other: each begins with the number behind the last one's. */
export class LoadSeries {
  readonly #table: string;
  #nextId = 1;

  constructor(table: string) {
    this.#table = table;
  }

  /** The next number, for a write that a test makes by itself. */
  next(): number {
    return this.#nextId++;
  }

  /** Runs `scenario` while calls go on, and resolves once every one of them has settled. */
  async run(db: Cluster, scenario: (load: Load) => Promise<void>): Promise<Load> {
    const load = loadOn(db, this.#table, this.#nextId);
    try {
      await load.acknowledged();
      await scenario(load);
    } finally {
      await load.stop();
      this.#nextId += load.writes.length;
    }
    return load;
  }
}
