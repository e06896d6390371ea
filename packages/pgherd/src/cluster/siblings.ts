import type { ConnectionPlan } from '../dsn/index.ts';
import { printable } from '../model/foreign.ts';
import { warnProcess } from '../observe/process-warning.ts';

/** So many open clusters of one database are one too many, most likely by a mistake. */
const MANY = 10;

/** The place of the counts: one in the process, however often this module is loaded. The number grows when their form changes. */
const PLACE = Symbol.for('pgherd.siblings.1');

/** How many clusters are open, by what they lead to. */
function counts(): Map<string, number> {
  const place = globalThis as { [PLACE]?: Map<string, number> };
  place[PLACE] ??= new Map();
  return place[PLACE];
}

/** A cluster was made. Warns if the process has many of the same hosts, database and user. Returns what is to be called when it is closed. */
export function enterSibling({ database, hosts, user }: ConnectionPlan): () => void {
  const key = `${user}@${hosts.map(({ host, hostaddr, port }) => `${host || hostaddr}:${port}`).join(',')}/${database}`;
  const open = counts();
  const count = (open.get(key) ?? 0) + 1;
  open.set(key, count);
  if (count === MANY)
    warnProcess(
      `siblings ${key}`,
      `This process has ${MANY} open clusters of ${printable(key)}, each with connections of its own to every server. Make one and share it: ` +
        'sharedCluster(name, options) returns the same one from each module, and close() ends those that are not needed any more.',
    );
  let isOpen = true;
  return () => {
    if (!isOpen) return;
    isOpen = false;
    const left = (open.get(key) ?? 1) - 1;
    if (left > 0) open.set(key, left);
    else open.delete(key);
  };
}
