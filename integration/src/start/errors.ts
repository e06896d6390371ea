import { randomUUID } from 'node:crypto';
import { isCheckViolation, PgHerdError } from 'pgherd';
import { db, pay } from './bank.ts';

try {
  await pay(randomUUID(), 1_000_000);
} catch (error) {
  if (!isCheckViolation(error)) throw error;
  console.log(`Ann has not so much: ${error.constraint}`);
}

try {
  await db.read.query('select pg_sleep(10)', [], { timeoutMs: 100 });
} catch (error) {
  if (!(error instanceof PgHerdError)) throw error;
  console.log(error.code);
}

await db.close();
