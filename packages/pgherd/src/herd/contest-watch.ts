import type { Contest } from '../model/floors.ts';
import type { Emitter } from '../observe/emitter.ts';
import type { ClusterEvents } from '../observe/events.ts';
import type { Clock, Timer } from '../time/port.ts';

/** Pause before the first repetition, milliseconds; it doubles up to the longest. */
const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 1_800_000;

/**
 * Reports a contest: once it is decided or unanswered, whenever that changes, and again while it lasts, after 30 s,
 * 1, 2, 4 … 30 min.
 */
export class ContestWatch {
  readonly #clock: Clock;
  readonly #events: Emitter<ClusterEvents>;
  #reported: Contest | undefined;
  #timer: Timer | undefined;

  constructor(clock: Clock, events: Emitter<ClusterEvents>) {
    this.#clock = clock;
    this.#events = events;
  }

  /** Takes over what the picture says. */
  follow(contest: Contest | undefined): void {
    const before = this.#reported;
    if (contest === undefined) {
      this.stop();
      if (before !== undefined) this.#events.emit('cluster:contest-ended', { claimants: before.claimants });
      return;
    }
    if (contest.state === 'open') return;
    const isSame =
      before?.state === contest.state &&
      before.holder === contest.holder &&
      before.claimants.join() === contest.claimants.join();
    this.#reported = contest;
    if (!isSame) this.#report(FIRST_PAUSE_MS);
  }

  /** Ends the reports. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#reported = undefined;
  }

  #report(pauseMs: number): void {
    const contest = this.#reported;
    if (contest === undefined) return;
    this.#timer?.cancel();
    const again = () => this.#report(Math.min(2 * pauseMs, LONGEST_PAUSE_MS));
    this.#timer = this.#clock.schedule(pauseMs, again, { ref: false });
    const { answers, claimants, holder } = contest;
    this.#events.emit('cluster:contested', { claimants, holder, answers });
  }
}
