import type { Clock } from '../time/port.ts';
import { watchdog } from '../time/watchdog.ts';

/** What is to be known of an answer that is owed. */
export interface OwedAnswer {
  /** How long it may take, milliseconds. */
  readonly timeoutMs: number;
  /** When the connection last answered anything, by the clock. */
  answeredAt(): number;
  /** Called after half the time. */
  late(): void;
  /** Called when the time is over, with the moment from which it was counted. */
  missed(since: number): void;
}

/**
 * Resolves with `late` when an answer that was asked for now has not come in time; it never does if the answer comes first. On one
 * connection a question is sent only when the one before it has been answered: the time counts from that answer, if it came later.
 */
export function lateAnswer(
  answer: Promise<unknown>,
  clock: Clock,
  { timeoutMs, answeredAt, late, missed }: OwedAnswer,
): Promise<'late'> {
  return new Promise((resolve) => {
    let since = clock.now();
    const expired = () => {
      if (answeredAt() > since) {
        since = answeredAt();
        timer = watchdog(clock, since + timeoutMs - clock.now(), expired, { ref: false });
        return;
      }
      missed(since);
      resolve('late');
    };
    const halfway = watchdog(clock, timeoutMs / 2, late, { ref: false });
    let timer = watchdog(clock, timeoutMs, expired, { ref: false });
    const over = () => {
      halfway.cancel();
      timer.cancel();
    };
    answer.then(over, over);
  });
}
