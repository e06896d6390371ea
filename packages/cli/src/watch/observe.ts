import type { Cluster } from 'pgherd';
import { type StatusJson, statusNow } from '../status/picture.ts';
import { loadOfServers, type ServerLoad } from '../status/servers.ts';
import type { Sample } from './state.ts';

/** Time between two samples, and between two questions to the servers about their clients, ms. */
const EVERY_MS = 1_000;
const LOADS_EVERY_MS = 2_000;
/** How long a server may take to answer these questions, ms. */
const LOADS_LIMIT_MS = 1_500;
/** Changes come in groups: so long after the first of them a sample is taken, ms. */
const SETTLE_MS = 50;

/** Gets the samples; `isTick` says whether it came with the seconds, or because something has changed. */
export type OnSample = (sample: Sample, isTick: boolean) => void;

/** Takes samples of a cluster, one a second and one soon after each change, until it is stopped; resolves after the first one. */
export async function observe(
  db: Pick<Cluster, 'health' | 'nodes' | 'topology' | 'stats' | 'with' | 'on'>,
  signal: AbortSignal,
  onSample: OnSample,
): Promise<() => void> {
  let loads: ReadonlyMap<string, ServerLoad> = new Map();
  let loadsAt = 0;
  let isAsking = false;
  let settling: NodeJS.Timeout | undefined;
  const take = (isTick: boolean): void => {
    const status = statusNow(db, loads);
    onSample({ at: Date.now(), status, nodes: db.nodes(), stats: db.stats().nodes, loads, loadsAt }, isTick);
  };
  const ask = async (): Promise<void> => {
    if (isAsking || Date.now() - loadsAt < LOADS_EVERY_MS) return;
    isAsking = true;
    const at = Date.now();
    loads = await loadOfServers(db, LOADS_LIMIT_MS, signal);
    loadsAt = at;
    isAsking = false;
  };
  const tick = (): void => {
    void ask();
    take(true);
  };
  await ask();
  take(true);
  const timer = setInterval(tick, EVERY_MS);
  const off = db.on('topology:changed', () => {
    settling ??= setTimeout(() => {
      settling = undefined;
      take(false);
    }, SETTLE_MS);
  });
  return () => {
    clearInterval(timer);
    clearTimeout(settling);
    off();
  };
}

/** What must differ for a change of the picture to be one to people: not its positions, and not how long an answer took. */
export function significant({ status, writable, reasons, nodes }: StatusJson): string {
  return JSON.stringify([
    status,
    writable,
    reasons,
    nodes.map(({ node, role, health, standing, timeline, aliasOf }) => [
      node,
      role,
      health,
      standing,
      timeline,
      aliasOf,
    ]),
  ]);
}
