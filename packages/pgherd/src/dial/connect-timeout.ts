import { PgHerdError } from '../model/errors.ts';
import type { Clock } from '../time/port.ts';
import { onAbort } from '../time/wait.ts';
import { watchdog } from '../time/watchdog.ts';

/**
 * The result of `connect`, whose signal aborts when `signal` does, and with `PGHERD_CONNECT_TIMEOUT` after
 * the time that a connection to `node` may take.
 */
export async function withinConnectTimeout<T>(
  node: string,
  { clock, connectTimeoutMs }: { readonly clock: Clock; readonly connectTimeoutMs: number },
  signal: AbortSignal,
  connect: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const forget = onAbort(signal, () => controller.abort(signal.reason));
  const timer = watchdog(clock, connectTimeoutMs, (waitedMs) => controller.abort(timedOut(node, waitedMs)));
  try {
    return await connect(controller.signal);
  } finally {
    timer.cancel();
    forget();
  }
}

function timedOut(node: string, waitedMs: number): PgHerdError {
  return new PgHerdError(
    'PGHERD_CONNECT_TIMEOUT',
    `${node} gave no connection within ${Math.round(waitedMs)} ms (connectTimeoutMs).`,
    { details: { node } },
  );
}
