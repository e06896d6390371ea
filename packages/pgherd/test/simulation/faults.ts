import { stepClocks } from './clocks.ts';
import { Dice } from './dice.ts';
import type { Referee } from './referee.ts';
import type { Server } from './server.ts';
import { STRANGE_SYSTEM, type World } from './world.ts';

/** Time that a wiped server takes to come up again, milliseconds. */
const REINITIALISING_MS = 1_500;

/** A client that has lost its connections without a word has found out after this time, milliseconds. */
const FORGOTTEN_MS = 4_000;

/** What the script can do. */
const WEIGHTS = Object.freeze({
  kill: 10,
  'stop-immediately': 5,
  'stop-fast': 8,
  'lose-host': 6,
  freeze: 12,
  'cut-network': 10,
  'cut-one-way': 8,
  'cut-from-standbys': 6,
  'reset-connections': 5,
  'terminate-backends': 5,
  'slow-network': 5,
  'lose-packets': 4,
  'too-many-connections': 4,
  'read-only-default': 4,
  'refuse-login': 2,
  'pause-replay': 3,
  'cancel-sync-wait': 4,
  'switch-over': 8,
  promote: 10,
  'promote-two': 6,
  reinitialise: 4,
  'restore-older': 3,
  'promote-in-the-dark': 5,
} as const);
type Fault = keyof typeof WEIGHTS;

/** Faults that only somebody careless makes. */
const CARELESS: ReadonlySet<Fault> = new Set([
  'promote',
  'promote-two',
  'reinitialise',
  'restore-older',
  'promote-in-the-dark',
]);

/** The script of a seed: what goes wrong, when, and when it is right again. */
export class Faults {
  readonly #world: World;
  readonly #referee: Referee;
  readonly #dice: Dice;
  #over = false;
  readonly #undo = new Set<() => void>();

  constructor(world: World, referee: Referee) {
    this.#world = world;
    this.#referee = referee;
    this.#dice = new Dice(world.scenario.seed, 'faults');
  }

