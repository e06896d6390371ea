import { spawn } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { prepareBinaries } from '../src/postgres/binaries.ts';
import { installedPackages } from '../src/postgres/find.ts';

const folders: string[] = [];
const cacheBefore = process.env['PGHERD_TESTING_CACHE'];

afterAll(async () => {
  if (cacheBefore === undefined) delete process.env['PGHERD_TESTING_CACHE'];
  else process.env['PGHERD_TESTING_CACHE'] = cacheBefore;
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function folder(mode: number): Promise<string> {
  const place = await mkdtemp(path.join(os.tmpdir(), 'pgherd-unprivileged-'));
  folders.push(place);
  await chmod(place, mode);
  return place;
}

function run(
  program: string,
  args: readonly string[],
  as: { uid?: number; gid?: number },
  env: NodeJS.ProcessEnv,
) {
  return new Promise<{ code: number | null; output: string }>((resolve) => {
    const child = spawn(program, args, { ...as, env, cwd: '/', stdio: 'pipe' });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += String(chunk);
      });
    }
    child.on('close', (code) => resolve({ code, output }));
  });
}

const isRoot = process.getuid?.() === 0;

it.runIf(isRoot)(
  'a test that is not root runs a cluster, with a cache and directories of its own',
  async () => {
    const cache = await folder(0o777);
    const child = fileURLToPath(new URL('./crash-child.ts', import.meta.url));
    const env = { PATH: process.env['PATH'], PGHERD_TESTING_CACHE: cache, HOME: cache, TMPDIR: cache };
    const args = ['--import', 'tsx', '--conditions=@pgherd/source', child, 'exit'];
    const loader = fileURLToPath(import.meta.resolve('tsx'));
    args[1] = loader;
    const { code, output } = await run(process.execPath, args, { uid: 65_534, gid: 65_534 }, env);
    expect(output).toContain('"directories":');
    expect(code).toBe(3);
  },
);

it.runIf(isRoot)('a package where the run user cannot look is used through a copy in the cache', async () => {
  const hidden = await folder(0o700);
  process.env['PGHERD_TESTING_CACHE'] = await folder(0o755);
  const [installed] = await installedPackages();
  if (!installed) throw new Error('no servers are installed');
  const copy = path.join(hidden, 'package');
  await mkdir(copy);
  await cp(path.join(installed.directory, 'package.json'), path.join(copy, 'package.json'));
  await cp(path.join(installed.directory, 'native'), path.join(copy, 'native'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  const links: { target: string }[] = JSON.parse(
    await readFile(path.join(copy, 'native/pg-symlinks.json'), 'utf8'),
  );
  for (const { target } of links) await rm(path.join(copy, target), { force: true });
  const both = await Promise.all([prepareBinaries(copy), prepareBinaries(copy)]);
  expect(new Set(both).size).toBe(1);
  const [binDir = ''] = both;
  expect(binDir.startsWith(process.env['PGHERD_TESTING_CACHE'])).toBe(true);
  const { output } = await run(
    path.join(binDir, 'postgres'),
    ['--version'],
    { uid: 65_534, gid: 65_534 },
    {},
  );
  expect(output).toMatch(/^postgres \(PostgreSQL\) \d+/);
});
