/** How long the server works at a statement, learnt. */
export interface ServiceTime {
  /** Smoothed, as of answers that came one behind the other; `undefined` before the first. */
  meanMs: number | undefined;
  /** The same of answers to statements that were alone, where that was clearly longer than the way there and back; else `undefined`. */
  longMs: number | undefined;
}

/** Taken for a statement whose service time is not known, milliseconds: a few of them may share a lane, many may not. */
const UNKNOWN_MS = 0.5;
/** A statement that takes so long is not tried together with others, milliseconds. */
export const LONG_MS = 20;
/** Weight of a measurement below what was learnt, and of one above: a busy machine makes many look longer, none shorter. */
const WEIGHT_BELOW = 0.4;
const WEIGHT_ABOVE = 0.03;
/** A single measurement counts at most as so many times what was learnt: one wait for a lock says little of the next. */
const OUTLIER_FACTOR = 10;
/** No measurement is finer than this, milliseconds. */
const RESOLUTION_MS = 0.002;
/** So much longer than the quickest way there and back has to do with the statement. */
const CLEARLY_LONGER_FACTOR = 5;

/** What the server is expected to work at the next run. */
export function predictedMs({ meanMs, longMs }: ServiceTime): number {
  return meanMs ?? longMs ?? UNKNOWN_MS;
}

/** Whether it is expected to take so long that others should not have to wait for it. */
export function isLong(time: ServiceTime): boolean {
  return predictedMs(time) >= LONG_MS;
}

/**
 * Takes in that `times`, answered one after the other without a pause, took `elapsedMs` together. Each gets its share by
 * what it is expected to take: so a slow statement among quick ones does not make these look slow. With `atMost` the way there and
 * back is in it: then it only shows that they take less than was thought.
 */
export function learn(times: readonly ServiceTime[], elapsedMs: number, atMost: boolean): void {
  let expected = 0;
  for (const time of times) expected += predictedMs(time);
  const ratio = elapsedMs / Math.max(RESOLUTION_MS, expected);
  if (atMost && ratio > 1) return;
  // Of a text that is there often this is one measurement all the same.
  for (const time of new Set(times)) time.meanMs = smoothed(time.meanMs, predictedMs(time) * ratio);
}

/**
 * Takes in how long the answer to a statement took that was alone. The server cannot have worked longer. That it worked nearly as
 * long is believed only of a statement of which nothing better is known, and only where the quickest answer on this way,
 * `floorMs`, was much quicker: on a busy machine everything takes long that is alone.
 */
export function learnAlone(time: ServiceTime, tookMs: number, floorMs: number): void {
  const { meanMs } = time;
  const long = tookMs > Math.max(LONG_MS, CLEARLY_LONGER_FACTOR * floorMs);
  if (meanMs === undefined) time.longMs = long ? smoothed(time.longMs, tookMs) : undefined;
  else if (tookMs < meanMs) time.meanMs = smoothed(meanMs, tookMs);
}

function smoothed(before: number | undefined, measuredMs: number): number {
  const tookMs = Math.max(RESOLUTION_MS, measuredMs);
  if (before === undefined) return tookMs;
  const off = Math.min(tookMs, before * OUTLIER_FACTOR) - before;
  return before + off * (off < 0 ? WEIGHT_BELOW : WEIGHT_ABOVE);
}
