import { defineEntity, MikroORM, p } from '@mikro-orm/postgresql';
import pg from 'pg';
import { createCluster } from 'pgherd';
import { herdClient } from 'pgherd/pg';
import { type Example, RollBack, tableOf } from '../lib/example.ts';

const Item = defineEntity({
  name: 'Item',
  tableName: 'items_mikro_orm',
  properties: { id: p.integer().primary(), name: p.text() },
});

/** MikroORM makes a pool of `pg`, which takes the class of its clients. */
export const example: Example = {
  ...tableOf('items_mikro_orm'),
  open: async (url) => {
    const cluster = createCluster(url);
    const orm = await MikroORM.init({
      entities: [Item],
      // It reads one host only: any of them, since pgherd knows the others.
      clientUrl: url.replace(/,[^/]*/, ''),
      driverOptions: { Client: herdClient(pg, cluster), max: 4 },
    });
    return {
      add: (id) => orm.em.fork().insert(Item, { id, name: 'hay' }),
      has: async (id) => (await orm.em.fork().findOne(Item, { id })) !== null,
      addAndRollBack: (id) =>
        RollBack.of(
          orm.em.fork().transactional(async (em) => {
            await em.insert(Item, { id, name: 'straw' });
            throw new RollBack();
          }),
        ),
      stream: async function* () {
        for await (const item of orm.em.fork().stream(Item)) yield item;
      },
      close: async () => {
        await orm.close();
        await cluster.close();
      },
    };
  },
};
