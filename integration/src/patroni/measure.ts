import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { waitUntil } from '@pgherd/testing';
import type { Cluster, ClusterOptions } from 'pgherd';
import { type PatroniCluster, startPatroni } from './cluster.ts';
import type { PatroniNode } from './node.ts';

/**
 * Figures of a cluster that Patroni runs, for this version of pgherd and, beside it and against the same events, for others:
 *
 *     npx tsx --conditions=@pgherd/source integration/src/patroni/measure.ts promotion 5
 *     npx tsx --conditions=@pgherd/source integration/src/patroni/measure.ts cut-off 10 /folder/of/another/checkout
 */

/** Milliseconds between two writes: 100 a second. */
const ROUND_MS = 10;
/** Longer than anything of Patroni takes. */
const PATIENCE_MS = 100_000;
/** Most writes that wait at a time. */
const MOST_WAITING = 100;

interface Version {
  readonly name: string;
  readonly createCluster: (options: ClusterOptions) => Cluster;
  readonly patroniDiscovery: (options: { endpoints: string[]; refreshMs: number }) => unknown;
}

async function versionAt(folder: string): Promise<Version> {
  const from = (file: string) => import(pathToFileURL(`${folder}/packages/pgherd/src/${file}`).href);
  const [{ createCluster }, { patroniDiscovery }] = [
    await from('index.ts'),
    await from('discovery/patroni.ts'),
  ];
  return { name: folder, createCluster, patroniDiscovery };
}

interface Acknowledged {
  readonly id: number;
  readonly node: string;
  readonly at: number;
}

/** Writes at a steady rate, and takes note of what was acknowledged, where and when. */
class Writer {
  readonly version: string;
  readonly acknowledged: Acknowledged[] = [];
  readonly errors = new Map<string, number>();
  readonly #db: Cluster;
  readonly #table: string;
  readonly #running = new Set<Promise<void>>();
  #next = 1;
  #timer: NodeJS.Timeout | undefined;

  constructor(version: Version, patroni: PatroniCluster, table: string) {
    this.version = version.name;
    this.#table = table;
    this.#db = version.createCluster({
      url: `postgresql://app:app@${patroni.nodes.map(({ name }) => name).join(',')}/app`,
      discovery: version.patroniDiscovery({
        endpoints: patroni.nodes.map(({ endpoint }) => endpoint),
        refreshMs: 500,
      }) as never,
      waitTimeoutMs: PATIENCE_MS,
      env: {},
    });
  }

  async begin(): Promise<void> {
    await this.#db.query(`create table ${this.#table} (id int)`);
    this.#timer = setInterval(() => this.#write(), ROUND_MS);
    await this.goOn();
  }

  /** Waits for more acknowledged writes. */
  async goOn(count = 50): Promise<void> {
    const from = this.acknowledged.length;
    await waitUntil(() => this.acknowledged.length >= from + count, {
      what: 'writes',
      timeoutMs: PATIENCE_MS,
    });
  }

  /** Longest pause between two acknowledged writes since then, milliseconds. */
  longestPauseMs(since: number): number {
    const times = this.acknowledged.filter(({ at }) => at >= since).map(({ at }) => at);
    return Math.max(...times.map((at, index) => at - (times[index - 1] ?? since)));
  }

  /** How many of its acknowledged writes the node does not have. */
  async lostOn(patroni: PatroniCluster, node: PatroniNode): Promise<number> {
    const rows = await patroni.sql(node, `select id from ${this.#table}`);
    const there = new Set(rows.map((row) => Number(row['id'])));
    return this.acknowledged.filter(({ id }) => !there.has(id)).length;
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
    await this.#db.close();
  }

  #write(): void {
    if (this.#running.size >= MOST_WAITING) return;
    const id = this.#next++;
    const work = this.#db.query(`insert into ${this.#table} values ($1)`, [id]).then(
      ({ node }) => void this.acknowledged.push({ id, node, at: performance.now() }),
      (error: unknown) => {
        const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
        this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
      },
    );
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }
}

