import { Kysely } from 'kysely';
import pg from 'pg';
import Cursor from 'pg-cursor';
import { createCluster } from 'pgherd';
import { herdDialect } from 'pgherd/kysely';
import { type Example, RollBack, tableOf } from '../lib/example.ts';

interface Tables {
  items_kysely: { id: number; name: string };
}

/** Kysely takes a dialect. */
export const example: Example = {
  ...tableOf('items_kysely'),
  open: async (url) => {
    const cluster = createCluster(url);
    const db = new Kysely<Tables>({ dialect: herdDialect(cluster, { pg, max: 4, cursor: Cursor }) });
    return {
      add: (id) => db.insertInto('items_kysely').values({ id, name: 'hay' }).execute(),
      has: async (id) =>
        (await db.selectFrom('items_kysely').selectAll().where('id', '=', id).execute()).length > 0,
      addAndRollBack: (id) =>
        RollBack.of(
          db.transaction().execute(async (tx) => {
            await tx.insertInto('items_kysely').values({ id, name: 'straw' }).execute();
            throw new RollBack();
          }),
        ),
      stream: () => db.selectFrom('items_kysely').select('id').stream(),
      close: async () => {
        await db.destroy();
        await cluster.close();
      },
    };
  },
};
