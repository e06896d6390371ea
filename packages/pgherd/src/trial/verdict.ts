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
  /** What the server's clock showed when the connection was open, microseconds since 1970; `undefined` if it was not asked. */
  readonly openedAtThere: string | undefined;
}

/**
 * The verdict on one connection that was silent from the first look to the second. A backend that started after the connection was open is
 * another one, to which the operating system has given the same number. Two times by the server's clock are compared, and never durations,
 * which are wrong once that clock was set; without the first of these times one that seems too young is left alone.
 */
export function verdictOn({ first, second, openForMs, openedAtThere }: Looks): Verdict {
  if (second === undefined) return 'gone';
  if (second.startedAt === undefined) return 'keep';
  if (!second.here) return 'gone';
  if (openedAtThere !== undefined && isLater(second.startedAt, openedAtThere)) return 'gone';
  if (openedAtThere === undefined && seemsYounger(second, openForMs)) return 'keep';
  if (first === undefined || first.startedAt !== second.startedAt) return 'keep';
  if (second.changedAt === undefined || first.changedAt !== second.changedAt) return 'keep';
  return waitsForUs(first) && waitsForUs(second) ? 'end' : 'keep';
}

function seemsYounger({ ageMs }: Backend, openForMs: number): boolean {
  return ageMs < openForMs * (1 - SLACK_SHARE) - SLACK_MS;
}

/** Whether one number of microseconds is the greater. */
function isLater(one: string, other: string): boolean {
  return BigInt(one) > BigInt(other);
}

/**
 * A backend that executes and reads from its client is sent the rest of a long statement, or rows of a COPY: it is not lost if that is so.
 */
function waitsForUs({ state, wait }: Backend): boolean {
  if (state === 'active') return wait === 'Client/ClientWrite';
  return IDLE_STATES.some((idle) => idle === state) && wait === 'Client/ClientRead';
}
