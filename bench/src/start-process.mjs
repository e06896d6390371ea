// @ts-check
/**
 * The process in which the first connection of a program is timed. Plain JavaScript: a loader would be part of what is measured, since
 * pgherd loads some of its modules with the first connection.
 */
/** @type {{ who: 'pg.Pool' | 'pgherd' | 'createPool', url: string }} */
const { who, url } = JSON.parse(process.argv[2] ?? '');

/** Milliseconds from the call to the connection that it gets. */
async function timed(/** @type {() => Promise<unknown>} */ first) {
  const before = performance.now();
  await first();
  return performance.now() - before;
}

async function ofPg() {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({ connectionString: url });
  const ms = await timed(async () => (await pool.connect()).release());
  await pool.end();
  return ms;
}

async function ofPgherd() {
  const { createCluster } = await import('pgherd');
  const db = createCluster(url);
  const ms = await timed(async () => (await db.acquire()).release());
  await db.close();
  return ms;
}

async function ofGuests() {
  const { default: pg } = await import('pg');
  const { createCluster } = await import('pgherd');
  const { createPool } = await import('pgherd/pg');
  const db = createCluster(url);
  const pool = createPool(db, { pg });
  const ms = await timed(async () => (await pool.connect()).release());
  await pool.end();
  await db.close();
  return ms;
}

const ways = { 'pg.Pool': ofPg, pgherd: ofPgherd, createPool: ofGuests };
process.send?.(await ways[who](), () => process.exit());
