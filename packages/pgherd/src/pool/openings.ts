import type { Clock } from '../time/port.ts';
import { Alarm } from './idle.ts';

/** Pause after the first failure, milliseconds; it doubles with each further one. */
const PAUSE_START_MS = 50;
/** Longest pause while somebody waits, milliseconds. */
const PAUSE_MAX_MS = 1_000;
/** Longest pause while nobody waits and only `min` is not reached, milliseconds. */
const IDLE_PAUSE_MAX_MS = 30_000;

/** What becomes of openings. */
export interface OpeningsPorts<R> {
  readonly clock: Clock;
  /** Most of them at one time. */
  readonly maxConnecting: number;
  open(signal: AbortSignal): Promise<R>;
  /** One was opened. `wanted` is false where it was given up meanwhile. */
  opened(resource: R, wanted: boolean): void;
  /** One failed. `wanted` as above: what was given up says nothing to those who wait now. */
  failed(wanted: boolean): void;
  /** The pause after a failure is over. */
  ready(): void;
}

interface Opening {
  readonly controller: AbortController;
  /** Round it was begun in: of several of one round that fail only one counts. */
  readonly round: number;
  wanted: boolean;
}

/**
 * Opens resources: so many at one time, and after a failure only one, after a pause that doubles. A node that refuses
 * connections is not stormed, however many callers want one.
 */
export class Openings<R> {
  readonly #ports: OpeningsPorts<R>;
  /** Those in progress; each tells whether it came to be. */
  readonly #inProgress = new Map<Opening, Promise<boolean>>();
  readonly #alarm: Alarm;
  #failuresInARow = 0;
  /** Goes up with each failure that counts. */
  #round = 0;
  #failedAt = Number.NEGATIVE_INFINITY;
  #lastError: unknown;

  constructor(ports: OpeningsPorts<R>) {
    this.#ports = ports;
    this.#alarm = new Alarm(ports.clock, () => ports.ready());
  }

  get count(): number {
    return this.#inProgress.size;
  }

  /** Failures since the last success. */
  get failuresInARow(): number {
    return this.#failuresInARow;
  }

  /** What the last failure was; `undefined` after a success. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /** Sees to it that up to `count` are in progress; after a pause where the last one failed. `urgent`: somebody waits. */
  atLeast(count: number, urgent: boolean): void {
    if (this.#inProgress.size >= count) return;
    if (!this.#isReady(urgent)) {
      this.#alarm.noLaterThan(this.#pauseEnd(urgent));
      return;
    }
    const limit = this.#failuresInARow > 0 ? 1 : this.#ports.maxConnecting;
    while (this.#inProgress.size < Math.min(limit, count)) this.#begin();
  }

  /** The next one that ends, and whether it came to be; `undefined` where none is in progress. */
  next(): Promise<boolean> | undefined {
    return this.#inProgress.size === 0 ? undefined : Promise.race(this.#inProgress.values());
  }

  /** Gives up all that are in progress. */
  giveUp(reason: () => unknown): void {
    for (const opening of this.#inProgress.keys()) {
      opening.wanted = false;
      opening.controller.abort(reason());
    }
  }

  /** Forgets the failures: there is reason to believe that the next one will do. */
  forgive(): void {
    this.#failuresInARow = 0;
    this.#lastError = undefined;
    this.#alarm.cancel();
  }

  /** Nothing will be opened again. */
  end(reason: () => unknown): void {
    this.#alarm.cancel();
    this.giveUp(reason);
  }

  /** Whether another one may be begun now. `urgent`: somebody waits. */
  #isReady(urgent: boolean): boolean {
    return this.#failuresInARow === 0 || this.#ports.clock.now() >= this.#pauseEnd(urgent);
  }

  #pauseEnd(urgent: boolean): number {
    const longest = urgent ? PAUSE_MAX_MS : IDLE_PAUSE_MAX_MS;
    return this.#failedAt + Math.min(longest, PAUSE_START_MS * 2 ** (this.#failuresInARow - 1));
  }

  #begin(): void {
    const controller = new AbortController();
    const opening: Opening = { controller, round: this.#round, wanted: true };
    // A factory that throws at once is one that rejects: the opening is in the list before it ends.
    const work = (async () => this.#ports.open(controller.signal))();
    this.#inProgress.set(opening, this.#ended(opening, work));
  }

  async #ended(opening: Opening, work: Promise<R>): Promise<boolean> {
    let resource: R;
    try {
      resource = await work;
    } catch (error) {
      this.#inProgress.delete(opening);
      if (opening.wanted) this.#noteFailure(opening, error);
      this.#ports.failed(opening.wanted);
      return false;
    }
    this.#inProgress.delete(opening);
    this.forgive();
    this.#ports.opened(resource, opening.wanted);
    return true;
  }

  #noteFailure({ round }: Opening, error: unknown): void {
    if (round === this.#round || this.#failuresInARow === 0) {
      this.#failuresInARow++;
      this.#round++;
    }
    this.#failedAt = this.#ports.clock.now();
    this.#lastError = error;
  }
}
