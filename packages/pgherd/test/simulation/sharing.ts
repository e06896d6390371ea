import { createClusterOver } from '../../src/cluster/over.ts';
import type { DriverConnection } from '../../src/connection/port.ts';
import type { Cluster, ClusterEvents, ClusterOptions } from '../../src/index.ts';
import { calm } from './calm.ts';
import { Dice } from './dice.ts';
import { Loop } from './loop.ts';
import type { Server } from './server.ts';
import { simDriver, type Watcher } from './sim-driver.ts';
import { Trace } from './trace.ts';
import { World } from './world.ts';

/** A read that has ended. */
export interface EndedRead {
  readonly node: string;
  readonly tookMs: number;
}

/** How the reads of one stretch of time were shared. */
export interface Stretch {
  readonly reads: readonly EndedRead[];
  readonly failed: number;
  /** Attempts sent to each node, those that lost included. */
  readonly sent: ReadonlyMap<string, number>;
}

/** The true cluster code over a primary and standbys that exist in memory, under a steady load of reads. */
export class Sharing {
  readonly loop = new Loop();
  readonly world: World;
  readonly db: Cluster;
  readonly hedged: ClusterEvents['call:hedged'][] = [];
  readonly ejected: (ClusterEvents['node:ejected'] & { readonly at: number })[] = [];
  readonly readmitted: (ClusterEvents['node:readmitted'] & { readonly at: number })[] = [];
  #sent = new Map<string, number>();
  #pending = 0;

  constructor(seed: number, standbys: number, options: ClusterOptions) {
    this.world = new World(calm(seed, 1 + standbys), this.loop, new Trace(() => this.loop.now));
    const servers = (host: string) => this.world.at(`${host}:5432`).server;
    const driver = simDriver(servers, this.#watcher(), () => this.loop.now);
    this.db = createClusterOver(
      { ...driver, connect: (...dial) => this.#cancellable(driver.connect(...dial)) },
      {
        url: `postgres://app@${this.world.addresses.join(',')}/shop`,
        env: {},
        password: 'simulated',
        clock: this.loop.clock,
        random: new Dice(seed, 'client'),
        pool: { validate: 'never' },
        ...options,
      },
    );
    this.db.on('call:hedged', (event) => this.hedged.push(event));
    this.db.on('node:ejected', (event) => this.ejected.push({ ...event, at: this.loop.now }));
    this.db.on('node:readmitted', (event) => this.readmitted.push({ ...event, at: this.loop.now }));
  }

  /** The server of the standby with this number, from 1 on. */
  standby(number: number): Server {
    const server = this.world.servers[number];
    if (server === undefined) throw new Error(`there is no standby ${number}`);
    return server;
  }

  /** Begins, until all nodes are known. */
  async begin(): Promise<void> {
    const ready = this.db.ready({ standbys: this.world.servers.length - 1 });
    let isReady = false;
    void ready.then(() => {
      isReady = true;
    });
    await this.loop.run(this.loop.now + 10_000, () => isReady);
    if (!isReady) throw new Error('the cluster does not get ready');
    await this.loop.run(this.loop.now + 2_000);
  }

  /** A read every so many milliseconds, for `ms`; with `oneAtATime` the next one when the last one has ended. */
  async reads(ms: number, everyMs: number, oneAtATime = false): Promise<Stretch> {
    this.#sent = new Map();
    const reads: EndedRead[] = [];
    let failed = 0;
    const end = this.loop.now + ms;
    const next = () => {
      if (this.loop.now < end) this.loop.input(this.loop.now + everyMs, read);
    };
    const read = () => {
      const startedAt = this.loop.now;
      this.#pending++;
      this.db
        .with({ target: 'standby' })
        .query('select 1')
        .then(
          ({ node }) => reads.push({ node, tookMs: this.loop.now - startedAt }),
          () => {
            failed++;
          },
        )
        .finally(() => {
          this.#pending--;
          if (oneAtATime) next();
        });
      if (!oneAtATime) next();
    };
    next();
    await this.loop.run(end);
    const sent = new Map(this.#sent);
    await this.loop.run(end + 20_000, () => this.#pending === 0);
    if (this.#pending > 0) failed += this.#pending;
    return { reads, failed, sent };
  }

  async wait(ms: number): Promise<void> {
    await this.loop.run(this.loop.now + ms);
  }

  /** Nothing is left behind. */
  async end(): Promise<string[]> {
    await this.wait(5_000);
    const { leased, waiting } = this.db.stats().total;
    const { inFlight } = this.db.stats().total;
    this.db.terminate();
    await this.wait(5_000);
    const left = leased + waiting + inFlight;
    return left === 0 ? [] : [`${leased} leased, ${waiting} waiting, ${inFlight} in flight at the end`];
  }

  /** A request to cancel takes its way, and comes too late for statements as short as these. */
  async #cancellable(connecting: Promise<DriverConnection>): Promise<DriverConnection> {
    const connection = await connecting;
    const arrive = (done: () => void) => this.loop.input(this.loop.now + 1, done);
    return Object.assign(connection, { cancel: () => new Promise<void>(arrive) });
  }

  #watcher(): Watcher {
    const nothing = () => undefined;
    return {
      sending: (connection, { text }) => {
        if (connection.isMonitor || text !== 'select 1') return;
        this.#sent.set(connection.node, (this.#sent.get(connection.node) ?? 0) + 1);
      },
      answered: nothing,
      parameter: nothing,
      dialling: nothing,
      opened: nothing,
      gone: nothing,
    };
  }
}

/** How long the given part of the reads took at most, milliseconds. */
export function quantile(reads: readonly EndedRead[], part: number): number {
  const sorted = reads.map(({ tookMs }) => tookMs).sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

/** The part of what was sent that went to this server. */
export function shareOf({ sent }: Stretch, { name }: Server): number {
  let all = 0;
  for (const count of sent.values()) all += count;
  return (sent.get(`${name}:5432`) ?? 0) / Math.max(1, all);
}
