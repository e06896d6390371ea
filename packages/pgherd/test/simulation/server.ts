import type { Epoch } from '../../src/model/floors.ts';
import { Backend } from './backend.ts';
import { SimServerError, type Startup } from './messages.ts';
import type { Link, Wire } from './network.ts';
import type { ServerState, Surroundings } from './surroundings.ts';
import { Wal } from './wal.ts';

interface SyncWaiter {
  readonly length: number;
  readonly confirmed: () => void;
}

/** Microseconds since 1970 at the simulation's zero. */
const EPOCH_US = 1_767_225_600_000_000n;
const STOPPING_MS = 40;
const RECONNECT_MS = 300;

/**
 * One PostgreSQL server: its life, its role and its log. A `life` lasts from one start of the postmaster to its end;
 * nothing that was set going in one life happens in another. While `frozen` nothing happens at all, but all of it after
 * the thaw, in order.
 */
export class Server {
  readonly name: string;
  readonly link: Link;
  readonly surroundings: Surroundings;
  readonly wal = new Wal();
  readonly backends = new Set<Backend>();
  state: ServerState = 'up';
  frozen = false;
  life = 1;
  systemIdentifier: string;
  timeline = 1;
  checkpointTimeline = 1;
  /** Timeline of the end of the log that the data need, as the control file has it. */
  recoveryTimeline = 1;
  bornAt = 0;
  /** What the operator wrote into its database, and when. */
  note: { readonly value: string; readonly writtenAt: number } | undefined;
  inRecovery: boolean;
  startedAt = '';
  /** Records that a standby shows already. */
  replayed = 0;
  replayPaused = false;
  readOnlyDefault = false;
  /** Fresh connections are refused with this SQLSTATE. */
  refusal: '28P01' | '3D000' | undefined;
  /** Connections that others hold or do not hold. */
  maxConnections = 100;
  /** Whether the standbys cannot hear it. */
  isolated = false;
  upstream: Server | undefined;
  onPromoted: (() => void)[] = [];
  /** What it wrote on when a life ended. */
  readonly #epochs = new Map<number, Epoch>();
  /** Standbys that listen, and how far they have confirmed. */
  #streams = new Map<Server, number>();
  /** When its clock was set, and by how much, milliseconds. */
  readonly #clockSteps: { readonly at: number; readonly by: number }[] = [];
  #syncWaiters: SyncWaiter[] = [];
  /** Records that a standby has confirmed, or that this server had when it was promoted: what may have been acknowledged. */
  confirmedLength = 0;
  #frozenWork: (() => void)[] = [];
  #attempts = 0;
  #pids = 1_000;

  constructor(name: string, link: Link, systemIdentifier: string, surroundings: Surroundings) {
    this.name = name;
    this.link = link;
    this.systemIdentifier = systemIdentifier;
    this.surroundings = surroundings;
    this.inRecovery = true;
    this.#stampStart();
  }

  nextPid(): number {
    this.#pids++;
    return this.#pids;
  }

  get isUp(): boolean {
    return this.state === 'up' && !this.frozen;
  }

  /** What it wrote on in a life, or writes on now. */
  epochOf(life: number): Epoch {
    const { systemIdentifier, timeline } = this;
    return this.#epochs.get(life) ?? { systemIdentifier, timeline };
  }

  say(text: string): void {
    this.surroundings.trace.note(`${this.name} ${text}`);
  }

  /** Does `fn` on this server `ms` from now, in this life; a frozen server does it after the thaw. */
  later(ms: number, fn: () => void): void {
    const { life } = this;
    const run = () => {
      if (this.life !== life) return;
      if (this.frozen) this.#frozenWork.push(run);
      else fn();
    };
    this.surroundings.loop.world(ms, run);
  }

  /** Does `fn` outside of this server, `ms` from now. */
  repeat(ms: number, fn: () => void): void {
    this.surroundings.loop.world(ms, fn);
  }

  /** A connection attempt has arrived; `false` where there is no host any more that could take it. */
  accept(wire: Wire, startup: Startup, made: (backend: Backend) => void): boolean {
    if (this.state === 'lost') return false;
    const backend = new Backend(this, wire, startup);
    made(backend);
    if (this.state === 'down') {
      backend.refuse(undefined);
      return true;
    }
    this.backends.add(backend);
    this.later(this.surroundings.dice.between(0.2, 1.5) + (this.surroundings.traits.loginMs ?? 0), () => {
      if (!this.backends.has(backend)) return;
      const refusal = this.#refusalOf();
      if (refusal === undefined) backend.ready();
      else backend.refuse(refusal);
    });
    return true;
  }

