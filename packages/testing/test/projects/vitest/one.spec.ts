import { expect } from 'vitest';
import { note, withDatabase } from './support.ts';

withDatabase('finds what the template has, and writes for itself', async ({ database }) => {
  note({ database: database.name, url: database.url });
  expect(await database.sql('select count(*)::int as n from animal')).toEqual([{ n: 2 }]);
  await database.sql(`insert into animal values ('cow')`);
});

withDatabase('keeps the database for the whole file', async ({ database }) => {
  expect(await database.sql('select count(*)::int as n from animal')).toEqual([{ n: 3 }]);
});
