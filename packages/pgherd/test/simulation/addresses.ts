import { createClusterOver } from '../../src/cluster/over.ts';
import type { Cluster, ClusterOptions } from '../../src/index.ts';
import { calm } from './calm.ts';
import { Dice } from './dice.ts';
import { Loop } from './loop.ts';
import type { Server } from './server.ts';
import { type SimConnection, simDriver, type Watcher } from './sim-driver.ts';
import { parse } from './sql.ts';
import { Trace } from './trace.ts';
import { World } from './world.ts';

/** Host of the address. */
const VIP = 'vip';
/** Pause between two calls of one caller, milliseconds. */
const PAUSE_MS = 10;

/** A write that was handed to a connection. */
export interface SentWrite {
  readonly server: Server;
  readonly at: number;
  /** Whether the client knew by then that several servers answer at its address, and that none of them is to be written to. */
  readonly isBarred: boolean;
}

/** The true cluster code at one address, or some, each of which leads to one server or another of those that exist in memory. */
export class AddressRun {
  readonly loop = new Loop();
  readonly world: World;
  readonly db: Cluster;
  readonly dice: Dice;
  readonly sent: SentWrite[] = [];
  /** Errors of calls, by their code. */
  readonly failed = new Map<string, number>();
  written = 0;
  /** Where the next connection leads, by the host. */
  leadsTo: (host: string) => Server;
  readonly #open = new Set<SimConnection>();
  #calls = 0;
  #isOver = false;

  constructor(seed: number, servers: number, options: ClusterOptions, hosts: readonly string[] = [VIP]) {
    this.dice = new Dice(seed, 'addresses');
    this.world = new World(calm(seed, servers), this.loop, new Trace(() => this.loop.now));
    this.leadsTo = () => this.server(0);
    this.db = createClusterOver(
      simDriver(
        (host) => this.leadsTo(host),
        this.#watcher(),
        () => this.loop.now,
        true,
      ),
      {
        url: `postgres://app@${hosts.map((host) => `${host}:5432`).join(',')}/shop`,
        env: {},
        password: 'simulated',
        clock: this.loop.clock,
        random: new Dice(seed, 'client'),
        pool: { max: 4 },
        waitTimeoutMs: 4_000,
        ...options,
      },
    );
  }

  server(index: number): Server {
    const server = this.world.servers[index];
    if (server === undefined) throw new Error(`there is no server ${index}`);
    return server;
  }

  /** Makes this server a primary beside the others, on a timeline of its own. */
  async promote(server: Server): Promise<void> {
    await this.wait(500);
    server.promote();
    await this.wait(200);
    if (server.inRecovery) throw new Error('it was not promoted');
  }

  /** Callers that write in transactions, one after the other, until {@link end}. */
  write(callers: number): void {
    for (let caller = 0; caller < callers; caller++)
      this.loop.input(this.loop.now + caller, () => this.#call());
  }

  /** Callers that read, wherever, until {@link end}. */
  read(callers: number): void {
    for (let caller = 0; caller < callers; caller++)
      this.loop.input(this.loop.now + caller, () => this.#readOn());
  }

  /** One statement that takes this long at the server, milliseconds; it is not run again. */
  takeLong(ms: number): void {
    const done = this.db.use((lease) => lease.query('select pg_sleep($1)', [ms]));
    this.#follow(done, () => undefined);
  }

  async wait(ms: number, until: () => boolean = () => false): Promise<void> {
    await this.loop.run(this.loop.now + ms, until);
  }

  /** Connections of the pool that are open now are cut, as a balancer cuts them that has too many. */
  cut(part: number): void {
    for (const connection of [...this.#open]) {
      if (connection.isMonitor || !this.dice.chance(part)) continue;
      for (const backend of connection.server.backends) if (this.dice.chance(part)) backend.cutOff();
    }
  }

  /** How often writes went to another server than the one before. */
  get switches(): number {
    return this.sent.filter(({ server }, index) => index > 0 && server !== this.sent[index - 1]?.server)
      .length;
  }

  /** Nothing is left behind. */
  async end(): Promise<string[]> {
    this.#isOver = true;
    await this.wait(6_000, () => this.#calls === 0);
    const left = this.#calls === 0 ? [] : [`${this.#calls} calls have not ended`];
    this.db.terminate();
    await this.wait(5_000);
    if (this.loop.clientTimers > 0) left.push(`${this.loop.clientTimers} timers are left`);
    if (this.#open.size > 0) left.push(`${this.#open.size} connections are left`);
    return left;
  }

  #call(): void {
    const id = `w${this.sent.length}.${this.loop.now}`;
    const written = this.db.transaction(async (tx) => {
      await tx.query('insert into t values ($1)', [id]);
    });
    this.#follow(
      written.then(() => {
        this.written += 1;
      }),
      () => this.#call(),
    );
  }

  #readOn(): void {
    const read = this.db.with({ target: 'any' }).query('select pg_sleep($1)', [5]);
    this.#follow(read, () => this.#readOn());
  }

  /** Takes note of how the call ends, and then makes the next one. */
  #follow(call: Promise<unknown>, next: () => void): void {
    this.#calls += 1;
    call
      .catch((error: unknown) => {
        const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
        this.failed.set(code, (this.failed.get(code) ?? 0) + 1);
      })
      .finally(() => {
        this.#calls -= 1;
        this.loop.input(this.loop.now + PAUSE_MS * (0.5 + this.dice.next()), () => {
          if (!this.#isOver) next();
        });
      });
  }

  #watcher(): Watcher {
    const nothing = () => undefined;
    return {
      sending: ({ server }, { text }) => {
        if (parse(text).kind !== 'insert') return;
        const isBarred = this.db.nodes().some(({ several }) => several?.barsWrites === true);
        this.sent.push({ server, at: this.loop.now, isBarred });
      },
      answered: nothing,
      parameter: nothing,
      dialling: (connection) => void this.#open.add(connection),
      opened: nothing,
      gone: (connection) => void this.#open.delete(connection),
    };
  }
}
