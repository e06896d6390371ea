import { createClusterOver } from '../../src/cluster/over.ts';
import type { Cluster } from '../../src/index.ts';
import { PgHerdError } from '../../src/model/errors.ts';
import type { AcceptedEpoch } from '../../src/model/floors.ts';
import { Dice } from './dice.ts';
import { Faults } from './faults.ts';
import { Loop } from './loop.ts';
import { Observer } from './observer.ts';
import { Referee } from './referee.ts';
import { type Scenario, scenarioOf } from './scenario.ts';
import { discoveryOf } from './sim-discovery.ts';
import { simDriver } from './sim-driver.ts';
import { Trace } from './trace.ts';
import { audit, judgeEnd } from './verdict.ts';
import { type CallRecord, Workload } from './workload.ts';
import { World } from './world.ts';

/** How long faults go on by default, seconds of virtual time. */
export const DEFAULT_SECONDS = 5;
/** A failover that was begun may take this long to end, milliseconds. */
const REPLACING_MS = 12_000;
/** How often a readiness probe asks for the health, milliseconds. */
const ASK_HEALTH_MS = 30;
/** A promotion takes no longer, milliseconds. */
const PROMOTION_MS = 100;
/** Longest that a call may take in a whole world whose logins are quick, milliseconds. */
const PROOF_MS = 2_000;
/** After this long in a whole world the client knows the truth, milliseconds. */
const TRUTH_MS = 12_000;
/** Pause after the second refusal of a login, milliseconds; there is no time for a third. */
const LASTING_MS = 60_000;
const REFUSED: ReadonlySet<string> = new Set(['authentication', 'database-missing']);
/** What runs on a node that left the list may end within this, milliseconds: the library's default of `drainMs`. */
const DRAIN_MS = 5_000;
/** Longest that goodbyes take, milliseconds. */
const GOODBYE_MS = 1_500;

/** What a seed gave. */
export interface Outcome {
  readonly scenario: Scenario;
  readonly violations: readonly string[];
  readonly hash: string;
  readonly trace: readonly string[];
  readonly calls: number;
  readonly happenings: number;
  /** When all was over, virtual milliseconds. */
  readonly endedAt: number;
}

/** Runs one seed from its beginning to the closing of the cluster, or to the first violation. */
export async function simulate(seed: number, seconds = DEFAULT_SECONDS): Promise<Outcome> {
  const run = new Run(scenarioOf(seed, seconds));
  await run.play();
  return run.outcome();
}

