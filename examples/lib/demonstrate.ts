import { createCluster } from 'pgherd';
import type { Example, Items } from './example.ts';

/** Makes what an example needs, and opens it. */
export async function openExample(example: Example, url: string): Promise<Items> {
  await using db = createCluster(url);
  for (const statement of example.setUp) await db.query(statement);
  return await example.open(url);
}

/**
 * Writes, reads, rolls back and streams, and resolves to what was done.
 * @throws Error if a library did not do what it was asked for.
 */
export async function demonstrate(items: Items, id: number): Promise<string[]> {
  const done = ['write', 'read'];
  await items.add(id);
  if (!(await items.has(id))) throw new Error('What was written is not there.');
  if (items.addAndRollBack !== undefined) {
    await items.addAndRollBack(id + 1);
    if (await items.has(id + 1)) throw new Error('What was rolled back is there.');
    done.push('roll back');
  }
  if (items.stream !== undefined) {
    let rows = 0;
    for await (const _ of items.stream()) rows++;
    done.push(`stream (${rows} rows)`);
  }
  return done;
}
