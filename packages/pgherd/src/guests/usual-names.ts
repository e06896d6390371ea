/** Names that clients send as user or database although the program named none: those of the environment. */
export function usualNames(): readonly (string | undefined)[] {
  const { PGUSER, PGDATABASE, USER, USERNAME, LOGNAME } = process.env;
  return [PGUSER, PGDATABASE, USER, USERNAME, LOGNAME];
}

/** Servers that clients name although the program named none: those of the environment. */
export function usualServers(): { readonly host: string | undefined; readonly port: string | undefined } {
  const { PGHOST, PGPORT } = process.env;
  return { host: PGHOST, port: PGPORT };
}
