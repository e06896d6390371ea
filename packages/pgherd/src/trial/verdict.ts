import { type Backend, IDLE_STATES } from './backend.ts';

/**
 * What is to become of a connection that waits for an answer, is silent, and may be lost.
 *
 * - `keep`: its backend works, waits for something else than its client, or shows nothing.
 * - `gone`: the server has no such backend: no answer can come.
 * - `end`: its backend waits for its client, and its client for it. What was sent, or answered, is lost.
 */
export type Verdict = 'keep' | 'gone' | 'end';

/** By how much two clocks may differ about one duration, milliseconds and as a share of it. */
const SLACK_MS = 1_000;
const SLACK_SHARE = 0.001;

/** What was seen of one process ID at two times; `undefined` if it was not listed. */
export interface Looks {
  readonly first: Backend | undefined;
  readonly second: Backend | undefined;
  /** How long the connection has been open at the time of the second question, milliseconds by our clock. */
  readonly openForMs: number;
}

/**
 * The verdict on one connection that was silent from the first look to the second. Durations are compared, not clocks: a backend that
 * started after the connection was open is another one, to which the operating system has given the same number.
 */
export function verdictOn({ first, second, openForMs }: Looks): Verdict {
  if (second === undefined) return 'gone';
  if (second.startedAt === undefined) return 'keep';
  if (!isOurs(second, openForMs)) return 'gone';
  if (first === undefined || first.startedAt !== second.startedAt) return 'keep';
  if (second.changedAt === undefined || first.changedAt !== second.changedAt) return 'keep';
  return waitsForUs(first) && waitsForUs(second) ? 'end' : 'keep';
}

function isOurs({ ageMs, here }: Backend, openForMs: number): boolean {
  return here && ageMs >= openForMs * (1 - SLACK_SHARE) - SLACK_MS;
}

/**
 * A backend that executes and reads from its client is sent the rest of a long statement, or rows of a COPY: it is not lost if that is so.
 */
function waitsForUs({ state, wait }: Backend): boolean {
  if (state === 'active') return wait === 'Client/ClientWrite';
  return IDLE_STATES.some((idle) => idle === state) && wait === 'Client/ClientRead';
}
