/** The middle value, the mean of the two middle ones; `undefined` of nothing. */
export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2;
}

/** Median and maximum; `null` where a value is missing in so many trials that it has none. */
export interface Spread {
  readonly median: number | null;
  readonly max: number | null;
}

/**
 * Endless values come out as `null`: a median over trials some of which never ended is still one if most did.
 */
export function spread(values: readonly number[]): Spread {
  const finite = (value: number | undefined) =>
    value !== undefined && Number.isFinite(value) ? value : null;
  return {
    median: finite(median(values)),
    max: finite(values.length === 0 ? undefined : Math.max(...values)),
  };
}
