const UNKNOWN = '–';

/** A duration with a unit that suits it. */
export function msText(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return UNKNOWN;
  if (ms === 0) return '0 ms';
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${ms.toFixed(0)} ms`;
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < 7_200_000 ? `${(ms / 60_000).toFixed(0)} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}

/** A size with a unit that suits it. */
export function bytesText(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return UNKNOWN;
  if (bytes < 1_024) return `${Math.round(bytes)} B`;
  if (bytes < 1_024 ** 2) return `${(bytes / 1_024).toFixed(0)} kB`;
  if (bytes < 1_024 ** 3) return `${(bytes / 1_024 ** 2).toFixed(1)} MB`;
  return `${(bytes / 1_024 ** 3).toFixed(1)} GB`;
}

/** A number without unit. */
export function countText(value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN;
  if (value >= 1_000_000) return `${(value / 1_000_000).toFixed(1)} M`;
  if (value >= 10_000) return `${(value / 1_000).toFixed(1)} k`;
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
}

/** How far a standby is behind, as its badge says it. */
export function lagText(bytes: number | null, ms: number | null): string {
  if (bytes === null && ms === null) return 'lag unknown';
  if ((bytes ?? 0) === 0 && (ms ?? 0) < 1) return 'no lag';
  const parts = [bytes === null ? '' : bytesText(bytes), ms === null ? '' : msText(ms)];
  return `lag ${parts.filter((part) => part !== '').join(', ')}`;
}

/** The time of day, of the viewer. */
export function timeText(at: number): string {
  return new Date(at).toLocaleTimeString(undefined, { hour12: false });
}
