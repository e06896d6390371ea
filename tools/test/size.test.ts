import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY, repository } from './fixture.ts';

const FILE = 'packages/pgherd/src/dsn/long.ts';

/** What `npm run lint` says of a repository with this file. */
function lint(text: string, file = FILE): string {
  const root = repository({ [file]: text });
  copyFileSync(join(REPOSITORY, 'biome.json'), join(root, 'biome.json'));
  const biome = join(REPOSITORY, 'node_modules/.bin/biome');
  const { stdout, stderr } = spawnSync(biome, ['lint', '--vcs-enabled=false', file], {
    cwd: root,
    encoding: 'utf8',
  });
  return `${stdout}${stderr}`;
}

const functionOf = (lines: number) => `export function f() {\n${'  f();\n'.repeat(lines)}}\n`;
const fileOf = (lines: number) => 'export {};\n'.repeat(lines);

test('the linter accepts files and functions up to the limit', () => {
  expect(lint(functionOf(62))).toContain('No fixes applied');
  expect(lint(fileOf(350))).not.toContain('noExcessiveLinesPerFile');
});

test('the linter objects to a function that is too long', () => {
  expect(lint(functionOf(63))).toContain('noExcessiveLinesPerFunction');
  expect(lint(functionOf(63), 'integration/src/long.ts')).toContain('noExcessiveLinesPerFunction');
});

test('the linter objects to a file of more than 350 lines', () => {
  expect(lint(fileOf(352))).toContain('noExcessiveLinesPerFile');
});

test('the linter lets tests be longer', () => {
  expect(lint(functionOf(400), 'integration/test/long.test.ts')).not.toContain('noExcessive');
});
