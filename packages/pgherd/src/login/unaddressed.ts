import { DEFAULT_HOST, PARAMETERS } from '../dsn/index.ts';
import type { Surroundings } from './surroundings.ts';

/** What names a host; a service may do so in its file. */
const OF_HOSTS = ['host', 'hostaddr', 'service'] as const;

/**
 * Why connections go to this machine although nothing says so, as a sentence for errors; `undefined` if something says where the servers
 * are. The default is libpq's, and right for many programs; for others something was forgotten.
 */
export function unaddressed({ dsn, env }: Pick<Surroundings, 'dsn' | 'env'>): string | undefined {
  const variables = PARAMETERS.flatMap(({ name, env: variable }) =>
    variable === undefined ? [] : { name, variable },
  );
  const isSet = ({ name, variable }: { name: string; variable: string }) =>
    dsn.parameters[name] !== undefined || env[variable] !== undefined;
  if (variables.some((one) => OF_HOSTS.some((name) => name === one.name) && isSet(one))) return undefined;
  const nothing =
    Object.keys(dsn.parameters).length === 0 &&
    !variables.some(({ variable }) => env[variable] !== undefined);
  const what = nothing
    ? 'url was not given and no PG* variable is set'
    : 'No host is named, neither in url nor by PGHOST';
  const forgotten =
    env['DATABASE_URL'] === undefined
      ? ''
      : ' DATABASE_URL is set, but is read only where the program passes it: createCluster(process.env.DATABASE_URL).';
  return `${what}, so pgherd connects to the Unix socket in ${DEFAULT_HOST}, as libpq does.${forgotten}`;
}
