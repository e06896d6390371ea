import pg from 'pg';
import { createCluster } from 'pgherd';
import { pgherdModule } from 'pgherd/pg';
import { DataTypes, Sequelize } from 'sequelize';
import { type Example, RollBack, tableOf } from '../lib/example.ts';

/** Sequelize has a pool of its own, whose clients are made of the module `dialectModule`. */
export const example: Example = {
  ...tableOf('items_sequelize'),
  open: async (url) => {
    const cluster = createCluster(url);
    const db = new Sequelize({
      dialect: 'postgres',
      dialectModule: pgherdModule(pg, cluster),
      pool: { max: 4 },
      logging: false,
    });
    const Item = db.define(
      'items_sequelize',
      { id: { type: DataTypes.INTEGER, primaryKey: true }, name: DataTypes.TEXT },
      { timestamps: false, freezeTableName: true },
    );
    return {
      add: (id) => Item.create({ id, name: 'hay' }),
      has: async (id) => (await Item.findByPk(id)) !== null,
      addAndRollBack: (id) =>
        RollBack.of(
          db.transaction(async (transaction) => {
            await Item.create({ id, name: 'straw' }, { transaction });
            throw new RollBack();
          }),
        ),
      close: async () => {
        await db.close();
        await cluster.close();
      },
    };
  },
};
