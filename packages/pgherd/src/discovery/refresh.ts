import { onAbort } from '../time/wait.ts';
import { watchdog } from '../time/watchdog.ts';
import type { DiscoveredNode, DiscoveryContext } from './port.ts';

/** What was learnt, and until when it is good by the word of whoever told it. */
export interface Loaded {
  readonly nodes: readonly DiscoveredNode[];
  /** Milliseconds after which a fresh answer may differ. Default: nobody said. */
  readonly goodForMs?: number | undefined;
}

/** However short an answer is good for, the next question waits as long as this, milliseconds. */
const SHORTEST_PAUSE_MS = 1_000;

/**
 * Asks, tells, pauses, and asks again; at once when the pause ends early. Ends when the cluster is closed; a failed
 * question ends it with its error, after which the cluster begins anew.
 */
export async function* refreshed(
  context: DiscoveryContext,
  refreshMs: number,
  load: () => Promise<Loaded>,
): AsyncGenerator<readonly DiscoveredNode[], void, undefined> {
  while (!context.signal.aborted) {
    let loaded: Loaded;
    try {
      loaded = await load();
    } catch (error) {
      if (context.signal.aborted) return;
      throw error;
    }
    yield loaded.nodes;
    if (!(await context.pause(pauseMs(context, refreshMs, loaded.goodForMs)))) return;
  }
}

/**
 * Up to a quarter less than `refreshMs`, so that processes that were started together do not ask together. An answer with an
 * end to its life is asked for again after that end, not before it: before, a cache would give the same again.
 */
function pauseMs(context: DiscoveryContext, refreshMs: number, goodForMs = Number.POSITIVE_INFINITY): number {
  const quarter = context.random.next() / 4;
  const afterExpiry = Math.max(SHORTEST_PAUSE_MS, goodForMs) * (1 + quarter);
  return Math.min(refreshMs * (1 - quarter), afterExpiry);
}

/**
 * Runs `work` until it settles, `timeoutMs` have passed, or the cluster is closed; in the last two cases the signal that
 * `work` was given aborts, and what it does afterwards is ignored. `what` begins the sentence of the error.
 */
export function limited<T>(
  context: DiscoveryContext,
  timeoutMs: number,
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  return new Promise((resolve, reject) => {
    let forget = () => {};
    const settle = () => {
      timer.cancel();
      forget();
    };
    const abandon = (reason: unknown) => {
      settle();
      reject(reason);
      controller.abort(reason);
    };
    const expired = () => abandon(new Error(`${what} gave no answer within ${timeoutMs} ms.`));
    const timer = watchdog(context.clock, timeoutMs, expired, { ref: false });
    forget = onAbort(context.signal, () => abandon(context.signal.reason));
    if (controller.signal.aborted) return;
    started(work, controller.signal).then(
      (value) => {
        settle();
        resolve(value);
      },
      (error) => {
        settle();
        reject(error);
      },
    );
  });
}

/** A function of the user's that throws before it returns a promise is a promise that was rejected. */
async function started<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  return work(signal);
}
