import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { describeLeftovers } from '../vitest/leftovers.ts';
import { REPOSITORY, repository, write } from './fixture.ts';

test('a clean directory has no leftovers, whatever else lies in it', () => {
  expect(describeLeftovers(repository())).toBeUndefined();
});

test('a server that still works in the directory is named, and so is its folder', async () => {
  const root = repository();
  const cwd = join(root, 'pgherd-node-1');
  mkdirSync(cwd);
  const server = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000); console.log(1)'], {
    cwd,
    env: {},
  });
  const ended = once(server, 'exit');
  onTestFinished(async () => {
    server.kill('SIGKILL');
    await ended;
  });
  await once(server.stdout, 'data');
  const message = describeLeftovers(root);
  expect(message).toContain('directory pgherd-node-1');
  expect(message).toContain(`process ${server.pid} `);
});

test('a run whose tests all pass fails for what they leave behind', () => {
  const root = repository();
  const leave = `import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
test('leaves a directory', () => void mkdtempSync(join(tmpdir(), 'pgherd-left-')));
`;
  const config = { test: { globalSetup: [join(REPOSITORY, 'tools/vitest/leftovers.ts')] } };
  write(root, { 'vitest.config.mjs': `export default ${JSON.stringify(config)};`, 'leave.test.mjs': leave });
  symlinkSync(join(REPOSITORY, 'node_modules/vitest'), join(root, 'node_modules/vitest'));
  const { PGHERD_TEST_RUN: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run'], {
    cwd: root,
    encoding: 'utf8',
    env: { ...env, NO_COLOR: '1' },
  });
  expect(stdout).toContain('1 passed');
  expect(stderr).toContain('directory pgherd-left-');
  expect(status).toBe(1);
});