class Run {
  readonly #scenario: Scenario;
  readonly #loop = new Loop();
  readonly #trace = new Trace(() => this.#loop.now);
  readonly #world: World;
  readonly #observer: Observer;
  readonly #referee: Referee;
  readonly #faults: Faults;
  readonly #db: Cluster;
  readonly #workload: Workload;
  #closed = false;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#world = new World(scenario, this.#loop, this.#trace);
    this.#observer = new Observer(this.#world);
    this.#referee = new Referee(this.#world);
    this.#faults = new Faults(this.#world, this.#referee);
    this.#db = this.#cluster();
    this.#observer.watch(this.#db);
    this.#workload = new Workload(this.#world, this.#db, (call) => this.#onSettled(call));
    this.#loop.afterClient = () => {
      this.#observer.leaseHeldBy(this.#referee.truth);
      this.#observer.look();
    };
  }

  #cluster(): Cluster {
    const { options, seed } = this.#scenario;
    const serverOf = (host: string) => {
      return this.#world.at(`${host}:5432`).server;
    };
    const last = this.#world.sites.at(-1);
    return createClusterOver(
      simDriver(serverOf, this.#observer, () => this.#loop.now, this.#scenario.forgets > 0),
      {
        url: `postgres://app@${this.#world.addresses.join(',')}/shop`,
        nodes: last?.promotable === false ? { [last.node]: { promotable: false } } : {},
        discovery: this.#scenario.discovery ? discoveryOf(this.#world, this.#referee) : undefined,
        env: {},
        // Else a password file would be looked for at each connection: real I/O, which a virtual clock does not wait for.
        password: 'simulated',
        clock: this.#loop.clock,
        random: new Dice(seed, 'client'),
        waitTimeoutMs: options.waitTimeoutMs,
        restAfterMs: this.#scenario.restAfterMs,
        deadAfterMs: options.deadAfterMs,
        policy: options.policy,
        pool: { max: options.poolMax, validate: options.validate },
        fencing: { withdrawAfterMs: options.withdrawAfterMs },
        probe: { intervalMs: options.intervalMs, timeoutMs: options.timeoutMs, longPoll: options.longPoll },
      },
    );
  }

  async play(): Promise<void> {
    const { troubleMs, closesEarlyAtMs } = this.#scenario;
    this.#trace.note(`scenario ${JSON.stringify(this.#scenario)}`);
    this.#faults.schedule();
    this.#workload.begin();
    await this.#advance(closesEarlyAtMs ?? troubleMs);
    if (closesEarlyAtMs === undefined) await this.#heal();
    await this.#close();
    await this.#settleWorld();
    if (this.#isBroken()) return;
    const findings = audit(this.#workload.calls, this.#world, this.#referee.truth.wal);
    for (const finding of findings) this.#observer.violate(finding);
  }

  outcome(): Outcome {
    return {
      scenario: this.#scenario,
      violations: this.#observer.violations,
      hash: this.#trace.hash,
      trace: this.#trace.lines,
      calls: this.#workload.calls.length,
      happenings: this.#loop.count,
      endedAt: this.#loop.now,
    };
  }

  #isBroken(): boolean {
    return this.#observer.violations.length > 0;
  }

  async #advance(ms: number, until: () => boolean = () => false): Promise<void> {
    if (this.#isBroken()) return;
    await this.#loop.run(this.#loop.now + ms, () => this.#isBroken() || until());
  }

  /** As `#advance`, but while our own event loop stands still nothing can be expected of it. */
  async #advanceAwake(ms: number, until: () => boolean): Promise<void> {
    let end = this.#loop.now + ms;
    while (this.#loop.now < end && !until() && !this.#isBroken()) {
      await this.#advance(end - this.#loop.now, until);
      for (const stall of this.#world.stalls) end = Math.max(end, stall.until + ms);
    }
  }

  /** The world becomes whole; soon the client knows the truth, and its calls end. */
  async #heal(): Promise<void> {
    if (this.#scenario.restAfterMs > 0) this.#keepAwake();
    await this.#mend();
    const wholeAt = this.#loop.now;
    await this.#advance(1_000, () => this.#untruth(wholeAt) === undefined);
    this.#workload.end();
    await this.#expectWithdrawal(wholeAt);
    await this.#acceptRestored();
    // A login that was refused is tried again after half a minute.
    const patienceMs = this.#isRefused() ? TRUTH_MS + LASTING_MS : TRUTH_MS;
    await this.#advance(patienceMs, () => this.#untruth(wholeAt) === undefined);
    const untruth = this.#untruth(wholeAt);
    if (untruth !== undefined && !this.#isBroken()) {
      this.#observer.violate(`${patienceMs} ms after the world was whole: ${untruth}`);
    }
    const late = () => this.#workload.pending.length === 0;
    const drainMs = this.#scenario.discovery ? DRAIN_MS : 0;
    await this.#advance(this.#scenario.options.waitTimeoutMs + drainMs + 1_000, late);
    await this.#advance(LASTING_MS, () => !this.#isRefused());
    if (this.#isBroken()) return;
    for (const call of this.#workload.pending) {
      this.#observer.violate(`call ${call.name} has not ended in a world that is whole`);
    }
    await this.#prove();
  }

  /** Whether a node is known to refuse logins: of its monitor, or, while that one is connected, of the pool. */
  #isRefused(): boolean {
    if (this.#db.topology.nodes.some(({ connectFailure }) => REFUSED.has(connectFailure ?? ''))) return true;
    return this.#db.health().reasons.some((reason) => reason.includes('lets in no new connection'));
  }

  /**
   * A floor whose witnesses are all standbys of the primary again falls without the user's help, unless the clock of one was set: then it cannot
   * say how long it has run, and so not that it began to live after it had shown the floor.
   */
  async #expectWithdrawal(wholeAt: number): Promise<void> {
    const { topology } = this.#db;
    const { node } = this.#world.siteOf(this.#referee.truth);
    const { systemIdentifier, surroundings, timeline } = this.#referee.truth;
    if (this.#isBroken() || !surroundings.traits.controlFile) return;
    const levels = topology.levels[systemIdentifier] ?? [];
    const above = levels.filter((level) => level.timeline > timeline);
    const names = above.flatMap(({ witnesses }) => witnesses.map((witness) => witness.node));
    const comeBack =
      above.length > 0 && topology.systemIdentifier === systemIdentifier && !names.includes(node);
    const cannotTell = this.#world.servers.some(
      (server) => names.includes(this.#world.siteOf(server).node) && server.clockIsWrong,
    );
    if (!comeBack || cannotTell) return;
    const limitMs = above.length * (TRUTH_MS + this.#scenario.options.withdrawAfterMs);
    await this.#advance(limitMs, () => this.#untruth(wholeAt) === undefined);
    const untruth = this.#untruth(wholeAt);
    if (untruth === undefined || this.#isRefused() || this.#isBroken()) return;
    const missing = this.#db.topology.barred?.missing.join('; ');
    this.#observer.violate(
      `timeline ${above[0]?.timeline} is not given up, although all its witnesses are standbys: ${untruth}: ${missing}`,
    );
  }

  /** A timeline below the highest, or another cluster than the first, gets no writes until the user says so. */
  async #acceptRestored(): Promise<void> {
    const { systemIdentifier, timeline, surroundings } = this.#referee.truth;
    const system = surroundings.traits.controlFile ? systemIdentifier : '';
    const floor = this.#observer.knowledge.floors.get(system);
    const known = this.#db.topology.systemIdentifier;
    const isForeign = system !== '' && known !== undefined && known !== system;
    if (this.#isBroken() || !(isForeign || (floor !== undefined && floor > timeline))) return;
    this.#trace.note(`the user accepts timeline ${timeline}`);
    if (system !== '' && !isForeign && new Dice(this.#scenario.seed, 'acceptance').chance(0.5)) {
      this.#referee.truth.writeNote();
      return;
    }
    const epoch = { systemIdentifier: system === '' ? undefined : system, timeline };
    const end = this.#loop.now + REPLACING_MS;
    while (!(await this.#accepts(epoch))) {
      if (this.#loop.now > end) this.#observer.violate(`timeline ${timeline} cannot be accepted`);
      if (this.#isBroken()) return;
      await this.#advance(100);
    }
  }

  /** Whether the client accepts the epoch: it does not while it believes that a node above it can be reached. */
  async #accepts(epoch: AcceptedEpoch): Promise<boolean> {
    let isAccepted = false;
    await this.#loop.act(() => {
      try {
        this.#db.acceptEpoch(epoch);
        this.#observer.accepted(epoch.systemIdentifier ?? '', epoch.timeline);
        isAccepted = true;
      } catch (error) {
        if (!(error instanceof PgHerdError) || error.details['node'] === undefined) throw error;
      }
    });
    return isAccepted;
  }

  /** A readiness probe: the client does not rest while it goes on, and is never down because it rested. */
  #keepAwake(): void {
    if (this.#observer.isClosing) return;
    const { resting, status } = this.#db.health();
    if (resting === true && status !== 'up') this.#observer.violate(`a cluster that rests is ${status}`);
    this.#loop.input(this.#loop.now + ASK_HEALTH_MS, () => this.#keepAwake());
  }

  async #mend(): Promise<void> {
    this.#trace.note('the world becomes whole');
    this.#faults.end();
    this.#referee.watching = false;
    const end = this.#loop.now + REPLACING_MS;
    while (this.#referee.isReplacing && this.#loop.now < end && !this.#isBroken()) await this.#advance(100);
    // What was begun a moment ago has its effect first.
    await this.#advance(PROMOTION_MS);
    this.#referee.restoreOrder();
    const whole = this.#loop.now + REPLACING_MS;
    while (!this.#isWhole() && !this.#isBroken()) {
      if (this.#loop.now > whole) this.#observer.violate('the script cannot make the world whole');
      await this.#advance(100);
    }
    this.#trace.note('the world is whole');
  }

  #isWhole(): boolean {
    const { truth } = this.#referee;
    return this.#world.servers.every((server) =>
      server === truth
        ? server.isUp && !server.inRecovery
        : server.isUp &&
          server.inRecovery &&
          server.upstream === truth &&
          server.wal.length === truth.wal.length,
    );
  }

  /**
   * In what the client's picture differs from the whole world. It may be true by chance, from before: nothing is expected
   * of connections to servers that died unheard, until those have answered from their present life.
   */
  #untruth(wholeAt: number): string | undefined {
    const { truth } = this.#referee;
    const { node } = this.#world.siteOf(truth);
    const writers = this.#db.explainTarget('read-write').tiers.flat();
    if (writers.map((name) => this.#world.at(name).node).join() !== node)
      return `writes go to ${writers.join() || 'nobody'} instead of ${node}`;
    for (const described of this.#db.topology.nodes) {
      if (described.aliasOf !== undefined) continue;
      const role = this.#world.at(described.name).node === node ? 'primary' : 'standby';
      const { health, standing } = described;
      if (described.role !== role || health !== 'ok' || standing !== 'current') {
        return `${described.name} is ${described.role}, ${health}, ${standing}, but should be ${role}`;
      }
      const { askedAt } = this.#observer.knowledge.told.get(described.name) ?? {};
      if (askedAt === undefined || askedAt < wholeAt) return `${described.name} was not asked since`;
    }
    return undefined;
  }

  /** A write and a read in the whole world do what they should. */
  async #prove(): Promise<void> {
    const calls: CallRecord[] = [];
    await this.#loop.act(() => {
      calls.push(this.#workload.call('write', true), this.#workload.call('read', true));
    });
    // A login may take long, and each of the two calls may need one.
    const patienceMs = PROOF_MS + 2 * (this.#scenario.traits.loginMs ?? 0);
    await this.#advance(patienceMs, () => calls.every((call) => call.settledAt !== undefined));
    for (const call of calls) {
      if (call.settledAt === undefined || call.error !== undefined) {
        this.#observer.violate(`call ${call.name} fails in a world that is whole: ${String(call.error)}`);
      }
    }
  }

  /** After closing nothing is left: no timer, no connection, nobody who waits. */
  async #close(): Promise<void> {
    if (this.#isBroken()) return;
    this.#workload.end();
    this.#observer.isClosing = true;
    const dice = new Dice(this.#scenario.seed, 'closing');
    if (this.#scenario.closesEarlyAtMs !== undefined && dice.chance(0.3)) {
      await this.#loop.act(() => this.#db.terminate());
      this.#closed = true;
    } else {
      await this.#loop.act(() => {
        void this.#db.close({ timeoutMs: dice.between(10, 3_000) }).then(() => {
          this.#closed = true;
        });
      });
    }
    await this.#advanceAwake(6_000, () => this.#closed);
    await this.#advanceAwake(GOODBYE_MS, () => this.#isClear());
    if (this.#isBroken() || this.#isClear()) return;
    const { clientTimers } = this.#loop;
    this.#observer.violate(
      `after closing (${this.#closed}) there are ${clientTimers} timers, ${this.#observer.sockets.size} connections, ` +
        `and these calls: ${this.#workload.pending.map((call) => call.name).join()}`,
    );
  }

  #isClear(): boolean {
    return (
      this.#closed &&
      this.#loop.clientTimers === 0 &&
      this.#observer.sockets.size === 0 &&
      this.#workload.pending.length === 0
    );
  }

  /** What is still on its way in the world arrives, so that the books can be closed. */
  async #settleWorld(): Promise<void> {
    if (this.#scenario.closesEarlyAtMs !== undefined) await this.#mend();
    await this.#advance(3_000);
  }

  #onSettled(call: CallRecord): void {
    const finding = judgeEnd(call, this.#world, this.#observer.writableSince);
    if (finding !== undefined) this.#observer.violate(finding);
  }
}
