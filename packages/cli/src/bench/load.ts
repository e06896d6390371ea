import { setTimeout as pause } from 'node:timers/promises';
import type { Tally } from './tally.ts';

/** One call; its result is the name of the node that answered. */
export type Call = () => Promise<string>;

/** How long a caller whose call failed waits before the next, ms: refused calls are no load. */
const AFTER_FAILURE_MS = 50;

/** Lets so many callers make one call after the other, each as soon as its last one is answered, until the signal is aborted. */
export async function loadUntil(
  signal: AbortSignal,
  callers: number,
  call: Call,
  tally: Tally,
): Promise<void> {
  const caller = async (): Promise<void> => {
    while (!signal.aborted) {
      const startedAt = performance.now();
      try {
        const node = await call();
        tally.answered(node, performance.now() - startedAt);
      } catch (error) {
        tally.failed(error);
        await pause(AFTER_FAILURE_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

/** Puts load on for so long, or until the signal is aborted; the result says for how long it was, ms. */
export async function loadFor(
  ms: number,
  signal: AbortSignal,
  callers: number,
  call: Call,
  tally: Tally,
): Promise<number> {
  const over = new AbortController();
  const startedAt = performance.now();
  const loading = loadUntil(AbortSignal.any([signal, over.signal]), callers, call, tally);
  // Ctrl-C ends a load test early, with its report.
  await pause(ms, undefined, { signal }).catch(() => undefined);
  const tookMs = performance.now() - startedAt;
  over.abort();
  await loading;
  return tookMs;
}
