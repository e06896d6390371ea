import {
  createFakePostmaster,
  type FakeAction,
  type FakeFacts,
  type FakePostmaster,
  type FakeScript,
} from '@pgherd/testing';
import {
  type Cluster,
  type ClusterOptions,
  classifyError,
  createCluster,
  ERROR_CODES,
  PgHerdError,
} from 'pgherd';

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
  waitTimeoutMs: 10_000,
  env: {},
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
  return createCluster({ url: fakes.url, ...QUICK, ...options });
}

/** A message of the server with any body, well framed. */
function framed(type: string, body: readonly number[]): Buffer {
  return Buffer.from([type.charCodeAt(0), 0, 0, 0, body.length + 4, ...body]);
}

/** Everything that a server, or what stands in its place, can do wrong at any moment. */
export const FAULTS: Readonly<Record<string, FakeAction>> = {
  ...Object.fromEntries(
    ['57P01', '57P03', '53300', '08P01', 'XX000'].map((sqlState) => [
      `FATAL ${sqlState}`,
      { kind: 'error', severity: 'FATAL', sqlState } as const,
    ]),
  ),
  'an error': { kind: 'error', sqlState: 'XX000' },
  PANIC: { kind: 'error', severity: 'PANIC', sqlState: 'XX000' },
  'a warning': { kind: 'notice', sqlState: '01000' },
  'a warning of a crash, then FIN': { kind: 'notice', sqlState: '57P02', next: { kind: 'close' } },
  'a warning of the end, then FIN': { kind: 'notice', sqlState: '57P01', next: { kind: 'close' } },
  FIN: { kind: 'close' },
  RST: { kind: 'reset' },
  'an answer of HTTP': { kind: 'garbage' },
  'an answer of HTTP, then FIN': { kind: 'garbage', next: { kind: 'close' } },
  zeros: { kind: 'garbage', bytes: Buffer.alloc(64) },
  'a truncated message': { kind: 'truncated' },
  'a message of 2 GB': { kind: 'length' },
  'a message of 4 GB': { kind: 'length', bytes: 0xffff_ffff },
  'a message of 3 bytes': { kind: 'length', bytes: 3 },
  'an unknown message': { kind: 'unknown-message' },
  'a row without its columns': { kind: 'garbage', bytes: framed('D', [1, 44]) },
  'a row of less than no columns': { kind: 'garbage', bytes: framed('D', [255, 255]) },
  'a description without its columns': { kind: 'garbage', bytes: framed('T', [0, 9]) },
  'an unknown authentication': { kind: 'garbage', bytes: framed('R', [0, 0, 0, 99]) },
  'an error without its end': { kind: 'garbage', bytes: framed('E', [83, 70, 65, 84]) },
  'a key without its bytes': { kind: 'garbage', bytes: framed('K', [0]) },
  'an end of a statement that nobody sent': { kind: 'garbage', bytes: framed('C', [68, 79, 0]) },
  'a copy that nobody asked for': { kind: 'garbage', bytes: framed('G', [0, 0, 0]) },
  'an unknown status': { kind: 'ready-status', status: 'X' },
  silence: { kind: 'silence' },
  'a frozen process': { kind: 'deaf' },
  'silence within a message': { kind: 'partial', bytes: 3 },
};

/** Whether it can be told what an error means: one of our codes, a server's SQLSTATE, or a lost connection. */
export function isCoded(error: unknown): boolean {
  const { kind, sqlState } = classifyError(error);
  if (kind !== 'other' || sqlState !== undefined) return true;
  return error instanceof PgHerdError && (ERROR_CODES as readonly string[]).includes(error.code);
}
