/**
 * The versions of PostgreSQL that a suite runs on, `undefined` for the newest one: in CI also the oldest one that reports its role,
 * and those that `PGHERD_TEST_VERSIONS` names.
 */
export function serverVersions(): (number | undefined)[] {
  const asked = (process.env['PGHERD_TEST_VERSIONS'] ?? '').split(',').map(Number).filter(Boolean);
  const always = process.env['CI'] === undefined ? [] : [14];
  return [undefined, ...new Set([...always, ...asked])];
}
