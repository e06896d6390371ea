import type { LeaderAnswer } from '../floors/contest.ts';
import type { Clock, Random } from '../time/port.ts';
import { onAbort, sleep } from '../time/wait.ts';
import type { LeaderQuestion } from './port.ts';

/** Time after which a second endpoint is asked as well, milliseconds. */
const SECOND_AFTER_MS = 300;

/**
 * Asks one of the endpoints, at random, and a second one as well if the first has not answered after 300 ms or has
 * failed. Endpoints on a host to avoid are asked only if there are no others.
 *
 * @throws the last error if none of them answers
 */
export async function askOneThenAnother<E>(
  endpoints: readonly E[],
  hostOf: (endpoint: E) => string,
  ask: (endpoint: E, signal: AbortSignal) => Promise<LeaderAnswer>,
  { avoid, clock, random, signal }: LeaderQuestion,
): Promise<readonly LeaderAnswer[]> {
  const elsewhere = endpoints.filter((endpoint) => !avoid.includes(hostOf(endpoint).toLowerCase()));
  const [first, second] = shuffled(elsewhere.length > 0 ? elsewhere : endpoints, random);
  if (first === undefined) return [];
  const settled = new AbortController();
  const forget = onAbort(signal, () => settled.abort());
  const one = ask(first, signal);
  if (second === undefined) return one.then((answer) => [answer]).finally(forget);
  const other = secondAfter(one, { clock, signal: settled.signal }).then(() => ask(second, signal));
  other.catch(() => undefined);
  try {
    return [await Promise.any([one, other])];
  } catch (error) {
    throw error instanceof AggregateError ? error.errors.at(-1) : error;
  } finally {
    settled.abort();
    forget();
  }
}

/** Resolves when the second endpoint is to be asked; rejects if that is no longer needed. */
async function secondAfter(
  one: Promise<unknown>,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const failed = one.then(
    () => new Promise<void>(() => undefined),
    () => undefined,
  );
  await Promise.race([failed, sleep(clock, SECOND_AFTER_MS, signal, { ref: false })]);
  if (signal.aborted) throw new Error('another endpoint has answered');
}

function shuffled<E>(list: readonly E[], random: Random): readonly E[] {
  const left = [...list];
  const order: E[] = [];
  while (left.length > 0) order.push(...left.splice(Math.floor(random.next() * left.length), 1));
  return order;
}
