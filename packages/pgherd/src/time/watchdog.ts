import type { Clock, ScheduleOptions, Timer } from './port.ts';

/** A timer this late says more about our own event loop than about the one we wait for. */
export const STALL_MS = 50;

/**
 * Calls `onExpired` with the time waited, `ms` milliseconds from now, unless cancelled. The answer may lie unread in the
 * socket: the timer is armed once more, so that input is read before anybody is blamed. For one turn of the event loop
 * where it was in time, for {@link STALL_MS} where our own event loop was stalled.
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
