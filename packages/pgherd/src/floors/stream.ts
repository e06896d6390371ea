import type { Progress, Stream } from '../model/floors.ts';
import type { Lsn } from '../model/lsn.ts';
import type { NodeDescription } from '../model/topology.ts';

/** Time between two comparisons, and age of the position that a witness must have reached, milliseconds. */
const STEP_MS = 1_000;
/** Positions of the primary that are remembered. */
const MAX_POSITIONS = 16;
/** Shortest time between two of them, milliseconds: together they reach back further than {@link STEP_MS}. */
const SPACING_MS = 200;

/** A witness that has not been compared yet. */
export const NO_STREAM: Stream = Object.freeze({ rounds: 0, roundAt: undefined, sample: undefined });

/** The positions with the newest one of the primary, if it is far enough from the one before. */
export function withPosition(
  positions: Progress['positions'],
  { lsn, lsnAt }: NodeDescription,
): Progress['positions'] {
  const last = positions.at(-1);
  if (lsn === undefined || lsnAt === undefined) return positions;
  if (last !== undefined && lsnAt < last.at + SPACING_MS) return positions;
  return Object.freeze([...positions, Object.freeze({ at: lsnAt, lsn })].slice(-MAX_POSITIONS));
}

/** The stream after what is known now; `broken` says how the witness fails to follow the primary. */
export interface Followed {
  readonly stream: Stream;
  readonly broken: string | undefined;
}

/**
 * Compares a position of the witness with those of the primary: where the primary was a second before the
 * witness was asked, and where it is after the witness has answered. A standby that streams lies between
 * them; one of another line of history does so for long only by chance.
 */
export function streamAfter(
  stream: Stream,
  positions: Progress['positions'],
  witness: NodeDescription,
  now: number,
): Followed {
  const { sample } = stream;
  const later = sample === undefined ? undefined : positions.find(({ at }) => at >= sample.seenAt);
  if (sample === undefined || later === undefined) {
    return {
      stream: Object.freeze({ ...stream, sample: sample ?? sampleOf(witness, now) }),
      broken: undefined,
    };
  }
  const next = sampleOf(witness, now, sample.askedAt);
  const earlier = positions.findLast(({ at }) => at <= sample.askedAt - STEP_MS);
  if (sample.lsn > later.lsn) return broken(witness, 'is ahead of');
  if (earlier === undefined) return { stream: Object.freeze({ ...stream, sample: next }), broken: undefined };
  if (sample.lsn < earlier.lsn) return broken(witness, 'does not keep up with');
  const counts = stream.roundAt === undefined || sample.askedAt >= stream.roundAt + STEP_MS;
  const round = counts ? { rounds: stream.rounds + 1, roundAt: sample.askedAt } : {};
  return { stream: Object.freeze({ ...stream, ...round, sample: next }), broken: undefined };
}

function broken({ name }: NodeDescription, how: string): Followed {
  return { stream: NO_STREAM, broken: `${name} ${how}` };
}

/** Where the witness stands, if it was asked after `askedAfter`. */
function sampleOf(
  { lsn, lsnAt, receivedLsn }: NodeDescription,
  now: number,
  askedAfter = Number.NEGATIVE_INFINITY,
): Stream['sample'] {
  const position = highest(lsn, receivedLsn);
  if (position === undefined || lsnAt === undefined || lsnAt <= askedAfter) return undefined;
  return Object.freeze({ askedAt: lsnAt, seenAt: now, lsn: position });
}

function highest(one: Lsn | undefined, other: Lsn | undefined): Lsn | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one > other ? one : other;
}
