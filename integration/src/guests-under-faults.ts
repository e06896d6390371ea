import { createTestCluster, type TestCluster } from '@pgherd/testing';
import type { Cluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { Writers } from './guest-writers.ts';
import type { GuestClient, MakeGuest } from './guests.ts';
import { codeOf, createTable, open, restore } from './support.ts';

/** Codes of a call that failed because its connection did, or because the node lost its role. */
const EXPECTED: ReadonlySet<unknown> = new Set([
  'PGHERD_CONNECTION_LOST',
  'PGHERD_OUTCOME_UNKNOWN',
  'CONNECTION_CLOSED',
  '25006',
  '25P02',
  '57P01',
  '57P02',
  '57P03',
]);
/** What pg says of a client whose connection has ended between two statements of a transaction. */
const NOT_QUERYABLE = 'Client has encountered a connection error and is not queryable';

/** How many write at a time, and over how many connections. */
export interface Load {
  readonly writers: number;
  readonly connections: number;
}

/** One guest that writes until so many rows were acknowledged; with `singles` without transactions. */
export interface WrittenUnderFaults {
  readonly target: number;
  readonly singles?: boolean | undefined;
}

/** Three servers with synchronous replication for all tests of a file, and for each a cluster object whose guests write while they fail. */
export class GuestsUnderFaults {
  readonly #load: Load;
  #servers: TestCluster | undefined;
  #db: Cluster | undefined;

  /** Registers what starts, mends and ends the servers. */
  constructor(load: Load) {
    this.#load = load;
    beforeAll(async () => {
      this.#servers = await createTestCluster({
        standbys: 2,
        proxy: true,
        synchronous: { commit: 'on', any: 1 },
        settings: { max_connections: '100' },
      });
      await createTable(this.#servers, 'kept', 'id int not null');
    });
    afterEach(async () => {
      await this.#db?.close({ timeoutMs: 5_000 });
      for (const node of this.servers.nodes) await node.heal();
      await restore(this.servers);
    });
    afterAll(() => this.#servers?.close());
  }

  get servers(): TestCluster {
    if (this.#servers === undefined) throw new Error('the servers have not been started');
    return this.#servers;
  }

  /** The cluster object of this test, once there is one. */
  get db(): Cluster {
    if (this.#db === undefined) throw new Error('nothing was opened');
    return this.#db;
  }

  /** Opens a cluster object that knows all servers. */
  async open(): Promise<Cluster> {
    this.#db = open(this.servers);
    await this.#db.ready({ primaries: 1, standbys: 2 });
    return this.#db;
  }

  /**
   * Lets the guest write under faults. Then the table must have each acknowledged row once, and all errors must be of those that a lost
   * connection or role explains.
   */
  async write(
    make: MakeGuest,
    { target, singles }: WrittenUnderFaults,
    faults: (writers: Writers, guest: GuestClient) => Promise<void>,
  ): Promise<Writers> {
    const { writers: count, connections: max } = this.#load;
    const guest = make(await this.open(), { max, applicationName: 'writer' });
    const writers = new Writers(guest, target, count, singles);
    try {
      await writers.more(50);
      await faults(writers, guest);
    } finally {
      writers.enough();
      await writers.done;
      await guest[Symbol.asyncDispose]();
    }
    await writers.assertKept(this.servers.primary);
    const odd = [...writers.failed.values()].filter(
      (error) => !EXPECTED.has(codeOf(error)) && !String(error).includes(NOT_QUERYABLE),
    );
    expect(odd.map((error) => `${String(codeOf(error))} ${String(error)}`)).toEqual([]);
    return writers;
  }

  /** Hands the role over to a standby, while writers go on. */
  async switchOver(writers: Writers): Promise<void> {
    const [to] = this.servers.standbys;
    if (to === undefined) throw new Error('no standby');
    await this.servers.switchover(to);
    await writers.more(200);
  }
}
