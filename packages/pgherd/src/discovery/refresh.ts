import { onAbort } from '../time/wait.ts';
import { watchdog } from '../time/watchdog.ts';
import type { DiscoveredNode, DiscoveryContext } from './port.ts';

/** A list of nodes, and for how long it is valid according to its source. */
export interface Loaded {
  readonly nodes: readonly DiscoveredNode[];
  /** Milliseconds after which a new answer may differ. Default: unknown. */
  readonly goodForMs?: number | undefined;
}

/** Shortest pause between two questions, however short an answer is valid, milliseconds. */
const SHORTEST_PAUSE_MS = 1_000;

/**
 * Asks, yields, pauses, and asks again; at once if the pause ends early. Ends when the cluster is closed; a
 * failed question ends it with its error, after which the cluster begins a new iteration.
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
 * Up to a quarter less than `refreshMs`, so that processes that were started together do not ask together. An
 * answer that expires is asked for again after it expired: before, a cache would return the same answer.
 */
function pauseMs(context: DiscoveryContext, refreshMs: number, goodForMs = Number.POSITIVE_INFINITY): number {
  const quarter = context.random.next() / 4;
  const afterExpiry = Math.max(SHORTEST_PAUSE_MS, goodForMs) * (1 + quarter);
  return Math.min(refreshMs * (1 - quarter), afterExpiry);
}

/**
 * Runs `work` until it settles, `timeoutMs` have passed, or the cluster is closed; in the last two cases the
 * signal of `work` aborts, and its result is ignored. `what` begins the sentence of the error.
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

/** If a user's function throws before it returns a promise, that is a rejection. */
async function started<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  return work(signal);
}
