import { Dice } from './dice.ts';
import type { Server } from './server.ts';
import type { World } from './world.ts';

const LOOK_EVERY_MS = 100;
const PROMOTION_LIMIT_MS = 500;
const RESTORING_MS = 2_500;

/**
 * Decides who is the primary. The careful one promotes only when the primary is gone, cuts the standbys off from it
 * first, takes the one with the longest log, and in asynchronous clusters kills the old primary before. The careless one
 * does none of this: that is left to the script.
 */
export class Referee {
  readonly #world: World;
  readonly #dice: Dice;
  readonly #careful: boolean;
  /** The primary that counts. */
  truth: Server;
  #patienceMs: number;
  #missingSince: number | undefined;
  #replacing = false;
  #restored = false;
  /** Restores that were begun and are not ended. */
  #restoring = 0;
  /** Whether it still watches. */
  active = true;
  /** Whether it begins failovers; what was begun is ended all the same. */
  watching = true;

  constructor(world: World) {
    this.#world = world;
    this.#dice = new Dice(world.scenario.seed, 'referee');
    this.#careful = world.scenario.mode !== 'careless';
    this.#patienceMs = this.#dice.between(200, 1_500);
    const [first] = world.servers;
    if (first === undefined) throw new Error('nobody to be the primary');
    this.truth = first;
    if (this.#careful) this.#look();
  }

  get isCareful(): boolean {
    return this.#careful;
  }

  /** Whether a failover or a restore was begun and is not ended. */
  get isReplacing(): boolean {
    return this.#replacing || this.#restoring > 0;
  }

  /** Somebody promoted a server without asking: the highest timeline is what counts. */
  consider(server: Server): void {
    if (this.#restored || !this.#world.siteOf(server).promotable) return;
    if (server.timeline > this.truth.timeline) this.truth = server;
  }

  #look(): void {
    const { loop } = this.#world;
    if (!this.active || !this.watching) return;
    loop.world(LOOK_EVERY_MS, () => this.#look());
    if (this.#replacing) return;
    if (this.truth.isUp && !this.truth.isolated) {
      this.#missingSince = undefined;
      return;
    }
    this.#missingSince ??= loop.now;
    if (loop.now - this.#missingSince >= this.#patienceMs) this.#replace();
  }

  /** Standbys of the primary that counts. A former primary that was not rebuilt yet may have the longest log, but not this one. With a quorum only those count that have all that was acknowledged. */
  #standbysOf(old: Server): Server[] {
    const synchronous = this.#world.scenario.mode === 'careful-sync';
    return this.#world.servers.filter(
      (one) =>
        one !== old &&
        one.inRecovery &&
        one.wal.isPrefixOf(old.wal) &&
        (!synchronous || one.wal.length >= old.confirmedLength) &&
        this.#world.siteOf(one).promotable,
    );
  }

  /** A failover, as soon as it may be made; without a standby the primary is waited for. */
  #replace(): void {
    const old = this.truth;
    if (this.#standbysOf(old).length === 0) return;
    this.#world.trace.note(`referee: ${old.name} is to be replaced`);
    const synchronous = this.#world.scenario.mode === 'careful-sync';
    if (!synchronous || this.#dice.chance(0.5)) old.crash();
    this.#replacing = true;
    for (const other of this.#world.servers) if (other !== old) other.follow(undefined);
    this.#promoteBest(old);
  }

  #promoteBest(old: Server): void {
    if (!this.active) return;
    if (this.truth !== old) {
      this.#settle(this.truth);
      return;
    }
    const best = mostAdvanced(this.#standbysOf(old));
    const { loop } = this.#world;
    if (best === undefined) {
      this.#giveUp(old);
      return;
    }
    if (!best.isUp) {
      // Its log may hold what nobody else has: better no primary than a loss.
      loop.world(LOOK_EVERY_MS, () => this.#promoteBest(old));
      return;
    }
    this.promote(best);
    loop.world(PROMOTION_LIMIT_MS, () => {
      if (best.inRecovery) this.#promoteBest(old);
      else this.#settle(best);
    });
  }

  /** Nobody is left who could succeed: all were promoted without asking. The primary is the one that was. */
  #giveUp(old: Server): void {
    this.#replacing = false;
    this.#missingSince = undefined;
    this.restart(old);
  }

  /** Promotes with the knowledge of all timelines there were, as an archive gives it. */
  promote(server: Server): void {
    server.timeline = Math.max(server.timeline, this.truth.timeline);
    server.onPromoted.push(() => this.#crown(server));
    server.promote();
  }

  #crown(server: Server): void {
    this.truth = server;
    for (const other of this.#world.servers) if (other !== server && other.inRecovery) other.follow(server);
  }

  #settle(primary: Server): void {
    this.#replacing = false;
    this.#missingSince = undefined;
    this.truth = primary;
    for (const other of this.#world.servers) {
      if (other === primary) continue;
      this.#world.loop.world(this.#dice.between(300, 3_000), () => this.bringBack(other));
    }
  }

  /** A switchover: the old primary goes down in order, all it has is waited for, and it comes back as a standby. */
  switchOver(): void {
    const old = this.truth;
    if (this.#replacing || !old.isUp || !this.#standbysOf(old).some((one) => one.isUp)) return;
    this.#world.trace.note('referee: switchover');
    this.#replacing = true;
    this.#world.trouble(old);
    old.stopFast();
    const wait = () => {
      const best = mostAdvanced(this.#standbysOf(old));
      const ready = !this.active || (old.state === 'down' && best?.isUp !== false);
      this.#world.loop.world(LOOK_EVERY_MS, ready ? () => this.#promoteBest(old) : wait);
      if (ready) this.#world.relieve(old);
    };
    this.#world.loop.world(LOOK_EVERY_MS, wait);
  }

  /** Brings a server back to where it belongs: the primary that counts as it is, all others as its standbys. */
  bringBack(server: Server): void {
    if (!this.active || this.#replacing || server === this.truth) return;
    this.rejoin(server);
  }

  /** A server that does not follow the primary that counts is stopped, rebuilt from it and started. */
  rejoin(server: Server): void {
    const { truth } = this;
    const follows =
      server.state === 'up' &&
      server.inRecovery &&
      server.systemIdentifier === truth.systemIdentifier &&
      server.wal.isPrefixOf(truth.wal);
    if (follows) {
      if (server.upstream !== truth && !this.#replacing) server.follow(truth);
      return;
    }
    this.#world.trouble(server);
    server.stopFast();
    const again = () => {
      if (server.state === 'stopping' || server.state === 'starting') {
        this.#world.loop.world(50, again);
        return;
      }
      if (server !== this.truth) server.rebuildFrom(this.truth);
      // Until the next primary is there, nobody confirms to the one before what the next may not have.
      if (this.#replacing) server.follow(undefined);
      this.#startUp(server);
      this.#world.relieve(server);
    };
    this.#world.loop.world(60, again);
  }

  #startUp(server: Server): void {
    this.#world.trouble(server);
    server.start(this.#dice.between(50, 600));
    const up = () => {
      if (server.state === 'starting') this.#world.loop.world(50, up);
      else this.#world.relieve(server);
    };
    up();
  }

  /** Starts a server that is down: as what it was, or behind the primary that counts by now. */
  restart(server: Server): void {
    if (server.state !== 'down' && server.state !== 'lost') return;
    if (this.#replacing && server === this.truth) return;
    if (server !== this.truth && (this.#careful || this.#dice.chance(0.5))) {
      this.rejoin(server);
      return;
    }
    this.#startUp(server);
  }

  /**
   * Everything is lost, and one server restored from an older backup: from now on it is the primary that counts, although
   * its timeline was passed before. Returns when its work is set going.
   */
  restoreOlder(server: Server): void {
    this.#restored = true;
    this.#restoring++;
    this.truth = server;
    for (const one of this.#world.servers) {
      this.#world.trouble(one);
      one.crash();
    }
    this.#world.loop.world(RESTORING_MS, () => {
      this.#restoring--;
      // Another fault's end may have started it meanwhile.
      server.crash();
      server.restoreOlder();
      this.#startUp(server);
      for (const one of this.#world.servers) {
        this.#world.relieve(one);
        if (one !== server) this.rejoin(one);
      }
    });
  }

  /** The end of all experiments: one primary, everybody else its standby. */
  restoreOrder(): void {
    this.active = false;
    this.#replacing = false;
    const { servers, scenario } = this.#world;
    const former = servers.filter(
      (one) =>
        !one.inRecovery &&
        one.systemIdentifier === this.truth.systemIdentifier &&
        this.#world.siteOf(one).promotable,
    );
    const highest = Math.max(...former.map((one) => one.timeline));
    const claims = former.filter((one) => one.timeline === highest);
    if (!this.#careful && !this.#restored && claims.length > 0) this.truth = this.#dice.pick(claims);
    const { truth } = this;
    this.#world.trace.note(`referee: ${truth.name} is the primary (${scenario.mode})`);
    if (truth.state === 'down' || truth.state === 'lost') {
      this.#startUp(truth);
    }
    for (const other of servers) if (other !== truth) this.rejoin(other);
  }
}

function mostAdvanced(servers: readonly Server[]): Server | undefined {
  return servers.toSorted((one, other) => other.wal.lsn - one.wal.lsn)[0];
}
