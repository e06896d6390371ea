import { test } from 'node:test';
import { databaseOfFile, note } from './support.ts';

const fixture = databaseOfFile();

test('fails with its database open', async () => {
  note({ database: fixture.database.name });
  throw new Error('as tests do');
});
