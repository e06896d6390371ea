import { createFakePostmaster, type FakeFacts, type FakePostmaster, type FakeScript } from '@pgherd/testing';
import { isCoded as isCodedBy } from '@pgherd/testing/internal';
import type { Cluster, ClusterOptions } from 'pgherd';
import * as pgherd from 'pgherd';
import { PATIENT } from './support.ts';

/** Three fakes as one cluster: a primary and two standbys. All end with the scope. */
export interface FakeCluster extends AsyncDisposable {
  readonly primary: FakePostmaster;
  readonly standbys: readonly [FakePostmaster, FakePostmaster];
  readonly nodes: readonly FakePostmaster[];
  readonly url: string;
}

/** Short limits, so that what hangs is found quickly; the tests wait for facts, not for these. */
const QUICK: ClusterOptions = {
  probe: { intervalMs: 50, timeoutMs: 500 },
  connectTimeoutMs: 1_000,
  deadAfterMs: 1_000,
  ...PATIENT,
};

/** Starts a primary and two standbys that say they are of one cluster. */
export async function fakeCluster(script: FakeScript = {}): Promise<FakeCluster> {
  const roles: readonly FakeFacts['role'][] = ['primary', 'standby', 'standby'];
  const [primary, first, second] = await Promise.all(
    roles.map((role) => createFakePostmaster({ ...script, role })),
  );
  if (primary === undefined || first === undefined || second === undefined) throw new Error('no fakes');
  const nodes = [primary, first, second];
  const [login = ''] = primary.url.split(primary.name);
  return {
    primary,
    standbys: [first, second],
    nodes,
    url: `${login}${nodes.map((node) => node.name).join(',')}/app`,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(nodes.map((node) => node.close()));
    },
  };
}

/** A cluster object over fakes, with short limits. */
export function openFakes(fakes: { readonly url: string }, options: ClusterOptions = {}): Cluster {
  return pgherd.createCluster({ url: fakes.url, ...QUICK, ...options });
}

/** Whether an error says what it means: by one of our codes, a server's SQLSTATE, or as a lost connection. */
export function isCoded(error: unknown): boolean {
  return isCodedBy(pgherd, error);
}
