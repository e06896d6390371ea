import { note, withDatabase } from './support.ts';

withDatabase('fails with its database open', async ({ database }) => {
  note({ database: database.name });
  throw new Error('as tests do');
});
