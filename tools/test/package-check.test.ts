import { describe, expect, test } from 'vitest';
import { checkPackages } from '../package-check.ts';
import { CLEAN, type Files, repository } from './fixture.ts';

const MANIFEST = CLEAN['packages/pgherd/package.json'] ?? '';

const MISTAKES: readonly { name: string; files: Files; messages: string[] }[] = [
  {
    name: 'a build that imports a file that is not published, and a build cache',
    files: {
      'packages/pgherd/package.json': MANIFEST.replace(',"!dist/.tsbuildinfo"', ''),
      'packages/pgherd/dist/.tsbuildinfo': '{}',
      'packages/pgherd/dist/index.js': `export * from './model/errors.ts';\n`,
    },
    messages: ['dist/.tsbuildinfo', `cannot be loaded as 'pgherd'`],
  },
  {
    name: 'exports whose types are not found',
    files: { 'packages/pgherd/package.json': MANIFEST.replace('./dist/index.d.ts', './dist/nowhere.d.ts') },
    messages: ['publint objects', 'are-the-types-wrong objects'],
  },
];

describe('packages', () => {
  test('pass when clean, with the source condition and src in files', () => {
    expect(checkPackages(repository())).toEqual([]);
  });

  test.each(MISTAKES)('fail for $name', ({ files, messages }) => {
    const text = checkPackages(repository(files))
      .map(({ message }) => message)
      .join('\n');
    for (const message of messages) expect(text).toContain(message);
  });
});
