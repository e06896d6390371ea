/** How far runs have been from what was expected of them. */
export interface Surprises {
  /** Number of runs, counted up to {@link REMEMBERED_RUNS}. */
  runs: number;
  /** What surprises have cost per run, milliseconds: one run in a hundred that takes 200 ms longer than expected is 2. */
  riskMs: number;
}

/** How long the server executes a statement, as measured so far. */
export interface ServiceTime extends Surprises {
  /** Smoothed over answers that came one after the other; `undefined` before the first. */
  meanMs: number | undefined;
  /**
   * Smoothed over statements that were alone, if they took clearly longer than the round trip; else
   * `undefined`.
   */
  longMs: number | undefined;
  /** How many of the latest of these took long, 0 to 1: one exception makes no statement long. */
  longShare: number;
}

/**
 * Assumed for a statement that was not measured, milliseconds: a few of them may share a lane, many may not.
 */
const UNKNOWN_MS = 0.5;
/** A statement is long from here on, milliseconds: others do not queue behind it. */
export const LONG_MS = 20;
/**
 * Weight of a measurement below the mean, and of one above: a busy machine makes many look longer, none
 * shorter.
 */
const WEIGHT_BELOW = 0.4;
const WEIGHT_ABOVE = 0.03;
/**
 * A measurement counts as at most this many times the mean: one wait for a lock says little about the next.
 */
const OUTLIER_FACTOR = 10;
/** The same for whether a run takes long: three in a row, after short ones, make a statement long. */
const SHARE_WEIGHT_BELOW = 0.5;
const SHARE_WEIGHT_ABOVE = 0.25;
/** No measurement is finer than this, milliseconds. */
const RESOLUTION_MS = 0.002;
/** An answer this many times slower than the quickest round trip is slow because of its statement. */
const CLEARLY_LONGER_FACTOR = 5;

/** Runs over which surprises are averaged. */
const REMEMBERED_RUNS = 1_024;
/** A run that takes this many times as long as expected, and so much longer in ms, is a surprise; a busy machine does less. */
const SURPRISE_FACTOR = 10;
export const SURPRISE_MS = 50;

/**
 * Before the first run the worst is expected, as if there had been one run that was such a surprise, milliseconds: trust grows with
 * the number of runs.
 */
const FIRST_RISK_MS = 200;

/** A smaller risk is not worth making still smaller. */
const NEGLIGIBLE_MS = 0.000_1;

/** Of a text that never ran. */
export function unmeasured(): ServiceTime {
  return { meanMs: undefined, longMs: undefined, longShare: 0, ...unknownRisk() };
}

/** Nothing has run. */
export function unknownRisk(): Surprises {
  return { runs: 0, riskMs: FIRST_RISK_MS };
}

/** Takes in the first run of a text: it begins with the risk that new texts have. */
export function noteFirstRun(text: Surprises, newTexts: Surprises, surpriseMs: number): void {
  text.riskMs = newTexts.riskMs;
  noteRun(newTexts, surpriseMs);
  noteRun(text, surpriseMs);
}

/** By how much a run that has taken `tookMs` so far is a surprise, milliseconds; 0 if it is none. `slackMs` is not the server's. */
export function surpriseMs(expectedMs: number, tookMs: number, slackMs: number): number {
  const limitMs = Math.max(expectedMs + SURPRISE_MS, SURPRISE_FACTOR * expectedMs) + slackMs;
  return tookMs <= limitMs ? 0 : tookMs - expectedMs;
}

/** Takes in one more run, which was a surprise of so many milliseconds. */
export function noteRun(surprises: Surprises, surpriseMs: number): void {
  if (surprises.runs < REMEMBERED_RUNS) surprises.runs++;
  if (surpriseMs === 0 && surprises.riskMs < NEGLIGIBLE_MS) return;
  surprises.riskMs += (surpriseMs - surprises.riskMs) / (surprises.runs + 1);
}

/** The last run that was taken in has turned out to be a surprise of so many milliseconds more. */
export function noteMore(surprises: Surprises, moreMs: number): void {
  surprises.riskMs += moreMs / (surprises.runs + 1);
}

/** Expected service time of the next run, milliseconds. */
export function predictedMs({ meanMs, longMs }: ServiceTime): number {
  return meanMs ?? longMs ?? UNKNOWN_MS;
}

/** Whether it is expected to take so long that others should not wait behind it. */
export function isLong(time: ServiceTime): boolean {
  return predictedMs(time) >= LONG_MS;
}

/**
 * Learns from statements that were answered one after the other without a pause, in `elapsedMs` together.
 * Each gets a share in proportion to its expected time, so that a slow statement among quick ones does not
 * make these look slow. With `atMost`, `elapsedMs` includes the round trip: it can only show that they take
 * less than expected.
 */
export function learn(times: readonly ServiceTime[], elapsedMs: number, atMost: boolean): void {
  let expected = 0;
  for (const time of times) expected += predictedMs(time);
  const ratio = elapsedMs / Math.max(RESOLUTION_MS, expected);
  if (atMost && ratio > 1) return;
  // For a text that occurs several times this is still one measurement.
  for (const time of new Set(times)) time.meanMs = smoothed(time.meanMs, predictedMs(time) * ratio);
}

/**
 * Learns from the answer to a statement that was alone: the server cannot have worked longer. We assume that
 * it worked nearly as long only for a statement with no better measurement, and only if the quickest answer
 * on this connection, `floorMs`, was much quicker: on a busy machine every statement that is alone takes
 * long.
 */
export function learnAlone(time: ServiceTime, tookMs: number, floorMs: number): void {
  const { meanMs } = time;
  const long = tookMs > Math.max(LONG_MS, CLEARLY_LONGER_FACTOR * floorMs);
  if (meanMs === undefined) time.longMs = noteLong(time, long) ? smoothed(time.longMs, tookMs) : undefined;
  else if (tookMs < meanMs) time.meanMs = smoothed(meanMs, tookMs);
}

/** Takes in whether a run that was alone took long; returns whether that is no exception. */
function noteLong(time: ServiceTime, long: boolean): boolean {
  const { longShare, runs } = time;
  if (!long) time.longShare = longShare * (1 - SHARE_WEIGHT_BELOW);
  else time.longShare = runs <= 1 ? 1 : longShare + (1 - longShare) * SHARE_WEIGHT_ABOVE;
  return long && time.longShare >= 0.5;
}

function smoothed(before: number | undefined, measuredMs: number): number {
  const tookMs = Math.max(RESOLUTION_MS, measuredMs);
  if (before === undefined) return tookMs;
  const off = Math.min(tookMs, before * OUTLIER_FACTOR) - before;
  return before + off * (off < 0 ? WEIGHT_BELOW : WEIGHT_ABOVE);
}
