// @ts-check
/**
 * The process in which the first connection of a program is timed. Plain JavaScript: a loader would be part of what is measured, since
 * pgherd loads some of its modules with the first connection.
 */
/** @type {{ who: 'pg.Pool' | 'pgherd' | 'createPool', url: string }} */
const { who, url } = JSON.parse(process.argv[2] ?? '');

/** Milliseconds, and processor time of the process in ms. */
function now() {
  const { user, system } = process.cpuUsage();
  return { at: performance.now(), cpu: (user + system) / 1000 };
}

/** What the import, the making of the cluster or pool, and the first connection took; the way tells where the last of them begins. */
async function timed(/** @type {(begin: () => void) => Promise<() => Promise<unknown>>} */ way) {
  const start = now();
  let begun = start;
  const close = await way(() => {
    begun = now();
  });
  const end = now();
  await close();
  return { firstMs: end.at - begun.at, wholeMs: end.at - start.at, wholeCpuMs: end.cpu - start.cpu };
}

async function ofPg(/** @type {() => void} */ begin) {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({ connectionString: url });
  begin();
  (await pool.connect()).release();
  return () => pool.end();
}

async function ofPgherd(/** @type {() => void} */ begin) {
  const { createCluster } = await import('pgherd');
  const db = createCluster(url);
  begin();
  (await db.acquire()).release();
  return () => db.close();
}

async function ofGuests(/** @type {() => void} */ begin) {
  const { default: pg } = await import('pg');
  const { createCluster } = await import('pgherd');
  const { createPool } = await import('pgherd/pg');
  const db = createCluster(url);
  const pool = createPool(db, { pg });
  begin();
  (await pool.connect()).release();
  return async () => {
    await pool.end();
    await db.close();
  };
}

const ways = { 'pg.Pool': ofPg, pgherd: ofPgherd, createPool: ofGuests };
process.send?.(await timed(ways[who]), () => process.exit());
