import assert from 'node:assert/strict';
import { test } from 'node:test';
import { databaseOfFile, note } from './support.ts';

const fixture = databaseOfFile();

test('finds what the template has, and writes for itself', async () => {
  const { database } = fixture;
  note({ database: database.name, url: database.url });
  assert.deepEqual(await database.sql('select count(*)::int as n from animal'), [{ n: 2 }]);
  await database.sql(`insert into animal values ('cow')`);
});

test('keeps the database for the whole file', async () => {
  assert.deepEqual(await fixture.database.sql('select count(*)::int as n from animal'), [{ n: 3 }]);
});
