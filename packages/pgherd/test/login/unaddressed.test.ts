import { expect, it } from 'vitest';
import { parseDsn } from '../../src/dsn/index.ts';
import { unaddressed } from '../../src/login/unaddressed.ts';

const NOTHING =
  /^url was not given and no PG\* variable is set, so pgherd connects to the Unix socket in \/var\/run/;
const NO_HOST = /^No host is named, neither in url nor by PGHOST/;

it.each<[string, Record<string, string>, RegExp | undefined]>([
  ['', {}, NOTHING],
  ['', { HOME: '/root', PATH: '/bin' }, NOTHING],
  [
    '',
    { DATABASE_URL: 'postgres://app:hunter2@db1/app' },
    /DATABASE_URL is set, but is read only where the program passes it/,
  ],
  ['', { PGUSER: 'app' }, NO_HOST],
  ['postgres:///app', {}, NO_HOST],
  ['dbname=app', { PGPORT: '5433' }, NO_HOST],
  ['', { PGHOST: 'db1' }, undefined],
  ['', { PGHOSTADDR: '10.0.0.1' }, undefined],
  ['', { PGSERVICE: 'main' }, undefined],
  ['service=main', {}, undefined],
  ['postgres://db1/app', {}, undefined],
  ['host=/tmp', {}, undefined],
])('%j with %o', (url, env, expected) => {
  const said = unaddressed({ dsn: parseDsn(url), env });
  if (expected === undefined) expect(said).toBeUndefined();
  else expect(said).toMatch(expected);
  expect(said ?? '').not.toContain('hunter2');
});
