import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { acceptApi, checkApi } from '../api.ts';
import { repository, write } from './fixture.ts';

const TYPES = 'packages/pgherd/dist/index.d.ts';

describe('API lock', () => {
  test('passes when nothing changed, and fails with the diff and the remedy on an extra export', () => {
    const root = repository();
    expect(acceptApi(root)).toEqual([]);
    expect(checkApi(root)).toEqual([]);

    appendFileSync(join(root, TYPES), 'export declare function extra(): void;\n');
    const findings = checkApi(root);
    expect(findings.map(({ file }) => file)).toEqual(['docs/api/pgherd.api.md']);
    expect(findings[0]?.message).toContain('+export function extra(): void;');
    expect(findings[0]?.message).toContain('npm run api:accept');

    expect(acceptApi(root)).toEqual([]);
    expect(checkApi(root)).toEqual([]);
  });

  test('fails for an entry that was not built, not accepted, or is gone', () => {
    const root = repository();
    rmSync(join(root, TYPES));
    write(root, {
      'docs/api/pgherd.old.api.md': 'old\n',
      'packages/pgherd/dist/dsn/dsn.d.ts': 'export {};\n',
    });
    expect(checkApi(root)).toEqual([
      expect.objectContaining({ file: TYPES, message: expect.stringContaining(`'pgherd' has no types`) }),
      expect.objectContaining({
        file: 'docs/api/pgherd.dsn.api.md',
        message: expect.stringContaining('not exist'),
      }),
      expect.objectContaining({
        file: 'docs/api/pgherd.old.api.md',
        message: expect.stringContaining('no entry'),
      }),
    ]);
  });
});
