import type { Clock, ScheduleOptions, Timer } from './port.ts';

/** If a timer is later than this, milliseconds, our own event loop was blocked. */
export const STALL_MS = 50;

/**
 * Calls `onExpired` with the time waited, `ms` milliseconds from now, unless cancelled. The answer may be
 * unread in the socket: the timer is armed once more, so that input is read first. For one turn of the event
 * loop if the timer was in time, for {@link STALL_MS} if our own event loop was blocked.
 */
export function watchdog(
  clock: Clock,
  ms: number,
  onExpired: (waitedMs: number) => void,
  options?: ScheduleOptions,
): Timer {
  const startedAt = clock.now();
  let rearmed = false;
  let timer: Timer;
  const fire = () => {
    const waitedMs = clock.now() - startedAt;
    if (!rearmed) {
      rearmed = true;
      timer = clock.schedule(waitedMs - ms > STALL_MS ? STALL_MS : 0, fire, options);
      return;
    }
    onExpired(waitedMs);
  };
  timer = clock.schedule(ms, fire, options);
  return { cancel: () => timer.cancel() };
}
