import type { Clock, ScheduleOptions, Timer } from './port.ts';

/** A timer this late says more about our own event loop than about the one we wait for. */
export const STALL_MS = 50;

/**
 * Calls `onExpired` with the time waited, `ms` milliseconds from now, unless cancelled. When our own event loop was
 * stalled the answer may lie unread in the socket: the timer is then armed once more, for {@link STALL_MS}, so that
 * input is read before anybody is blamed.
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
    if (!rearmed && waitedMs - ms > STALL_MS) {
      rearmed = true;
      timer = clock.schedule(STALL_MS, fire, options);
      return;
    }
    onExpired(waitedMs);
  };
  timer = clock.schedule(ms, fire, options);
  return { cancel: () => timer.cancel() };
}
