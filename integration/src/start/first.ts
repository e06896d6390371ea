import { createCluster, optionsFromEnv } from 'pgherd';

const db = createCluster(optionsFromEnv()); // DATABASE_URL

await db.script(`
  create table if not exists account (name text primary key, balance int not null check (balance >= 0));
  create table if not exists payment (id uuid primary key, amount int not null);
  insert into account values ('ann', 1000), ('bob', 0) on conflict do nothing;
`);
const accounts = await db.rows('select name, balance from account where balance >= $1', [0]);
console.log(accounts);

await db.close();
