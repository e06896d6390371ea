/** Names that clients send as user or database although the program named none: those of the environment. */
export function usualNames(): readonly (string | undefined)[] {
  const { PGUSER, PGDATABASE, USER, USERNAME, LOGNAME } = process.env;
  return [PGUSER, PGDATABASE, USER, USERNAME, LOGNAME];
}
