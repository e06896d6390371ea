import { createCluster } from 'pgherd';
import { type Example, RollBack, tableOf } from '../lib/example.ts';

/** pgherd alone: what the others are compared with. */
export const example: Example = {
  ...tableOf('items_core'),
  open: async (url) => {
    const db = createCluster(url);
    return {
      add: (id) => db.query('insert into items_core values ($1, $2)', [id, 'hay']),
      has: async (id) => (await db.query('select 1 from items_core where id = $1', [id])).rows.length > 0,
      addAndRollBack: (id) =>
        RollBack.of(
          db.transaction(async (tx) => {
            await tx.query('insert into items_core values ($1, $2)', [id, 'straw']);
            throw new RollBack();
          }),
        ),
      stream: () => db.stream('select id from items_core'),
      close: () => db.close(),
    };
  },
};
