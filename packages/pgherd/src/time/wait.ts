import { PgHerdError } from '../model/errors.ts';
import type { Clock } from './port.ts';
import { watchdog } from './watchdog.ts';

/** `work`, or a rejection once it took `ms` milliseconds. */
export async function withLimit<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T> {
  let expire: (error: unknown) => void = () => undefined;
  const expired = new Promise<never>((_resolve, reject) => {
    expire = reject;
  });
  const timer = watchdog(clock, ms, () =>
    expire(new PgHerdError('PGHERD_TIMEOUT', `no answer within ${ms} ms`)),
  );
  try {
    return await Promise.race([work, expired]);
  } finally {
    timer.cancel();
  }
}
