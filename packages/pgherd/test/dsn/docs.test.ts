import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PARAMETERS, planConnection } from '../../src/dsn/index.ts';

const page = readFileSync(new URL('../../../../docs/dsn.md', import.meta.url), 'utf8');

describe('docs/dsn.md', () => {
  it('lists every parameter with its variable and its fate, in the order of the code', () => {
    const rows = [...page.matchAll(/^\| `(\w+)` \| (?:`(PG\w+)`)? ?\| (\w+) \|/gm)];
    expect(rows.map(([, name, env, fate]) => ({ name, env, fate }))).toEqual(
      PARAMETERS.map(({ name, env, fate }) => ({ name, env, fate })),
    );
  });

  it('tells the truth about the port rule', () => {
    const rows = [...page.matchAll(/^\| `(postgres:[^`]+|host=[^`]+)`[^|]*\| ([^|]+) \| ([^|]+) \|$/gm)];
    expect(rows).toHaveLength(7);
    for (const [, text = '', ours = '', libpq = ''] of rows) {
      const read = (portRule?: 'libpq') =>
        planConnection(text, { osUser: 'me', defaultHost: 'default host', env: { PGPORT: '1' }, portRule })
          .hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`)
          .join(', ');
      const said = ours.startsWith('both 5432') ? 'db1:5432, db2:5432' : ours;
      expect(read()).toBe(said);
      expect(read('libpq')).toBe(libpq === 'the same' ? said : libpq);
    }
  });
});
