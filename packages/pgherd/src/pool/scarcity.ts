import type { Clock, Random } from '../time/port.ts';
import { Alarm } from './alarm.ts';

/** Resources are scarce until this long after the last sign of it, milliseconds. */
const LASTS_MS = 30_000;
/** So long after a sign resources are given up: once there are enough again, none has to be, milliseconds. */
const GIVES_BACK_FOR_MS = 2_000;
/** One resource that comes back is given up in this time, less a random part, milliseconds. */
const GIVE_BACK_MS = 1_000;
/** Pause before another resource beyond the first is opened, plus a random part of the same length, milliseconds. */
const OPEN_PAUSE_MS = 1_000;
/** What is idle beyond the first is closed after this, milliseconds. */
const IDLE_MS = 250;
/** Time without a sign after which the own limit rises by one, milliseconds. */
const RAISE_MS = 5_000;

/** What showed that resources are scarce: one was `refused` to this pool, or few were `seen` to be left. */
export type ScarcitySign = 'refused' | 'seen';

/** What a pool does for the scarcity of its resources. */
export interface ScarcityPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** The pool's limit. */
  readonly max: number;
  /** Closes what is idle beyond the first resource and has been for so long, and opens what may be opened now. */
  review(idleMs: number): void;
}

/**
 * Where several pools want more of a thing than there is, those that hold much give some of it back, also when they are busy, and take
 * new ones slowly; one that holds nothing takes its first at once.
 */
export class Scarcity {
  readonly #ports: ScarcityPorts;
  readonly #alarm: Alarm;
  #signAt = Number.NEGATIVE_INFINITY;
  #lowered: number | undefined;
  #giveBackAt = 0;
  #openAt = 0;
  #isActive = false;

  constructor(ports: ScarcityPorts) {
    this.#ports = ports;
    this.#alarm = new Alarm(ports.clock, () => this.#ring());
  }

  /** Whether resources are scarce now; a field, since it is looked at for each use. */
  get isActive(): boolean {
    return this.#isActive;
  }

  /** The most resources that the pool may have now. */
  get limit(): number {
    const { max, clock } = this.#ports;
    if (this.#lowered === undefined) return max;
    const raised = Math.floor((clock.now() - this.#signAt) / RAISE_MS);
    return Math.min(max, this.#lowered + Math.max(0, raised));
  }

  /** Takes in a sign, while the pool holds so many; returns whether it is the first of a row. */
  note(sign: ScarcitySign, held: number): boolean {
    const now = this.#ports.clock.now();
    const isFirst = !this.#isActive;
    this.#signAt = now;
    this.#isActive = true;
    if (sign === 'refused') this.#lowered = Math.max(1, held);
    if (isFirst) {
      this.#giveBackAt = now;
      this.#openAt = now;
    }
    this.#alarm.noLaterThan(now + IDLE_MS);
    return isFirst;
  }

  /** Whether one that comes back now is to be given up, while the pool holds so many. */
  isDue(held: number, now: number): boolean {
    return this.#isActive && held > 1 && now >= this.#giveBackAt && now - this.#signAt < GIVES_BACK_FOR_MS;
  }

  /** One was given up. */
  noteGivenBack(now: number): void {
    const { random } = this.#ports;
    this.#giveBackAt = now + GIVE_BACK_MS * random.next();
    // What it gave up must not be taken again by itself, sooner than by those that have none.
    this.#openAt = Math.max(this.#openAt, now + OPEN_PAUSE_MS * (1 + random.next()));
  }

  /** How many may be opened at one time, while the pool holds so many. */
  openable(held: number): number {
    if (!this.#isActive) return Number.POSITIVE_INFINITY;
    if (held > 0 && this.#ports.clock.now() < this.#openAt) return 0;
    return 1;
  }

  /** One is being opened beyond the first. */
  noteOpening(held: number): void {
    if (!this.#isActive || held === 0) return;
    this.#openAt = this.#ports.clock.now() + OPEN_PAUSE_MS * (1 + this.#ports.random.next());
  }

  end(): void {
    this.#alarm.end();
  }

  #ring(): void {
    const now = this.#ports.clock.now();
    if (now - this.#signAt >= LASTS_MS) this.#isActive = false;
    if (this.limit >= this.#ports.max) this.#lowered = undefined;
    this.#ports.review(IDLE_MS);
    if (this.#isActive || this.#lowered !== undefined) this.#alarm.noLaterThan(now + IDLE_MS);
  }
}
