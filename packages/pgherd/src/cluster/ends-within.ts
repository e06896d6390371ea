import type { Clock } from '../time/port.ts';
import { sleep } from '../time/wait.ts';

/** Whether `work` ends within the time. */
export async function endsWithin(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  const ended = new AbortController();
  const late = sleep(clock, ms, ended.signal).then(() => false);
  const inTime = await Promise.race([work.then(() => true), late]);
  ended.abort();
  return inTime;
}
