import { messageOf, TestClusterError } from './errors.ts';

/**
 * How long the kit waits for a fact before it calls it an error, milliseconds: so long that a busy machine alone does not reach it,
 * and a person would say that it hangs.
 */
export const PATIENCE_MS = 60_000;

/** How {@link waitUntil} waits. */
export interface WaitOptions {
  /** How long to go on asking, in milliseconds. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  /** The pause between two questions, in milliseconds. Default 5. */
  readonly everyMs?: number | undefined;
  /** What is waited for, as the end of the sentence "Waited … ms for …". Default `the condition`. */
  readonly what?: string | undefined;
}

/**
 * Asks `fn` again and again until it returns something truthy, and returns that. An exception of `fn` counts as "not yet"
 * and is the cause of the final error.
 *
 * @throws {@link TestClusterError} when the time is up, with the last answer or exception.
 * @example
 * const row = await waitUntil(async () => (await db.query('select * from jobs')).rows[0], { what: 'the first job' });
 */
export async function waitUntil<T>(fn: () => T | Promise<T>, options: WaitOptions = {}): Promise<T> {
  const { timeoutMs = PATIENCE_MS, everyMs = 5, what = 'the condition' } = options;
  const giveUpAt = performance.now() + timeoutMs;
  let asked = 0;
  for (;;) {
    let last: string;
    let cause: unknown;
    try {
      asked += 1;
      const answer = await fn();
      if (answer) return answer;
      last = `the last answer was ${String(answer)}`;
    } catch (error) {
      last = `the last attempt failed: ${messageOf(error)}`;
      cause = error;
    }
    if (performance.now() >= giveUpAt) {
      throw new TestClusterError(`Waited ${timeoutMs} ms for ${what} (asked ${asked} times); ${last}.`, {
        cause,
      });
    }
    await pause(everyMs);
  }
}

/** Resolves after so many milliseconds; the timer keeps the process alive. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Rejects when `promise` takes longer than `timeoutMs`; the promise itself is left to its fate. */
export async function within<T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new TestClusterError(`${what} took longer than ${timeoutMs} ms.`)),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
