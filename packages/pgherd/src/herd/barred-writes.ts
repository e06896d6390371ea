import type { BarredWrites } from '../model/floors.ts';
import type { ClusterEvents } from '../observe/events.ts';
import type { Logger } from '../observe/logger.ts';
import type { Clock, Timer } from '../time/port.ts';
import { callsWait } from './calls-wait.ts';

/** Time between two lines of the log while calls wait, milliseconds. */
const LOG_MS = 10_000;
/** Lines of the log for each event. */
const LINES_PER_EVENT = 3;

/** What is said of barred writes. */
export type BarredReport = ClusterEvents['cluster:writes-barred'];

/** The facts in one sentence, without its end. */
export function barredSentence({
  barred,
  floor,
  missing,
  witnesses,
}: Pick<BarredReport, 'barred' | 'floor' | 'missing' | 'witnesses'>): string {
  const by = witnesses.length === 0 ? '' : ` by ${witnesses.join(' and ')}`;
  return `Writes wait: ${barred.join(' and ')} could take them, but the higher timeline ${floor} was shown out of recovery${by}. Missing: ${missing.join('; ')}`;
}

/** The facts as the log has them: also since when, for how many calls, and what else would help. */
export function barredLine(report: BarredReport): string {
  const { callsWaiting, floor, since } = report;
  const waiting = `Since ${since.toISOString()}, ${callsWait(callsWaiting)}`;
  return `${barredSentence(report)}. ${waiting}. If timeline ${floor} will not come back, db.acceptEpoch lets the writes go on`;
}

/** What the watch needs from the cluster. */
export interface BarredWritesPorts {
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn'>;
  /** Number of calls that wait for a node. */
  callsWaiting(): number;
  /** Emits the event, which the log shows as well. */
  announce(report: BarredReport): void;
}

/**
 * Reports barred writes while they last: by an event at once and every 30 s, and in the log every 10 s while
 * calls wait.
 */
export class BarredWritesWatch {
  readonly #ports: BarredWritesPorts;
  #barred: BarredWrites | undefined;
  #timer: Timer | undefined;
  #lines = 0;
  /** When it began, by the wall clock. */
  #since = new Date(0);

  constructor(ports: BarredWritesPorts) {
    this.#ports = ports;
  }

  /** Takes over what the picture says. */
  follow(barred: BarredWrites | undefined): void {
    const began = barred !== undefined && this.#barred === undefined;
    this.#barred = barred;
    if (barred === undefined) this.stop();
    else if (began) this.#begin(barred);
  }

  /** Ends the reports. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #begin(barred: BarredWrites): void {
    this.#lines = 0;
    this.#since = new Date(this.#ports.clock.wallTime());
    this.#announce(barred);
    this.#schedule();
  }

  #schedule(): void {
    this.#timer = this.#ports.clock.schedule(LOG_MS, () => this.#again(), { ref: false });
  }

  #again(): void {
    if (this.#barred === undefined) return;
    this.#lines++;
    if (this.#lines % LINES_PER_EVENT === 0) this.#announce(this.#barred);
    else if (this.#ports.callsWaiting() > 0) {
      this.#ports.logger.warn(`pgherd: ${barredLine(this.#reportOf(this.#barred))}`);
    }
    if (this.#barred !== undefined) this.#schedule();
  }

  #announce(barred: BarredWrites): void {
    this.#ports.announce(this.#reportOf(barred));
  }

  #reportOf({ barred, floor, missing, witnesses }: BarredWrites): BarredReport {
    const callsWaiting = this.#ports.callsWaiting();
    return { floor, witnesses, barred, missing, since: this.#since, callsWaiting };
  }
}
