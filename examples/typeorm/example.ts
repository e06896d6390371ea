import pg from 'pg';
import { createCluster } from 'pgherd';
import { pgherdModule } from 'pgherd/pg';
import { DataSource, EntitySchema } from 'typeorm';
import { type Example, RollBack, tableOf } from '../lib/example.ts';

const Item = new EntitySchema<{ id: number; name: string }>({
  name: 'Item',
  tableName: 'items_typeorm',
  columns: { id: { type: 'int', primary: true }, name: { type: 'text' } },
});

/** TypeORM makes a pool for each server of `replication`; here both are the one cluster. */
export const example: Example = {
  ...tableOf('items_typeorm'),
  open: async (url) => {
    const cluster = createCluster(url);
    const db = await new DataSource({
      type: 'postgres',
      driver: pgherdModule(pg, cluster),
      replication: { master: { url }, slaves: [{ url: `${url}?target_session_attrs=prefer-standby` }] },
      poolSize: 4,
      entities: [Item],
    }).initialize();
    return {
      add: (id) => db.manager.insert(Item, { id, name: 'hay' }),
      has: async (id) => {
        const runner = db.createQueryRunner('master');
        try {
          return await db.manager.createQueryBuilder(Item, 'item', runner).where({ id }).getExists();
        } finally {
          await runner.release();
        }
      },
      addAndRollBack: (id) =>
        RollBack.of(
          db.transaction(async (tx) => {
            await tx.insert(Item, { id, name: 'straw' });
            throw new RollBack();
          }),
        ),
      // Read from a standby.
      stream: async function* () {
        yield* await db.manager.createQueryBuilder(Item, 'item').stream();
      },
      close: async () => {
        await db.destroy();
        await cluster.close();
      },
    };
  },
};
