/** Last day of support for each major version (https://www.postgresql.org/support/versioning/). */
const ENDS: Readonly<Record<number, string>> = {
  13: '2025-11-13',
  14: '2026-11-12',
  15: '2027-11-11',
  16: '2028-11-09',
  17: '2029-11-08',
  18: '2030-11-14',
};

/** Last day of support for a `server_version_num`; `undefined` for a version that is newer than this list. */
export function endOfLife(version: number): string | undefined {
  const major = Math.floor(version / 10_000);
  return ENDS[major] ?? (major < 13 ? '2024-11-21' : undefined);
}