  #refusalOf(): SimServerError | undefined {
    if (this.state === 'starting' || this.state === 'stopping') {
      return new SimServerError('FATAL', '57P03', `the database system is ${this.state}`);
    }
    if (this.refusal !== undefined) return new SimServerError('FATAL', this.refusal, 'refused by the script');
    if (this.backends.size > this.maxConnections) {
      return new SimServerError('FATAL', '53300', 'sorry, too many clients already');
    }
    return undefined;
  }

  freeze(): void {
    this.say('is frozen');
    this.frozen = true;
  }

  thaw(): void {
    if (!this.frozen) return;
    this.say('thaws');
    this.frozen = false;
    for (const work of this.#frozenWork.splice(0)) this.later(this.surroundings.dice.next(), work);
  }

  /** SIGKILL, or an immediate stop, which at least says goodbye. */
  crash(how: 'killed' | 'immediate' = 'killed'): void {
    if (this.state === 'down' || this.state === 'lost') return;
    this.say(how === 'killed' ? 'is killed' : 'is stopped immediately');
    if (how === 'immediate') for (const backend of this.backends) backend.warn('57P01', undefined);
    this.#end('down');
  }

  /** The host is gone; nobody is told. */
  lose(): void {
    if (this.state === 'lost') return;
    this.say('is lost with its host');
    this.#end('lost');
  }

  /** `pg_ctl stop -m fast`. */
  stopFast(): void {
    if (this.state !== 'up' && this.state !== 'starting') return;
    this.say('stops fast');
    this.thaw();
    this.state = 'stopping';
    for (const backend of [...this.backends]) backend.terminate();
    this.later(STOPPING_MS, () => {
      for (const backend of [...this.backends]) backend.terminate();
      this.#end('down');
    });
  }

  #end(state: 'down' | 'lost'): void {
    this.frozen = false;
    this.#epochs.set(this.life, this.epochOf(this.life));
    this.state = state;
    this.life++;
    this.#frozenWork = [];
    this.#syncWaiters = [];
    const streaming = [...this.#streams.keys()];
    this.#streams.clear();
    for (const standby of streaming) standby.#connectUpstream();
    this.onPromoted = [];
    const backends = [...this.backends];
    this.backends.clear();
    for (const backend of backends) backend.vanish(state === 'down');
  }

  /** Starts the postmaster; connections are refused with 57P03 for `startupMs`. */
  start(startupMs: number): void {
    if (this.state !== 'down' && this.state !== 'lost') return;
    this.say(`starts as ${this.inRecovery ? 'a standby' : 'a primary'} of timeline ${this.timeline}`);
    this.state = 'starting';
    this.life++;
    this.#stampStart();
    this.replayed = this.wal.length;
    this.later(startupMs, () => {
      this.state = 'up';
      this.say('is up');
      this.#connectUpstream();
    });
  }

  #stampStart(): void {
    const { loop, dice } = this.surroundings;
    this.bornAt = loop.now;
    const unique = BigInt(dice.whole(0, 900_000_000));
    this.startedAt = String(EPOCH_US + BigInt(Math.floor(loop.now * 1_000)) * 1_000n + unique);
  }

  /** Leaves recovery on the next timeline. */
  promote(): void {
    if (!this.inRecovery) return;
    this.later(this.surroundings.dice.between(5, 60), () => {
      if (!this.inRecovery || this.state !== 'up') return;
      this.follow(undefined);
      this.replayed = this.wal.length;
      this.timeline++;
      this.recoveryTimeline = this.timeline;
      this.inRecovery = false;
      this.wal.append([], this.surroundings.loop.now);
      this.confirmedLength = this.wal.length - 1;
      this.say(`is promoted: timeline ${this.timeline}`);
      this.later(this.surroundings.traits.checkpointDelayMs, () => {
        this.checkpointTimeline = this.timeline;
      });
      for (const told of this.onPromoted.splice(0)) told();
    });
  }

  /** Streams from `upstream` from now on, as after `primary_conninfo` was changed. */
  follow(upstream: Server | undefined): void {
    this.upstream?.stopStreamingTo(this);
    this.upstream = upstream;
    this.#connectUpstream();
  }

  /** Becomes a copy of `other` that follows it: `pg_rewind`, or a fresh base backup. Only while stopped. */
  rebuildFrom(other: Server): void {
    if (this.state !== 'down' && this.state !== 'lost') return;
    this.wal.replaceBy(other.wal);
    this.systemIdentifier = other.systemIdentifier;
    this.timeline = other.timeline;
    this.checkpointTimeline = other.timeline;
    this.recoveryTimeline = other.timeline;
    this.inRecovery = true;
    this.upstream = other;
  }

  /** Is initialised anew: an empty primary of another cluster. */
  becomeStranger(systemIdentifier: string): void {
    this.follow(undefined);
    this.wal.replaceBy(this.wal, 0);
    this.systemIdentifier = systemIdentifier;
    this.timeline = 1;
    this.checkpointTimeline = 1;
    this.recoveryTimeline = 1;
    this.inRecovery = false;
  }

  /** Is restored from a backup of half its log, before the last promotion if there was one. Only while stopped. */
  restoreOlder(): void {
    this.follow(undefined);
    this.wal.replaceBy(this.wal, Math.floor(this.wal.length / 2));
    this.wal.append([], this.surroundings.loop.now);
    this.timeline = Math.max(1, this.timeline - 1);
    this.checkpointTimeline = this.timeline;
    this.recoveryTimeline = this.timeline;
    this.inRecovery = false;
  }

  /** Is made a standby of `other` with the data that it has: `standby.signal`, and no rebuild. Only while stopped. */
  demoteAsItIs(other: Server): void {
    if (this.state !== 'down') return;
    this.inRecovery = true;
    this.upstream = other;
  }

  /** The operator writes into its database that its epoch is to be accepted. */
  writeNote(): void {
    const writtenAt = this.surroundings.loop.now;
    const time = new Date(this.clockMs).toISOString();
    this.note = { value: `${this.systemIdentifier}/${this.timeline}/${time}`, writtenAt };
    this.say(`has the note ${this.note.value}`);
  }

  /** Its clock, milliseconds since 1970. */
  get clockMs(): number {
    return Math.floor(this.clockOf(this.surroundings.loop.now));
  }

  /** What its clock showed at a time of the simulation, milliseconds since 1970. */
  clockOf(ms: number): number {
    const began = Number(EPOCH_US / 1_000n);
    return this.#clockSteps.reduce((shown, step) => (step.at <= ms ? shown + step.by : shown), began + ms);
  }

  /** Whether its clock is wrong, and with it how long it says that it has run. */
  get clockIsWrong(): boolean {
    return this.#clockSteps.length > 0;
  }

  /** Its clock is set, forward or back. */
  stepClock(by: number): void {
    this.say(`has its clock set by ${Math.round(by)} ms`);
    this.#clockSteps.push({ at: this.surroundings.loop.now, by });
  }

  /** Standbys that stream from it. */
  get walSenders(): number {
    return this.#streams.size;
  }

  stopStreamingTo(standby: Server): void {
    this.#streams.delete(standby);
  }

  /** Tries until the upstream has what this log goes on with. */
  #connectUpstream(): void {
    const { upstream } = this;
    if (upstream === undefined || !this.inRecovery || this.state !== 'up') return;
    const attempt = ++this.#attempts;
    this.later(this.surroundings.dice.between(20, 120), () => {
      if (this.#attempts !== attempt || this.upstream !== upstream || !this.inRecovery) return;
      if (!upstream.#takeUp(this)) this.later(RECONNECT_MS, () => this.#connectUpstream());
    });
  }

  #takeUp(standby: Server): boolean {
    if (!this.isUp || this.isolated || !standby.wal.isPrefixOf(this.wal)) return false;
    this.#streams.set(standby, standby.wal.length);
    standby.timeline = this.timeline;
    this.#pump(standby);
    return true;
  }

  /** A record was added: standbys get it, and waiters hear of it when one has it. */
  commit(writes: readonly string[]): number {
    this.wal.append(writes, this.surroundings.loop.now);
    for (const standby of this.#streams.keys()) this.#pump(standby);
    return this.wal.length;
  }

  /** Calls `confirmed` when a standby has the first `length` records. */
  whenConfirmed(length: number, confirmed: () => void): () => void {
    const waiter = { length, confirmed };
    this.#syncWaiters.push(waiter);
    return () => {
      this.#syncWaiters = this.#syncWaiters.filter((one) => one !== waiter);
    };
  }

  #pump(standby: Server): void {
    const { length } = this.wal;
    const { dice } = this.surroundings;
    standby.later(dice.between(0.2, 3), () => {
      if (standby.upstream !== this || !this.#streams.has(standby) || !standby.inRecovery) return;
      if (this.isolated) {
        this.#streams.delete(standby);
        standby.#connectUpstream();
        return;
      }
      standby.wal.copyFrom(this.wal, length);
      standby.#replay();
      this.later(dice.between(0.1, 1), () => this.#confirm(standby, length));
    });
  }

  #replay(): void {
    if (!this.replayPaused) this.replayed = this.wal.length;
  }

  resumeReplay(): void {
    this.replayPaused = false;
    this.replayed = this.wal.length;
  }

  #confirm(standby: Server, length: number): void {
    if (this.#streams.get(standby) === undefined) return;
    this.#streams.set(standby, length);
    this.confirmedLength = Math.max(this.confirmedLength, length);
    const done = this.#syncWaiters.filter((waiter) => waiter.length <= length);
    if (done.length === 0) return;
    this.#syncWaiters = this.#syncWaiters.filter((waiter) => waiter.length > length);
    for (const waiter of done) waiter.confirmed();
  }
}
