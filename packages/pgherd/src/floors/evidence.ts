import type { ProbeFacts } from '../model/observation.ts';
import type { NodeDescription, TopologyDescription } from '../model/topology.ts';

/** What the floors need to know of a node besides its timeline. */
export type FloorEvidence = Pick<NodeDescription, 'dataTimeline' | 'bornAt' | 'walSenders'>;

/** Nothing of it is known. */
export const NO_FLOOR_EVIDENCE: FloorEvidence = Object.freeze({
  dataTimeline: undefined,
  bornAt: undefined,
  walSenders: undefined,
});

/** What an answer to a probe adds; `bornBefore` is what earlier answers of the same life of the server showed. */
export function floorEvidence(
  facts: ProbeFacts,
  askedAt: number,
  bornBefore: number | undefined,
): FloorEvidence {
  return {
    dataTimeline: dataTimelineOf(facts),
    bornAt: latest(bornBefore, facts.uptimeMs, askedAt),
    walSenders: facts.walSenders,
  };
}

/**
 * The checkpoint alone proves nothing: right after a promotion, and after a crash before the next checkpoint,
 * it is of the timeline before.
 */
function dataTimelineOf({ inRecovery, recoveryTimeline, timelineAtLeast }: ProbeFacts): number | undefined {
  if (!inRecovery || recoveryTimeline === undefined || timelineAtLeast === undefined) return undefined;
  return Math.max(recoveryTimeline, timelineAtLeast);
}

/** The best lower bound of when the server started: the answer came some time after the question. */
function latest(
  before: number | undefined,
  uptimeMs: number | undefined,
  askedAt: number,
): number | undefined {
  if (uptimeMs === undefined) return before;
  return Math.max(askedAt - uptimeMs, before ?? Number.NEGATIVE_INFINITY);
}

/** What a probe asks besides, while the floors need to know it. */
export const EXTRA_QUESTIONS = Object.freeze(['withdrawal', 'accept-epoch'] as const);
/** One of {@link EXTRA_QUESTIONS}. */
export type ExtraQuestion = (typeof EXTRA_QUESTIONS)[number];

const NOTHING: readonly ExtraQuestion[] = Object.freeze([]);
const WITHDRAWAL: readonly ExtraQuestion[] = Object.freeze(['withdrawal']);
const ACCEPTANCE: readonly ExtraQuestion[] = Object.freeze(['accept-epoch']);
const BOTH: readonly ExtraQuestion[] = EXTRA_QUESTIONS;

/** What the next probe of the node asks besides; at rest nothing. */
export function extraQuestions(node: string, { barred }: TopologyDescription): readonly ExtraQuestion[] {
  if (barred === undefined) return NOTHING;
  const isBarred = barred.barred.includes(node);
  if (barred.progress === undefined) return isBarred ? ACCEPTANCE : NOTHING;
  if (isBarred) return barred.progress.primary === node ? BOTH : ACCEPTANCE;
  return barred.witnesses.includes(node) ? WITHDRAWAL : NOTHING;
}