  /** Puts the script into the loop. */
  schedule(): void {
    const { loop, scenario } = this.#world;
    for (let count = 0; count < scenario.faults; count++) {
      const fault = this.#roll();
      const at = this.#dice.chance(0.1)
        ? this.#dice.between(0, 200)
        : this.#dice.between(200, scenario.troubleMs);
      loop.world(at, () => {
        if (!this.#over) this.#begin(fault);
      });
    }
    const forgetting = new Dice(scenario.seed, 'forgetting');
    for (let count = 0; count < scenario.forgets; count++) {
      const at = forgetting.between(300, scenario.troubleMs);
      loop.world(at, () => this.#forget(forgetting.pick(this.#world.servers)));
    }
    const stalls = this.#dice.chance(0.3) ? this.#dice.whole(1, 2) : 0;
    for (let count = 0; count < stalls; count++) {
      const ms = this.#dice.between(60, 2_500);
      loop.world(this.#dice.between(600, scenario.troubleMs), () => this.#world.stall(ms));
    }
    if (this.#dice.chance(0.2)) {
      const step = this.#dice.between(-86_400_000, 86_400_000);
      loop.world(this.#dice.between(0, scenario.troubleMs), () => loop.stepWallClock(step));
    }
    if (scenario.splitFromTheStart) this.#promoteTwo();
    this.#takeBackPromotions();
    stepClocks(this.#world, this.#leaveNote());
    if (scenario.stranger) this.#sendStrangerHome();
  }

  /** A firewall forgets what is open, without a word. */
  #forget(server: Server): void {
    if (this.#over) return;
    this.#world.trace.note(`script: the connections to ${server.name} are forgotten`);
    server.link.forget();
    this.#until(server, FORGOTTEN_MS, () => undefined);
  }

  #roll(): Fault {
    for (;;) {
      const fault = this.#dice.weighted(WEIGHTS);
      if (!this.#referee.isCareful || !CARELESS.has(fault)) return fault;
    }
  }

  /** Everything that was done to the network and the servers' settings is undone. */
  end(): void {
    this.#over = true;
    for (const undo of [...this.#undo]) undo();
  }

  #victim(): Server {
    const { truth } = this.#referee;
    return this.#dice.chance(0.6) ? truth : this.#dice.pick(this.#world.servers);
  }

  #begin(fault: Fault): void {
    const server = this.#victim();
    const ms = this.#dice.chance(0.5) ? this.#dice.between(50, 1_500) : this.#dice.between(1_000, 6_000);
    this.#world.trace.note(`script: ${fault} at ${server.name} for ${Math.round(ms)} ms`);
    this.#do(fault, server, ms);
  }

  #do(fault: Fault, server: Server, ms: number): void {
    switch (fault) {
      case 'kill':
      case 'stop-immediately':
      case 'stop-fast':
      case 'lose-host':
        this.#takeDown(fault, server, ms);
        return;
      case 'freeze':
        server.freeze();
        this.#until(server, ms, () => server.thaw());
        return;
      case 'cut-network':
      case 'cut-one-way':
      case 'slow-network':
      case 'lose-packets':
        this.#disturbNetwork(fault, server, ms);
        return;
      case 'cut-from-standbys':
        server.isolated = true;
        this.#until(server, ms, () => {
          server.isolated = false;
        });
        return;
      case 'cancel-sync-wait':
        this.#cancelSyncWaits(server, ms);
        return;
      case 'reset-connections':
      case 'terminate-backends':
        this.#disturbBackends(fault, server);
        return;
      case 'too-many-connections':
        server.maxConnections = this.#dice.whole(0, 3);
        this.#until(server, ms, () => {
          server.maxConnections = 100;
        });
        return;
      case 'read-only-default':
        server.readOnlyDefault = true;
        this.#until(server, ms, () => {
          server.readOnlyDefault = false;
        });
        return;
      case 'refuse-login':
        server.refusal = this.#dice.pick(['28P01', '3D000'] as const);
        this.#until(server, ms, () => {
          server.refusal = undefined;
        });
        return;
      case 'pause-replay':
        server.replayPaused = true;
        this.#until(server, ms, () => server.resumeReplay());
        return;
      case 'switch-over':
        this.#referee.switchOver();
        return;
      case 'promote':
        this.#promote(this.#dice.pick(this.#world.servers));
        return;
      case 'promote-two':
        this.#promoteTwo();
        return;
      case 'reinitialise':
        this.#reinitialise(server);
        return;
      case 'promote-in-the-dark':
        this.#promoteInTheDark(server);
        return;
      case 'restore-older':
        // Where nothing may be written to, nobody restores what is to be written to.
        if (this.#world.siteOf(server).promotable) this.#referee.restoreOlder(server);
        return;
      default:
        fault satisfies never;
    }
  }

  #takeDown(how: 'kill' | 'stop-immediately' | 'stop-fast' | 'lose-host', server: Server, ms: number): void {
    if (how === 'kill') server.crash();
    else if (how === 'stop-immediately') server.crash('immediate');
    else if (how === 'stop-fast') server.stopFast();
    else server.lose();
    this.#until(server, Math.max(60, ms), () => this.#referee.restart(server));
  }

  #disturbNetwork(
    how: 'cut-network' | 'cut-one-way' | 'slow-network' | 'lose-packets',
    server: Server,
    ms: number,
  ): void {
    const { link } = server;
    if (how === 'cut-network' || (how === 'cut-one-way' && this.#dice.chance(0.5))) link.block('to-server');
    if (how === 'cut-network' || (how === 'cut-one-way' && link.isWhole)) link.block('to-client');
    if (how === 'slow-network') link.delayMs = this.#dice.between(1, 200);
    if (how === 'slow-network') link.jitterMs = this.#dice.between(20, 200);
    if (how === 'lose-packets') link.loss = this.#dice.between(0.05, 0.4);
    this.#until(server, ms, () => link.mend());
  }

  #disturbBackends(how: 'reset-connections' | 'terminate-backends', server: Server): void {
    for (const backend of [...server.backends]) {
      if (how === 'terminate-backends' && this.#dice.chance(0.7)) backend.terminate();
      else if (how === 'reset-connections' && this.#dice.chance(0.7)) backend.cutOff();
    }
    this.#until(server, 10, () => undefined);
  }

  /** A server is wiped and set up as a cluster of its own, at the same address. */
  #reinitialise(server: Server): void {
    if (server === this.#referee.truth) return;
    this.#world.trouble(server);
    server.crash();
    this.#world.loop.world(REINITIALISING_MS, () => {
      this.#world.relieve(server);
      if (this.#over || server.state !== 'down') return;
      server.becomeStranger(STRANGE_SYSTEM);
      server.start(this.#dice.between(50, 600));
    });
  }

  /**
   * Nothing comes from a standby any more; it is promoted, and comes back as a standby. What it said of itself meanwhile
   * arrives after what it is now.
   */
  #promoteInTheDark(server: Server): void {
    if (!server.inRecovery || !server.isUp || server === this.#referee.truth) return;
    const { loop } = this.#world;
    server.link.block('to-client');
    this.#until(server, this.#dice.between(1_500, 3_500), () => server.link.mend());
    loop.world(this.#dice.between(5, 100), () => {
      if (!this.#over) server.promote();
    });
    loop.world(this.#dice.between(300, 900), () => {
      if (this.#over) return;
      server.crash();
      this.#referee.rejoin(server);
    });
  }

  /** There is a higher timeline for a while, and a stranger; both go, the one that was highest first. */
  #sendStrangerHome(): void {
    const { loop, servers, scenario } = this.#world;
    const [, second] = servers;
    const stranger = servers.at(-1);
    if (second === undefined || stranger === undefined || second === stranger) return;
    loop.world(this.#dice.between(0, 60), () => this.#promote(second));
    loop.world(this.#dice.between(300, 1_500), () => {
      if (this.#over) return;
      second.lose();
      this.#until(second, scenario.troubleMs, () => this.#referee.restart(second));
    });
    loop.world(this.#dice.between(1_600, 0.9 * scenario.troubleMs), () => {
      if (!this.#over) this.#referee.rejoin(stranger);
    });
  }

  /** A standby is promoted by mistake; soon it is a standby again, rebuilt or with the data that it wrote. */
  #takeBackPromotions(): void {
    const { loop, scenario } = this.#world;
    const dice = new Dice(scenario.seed, 'taken back');
    for (let count = 0; count < scenario.takenBack; count++) {
      loop.world(dice.between(300, scenario.troubleMs), () => {
        const { truth } = this.#referee;
        const standbys = this.#world.servers.filter((one) => one !== truth && one.inRecovery && one.isUp);
        if (this.#over || standbys.length === 0) return;
        const stray = dice.pick(standbys);
        this.#world.trace.note(`script: ${stray.name} is promoted by mistake`);
        stray.promote();
        this.#until(stray, dice.between(100, 1_500), () => this.#takeBack(stray, dice.chance(0.6)));
      });
    }
  }

  /** The operator accepts the epoch of the primary, and leaves the note where it is. Whether that comes. */
  #leaveNote(): boolean {
    const { loop, scenario } = this.#world;
    const dice = new Dice(scenario.seed, 'note');
    if (this.#referee.isCareful || !dice.chance(0.4)) return false;
    loop.world(dice.between(0, 0.5 * scenario.troubleMs), () => {
      const { truth } = this.#referee;
      if (!this.#over && !truth.inRecovery) truth.writeNote();
    });
    return true;
  }

  #takeBack(stray: Server, rebuilds: boolean): void {
    const { truth } = this.#referee;
    if (stray === truth || stray.inRecovery) return;
    if (rebuilds) {
      this.#referee.rejoin(stray);
      return;
    }
    stray.crash();
    stray.demoteAsItIs(truth);
    this.#referee.restart(stray);
  }

  /** Two standbys are promoted apart from each other: equal epochs. */
  #promoteTwo(): void {
    const standbys = this.#world.servers.filter((server) => server.inRecovery);
    for (const standby of standbys.slice(0, 2)) this.#promote(standby);
  }

  /** The standbys hear nothing, and somebody cancels who waits for them. */
  #cancelSyncWaits(server: Server, ms: number): void {
    server.isolated = true;
    const cancel = () => {
      if (!server.isolated) return;
      for (const backend of [...server.backends]) backend.cancelSyncWait();
      this.#world.loop.world(100, cancel);
    };
    cancel();
    this.#until(server, ms, () => {
      server.isolated = false;
    });
  }

  #promote(server: Server): void {
    server.onPromoted.push(() => this.#referee.consider(server));
    server.promote();
  }

  /** The node is in trouble for `ms`, then `undo` ends it. */
  #until(server: Server, ms: number, undo: () => void): void {
    this.#world.trouble(server);
    const once = () => {
      if (!this.#undo.delete(once)) return;
      undo();
      this.#world.relieve(server);
    };
    this.#undo.add(once);
    this.#world.loop.world(ms, once);
  }
}
