import pg from 'pg';
import { createCluster } from 'pgherd';
import { createPool } from 'pgherd/pg';

export const db = createCluster(process.env.DATABASE_URL);

export const pool = createPool(db, {
  pg,
  max: 10,
  idleTimeoutMillis: 30_000,
  connectionTimeoutMillis: 10_000,
});

pool.on('error', (error) => {
  console.error('idle client failed', error.message);
});
