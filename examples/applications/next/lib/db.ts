import { Pool } from 'pgherd/pg';

const globalForPool = globalThis as unknown as { pool?: Pool };

function makePool(): Pool {
  const made = new Pool({ connectionString: process.env.DATABASE_URL, max: 10, connectionTimeoutMillis: 10_000 });
  made.on('error', (error) => console.error('idle client failed', error.message));
  return made;
}

export const pool = globalForPool.pool ?? makePool();
if (process.env.NODE_ENV !== 'production') globalForPool.pool = pool;