function report(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** A replica that is there and streams, other than these. */
async function replicaBeside(patroni: PatroniCluster): Promise<PatroniNode> {
  return waitUntil(
    async () => {
      const members = await patroni.members();
      const isReplica = (node: PatroniNode) =>
        members.some(
          (one) => one.name === node.member && one.role === 'replica' && /running|streaming/.test(one.state),
        );
      return patroni.nodes.find(isReplica) ?? false;
    },
    { what: 'a replica', timeoutMs: PATIENCE_MS, everyMs: 50 },
  ) as Promise<PatroniNode>;
}

/** Makes the node anew from the leader, and waits until it follows. */
async function reinitialise(patroni: PatroniCluster, node: PatroniNode): Promise<void> {
  await waitUntil(
    async () => {
      const response = await fetch(`${node.endpoint}/reinitialize`, {
        method: 'POST',
        body: JSON.stringify({ force: true }),
        signal: AbortSignal.timeout(5_000),
      });
      return response.ok;
    },
    { what: 'Patroni to make it anew', timeoutMs: PATIENCE_MS, everyMs: 500 },
  );
  const follows = async () => {
    const [row] = await patroni.sql(
      node,
      'select pg_is_in_recovery() as r, (pg_control_checkpoint()).timeline_id as t',
    );
    const [leader] = await patroni.sql(
      await patroni.leader(),
      'select (pg_control_checkpoint()).timeline_id as t',
    );
    return row?.['r'] === true && row?.['t'] === leader?.['t'];
  };
  await waitUntil(() => follows().catch(() => false), {
    what: 'it to follow',
    timeoutMs: PATIENCE_MS,
    everyMs: 200,
  });
}

/** A replica is promoted by hand. */
async function promotion(runs: number, versions: readonly Version[]): Promise<void> {
  await using patroni = await startPatroni({ nodes: [{}, {}, { nosync: true }] });
  for (let run = 1; run <= runs; run++) {
    const writers = versions.map(
      (version, index) => new Writer(version, patroni, `promotion_${run}_${index}`),
    );
    for (const writer of writers) await writer.begin();
    const leader = await patroni.leader();
    const stray = await replicaBeside(patroni);
    const at = performance.now();
    await patroni.sql(stray, 'select pg_promote()').catch(() => undefined);
    for (const writer of writers) await writer.goOn(300);
    await sleep(3_000);
    for (const writer of writers) await writer.end();
    for (const writer of writers) {
      report({
        event: 'promotion',
        run,
        version: writer.version,
        acknowledged: writer.acknowledged.length,
        lost: await writer.lostOn(patroni, await patroni.leader()),
        onStray: writer.acknowledged.filter(({ node }) => node === stray.name).length,
        longestPauseMs: Math.round(writer.longestPauseMs(at)),
        errors: Object.fromEntries(writer.errors),
        leaderStays: (await patroni.leader()) === leader,
      });
    }
    await reinitialise(patroni, stray);
  }
}

/** The leader's Patroni loses its store; another node gets the lease. */
async function cutOff(runs: number, versions: readonly Version[]): Promise<void> {
  await using patroni = await startPatroni({ nodes: [{}, {}, {}], storesCanBeCut: true });
  for (let run = 1; run <= runs; run++) {
    const writers = versions.map((version, index) => new Writer(version, patroni, `cut_${run}_${index}`));
    for (const writer of writers) await writer.begin();
    const leader = await patroni.leader();
    const store = leader.store;
    if (store === undefined) throw new Error('its store cannot be cut off');
    await using _cut = await store.partition({ mode: 'blackhole' });
    const at = performance.now();
    const others = patroni.nodes.filter((node) => node !== leader);
    const leads = async () => {
      const said = await Promise.all(
        others.map(
          async (node) => (await node.members().catch(() => [])).find(({ role }) => role === 'leader')?.name,
        ),
      );
      return said.some((name) => name !== undefined && name !== leader.member);
    };
    await waitUntil(leads, { what: 'another leader', timeoutMs: PATIENCE_MS, everyMs: 10 });
    const leasedAt = performance.now();
    for (const writer of writers) await writer.goOn(100);
    await sleep(2_000);
    for (const writer of writers) await writer.end();
    await store.heal();
    const next = await patroni.leader();
    for (const writer of writers) {
      const onOld = writer.acknowledged.filter(({ node, at: when }) => node === leader.name && when > at);
      report({
        event: 'cut-off',
        run,
        version: writer.version,
        leaseAfterMs: Math.round(leasedAt - at),
        onOldAfterCut: onOld.length,
        onOldAfterLease: onOld.filter(({ at: when }) => when > leasedAt).length,
        lastOnOldMs: Math.round(Math.max(0, ...onOld.map(({ at: when }) => when - at))),
        longestPauseMs: Math.round(writer.longestPauseMs(at)),
        lost: await writer.lostOn(patroni, next),
        errors: Object.fromEntries(writer.errors),
      });
    }
    await waitUntil(
      async () =>
        (await patroni.members()).filter(({ state }) => /running|streaming/.test(state)).length === 3,
      { what: 'all to run', timeoutMs: PATIENCE_MS, everyMs: 200 },
    );
    await patroni.synchronous();
  }
}

const [event = 'promotion', runs = '5', ...folders] = process.argv.slice(2);
const versions = await Promise.all([process.cwd(), ...folders].map(versionAt));
if (event === 'promotion') await promotion(Number(runs), versions);
else await cutOff(Number(runs), versions);
