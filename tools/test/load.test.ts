import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeLoad } from '../vitest/load.ts';
import { REPOSITORY, repository, write } from './fixture.ts';

const FAILING = `import { beforeAll, describe, expect, test } from 'vitest';
test('passes', () => {});
test('fails', () => expect(1).toBe(2));
describe('its hook fails', () => {
  beforeAll(() => { throw new Error('no'); });
  test('is not run', () => {});
});
`;

test('the load is held against the cores', () => {
  expect(describeLoad([17.25, 9, 3.04], 2)).toBe('load average 17.3 9.0 3.0 on 2 cores');
});

test('a failure of a test or of a hook says how busy the machine was', () => {
  const root = repository();
  const config = { test: { setupFiles: [join(REPOSITORY, 'tools/vitest/load.ts')] } };
  write(root, {
    'vitest.config.mjs': `export default ${JSON.stringify(config)};`,
    'failing.test.mjs': FAILING,
  });
  symlinkSync(join(REPOSITORY, 'node_modules/vitest'), join(root, 'node_modules/vitest'));
  const { stderr } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run'], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  const said = stderr.split('\n').filter((line) => line.includes('failed at a load average'));
  expect(said.map((line) => line.replace(/:.*/, ''))).toEqual(['fails', 'its hook fails']);
});
