import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { createTestCluster } from '@pgherd/testing';
import { type Finding, isMain, runAsCommand } from './lib/findings.ts';
import { freePort } from './lib/free-port.ts';
import { binary, inProject, manifestOf, node, type Project } from './lib/matrix-project.ts';
import { compiled } from './lib/matrix-types.ts';
import { pack } from './lib/pack.ts';
import { type Ran, run } from './lib/run.ts';

const HERE = fileURLToPath(new URL('./matrix/', import.meta.url));
const ROOT_MODULES = fileURLToPath(new URL('../node_modules/', import.meta.url));

/** How much of an output is shown, characters from its end. */
const MAX_OUTPUT = 3_000;

/** What the program prints everywhere. */
const EXPECTED = Object.freeze({
  n: 41,
  refused: '22012',
  error: [true, 'PgHerdError', 'PGHERD_WRONG_ROW_COUNT'],
  hosts: 2,
  guests: ['function', 'function'],
  swapped: 42,
  alive: 200,
  discoveries: ['function', 'function', 'function', 'function'],
});

/** What the program prints that loads the optional peers. */
const WITH_PEERS = Object.freeze({
  n: 43,
  routed: 'prefer-standby',
  nest: ['PgherdModule', 'PgherdHealthIndicator'],
  alive: 200,
});

/** What it prints where `pg` is missing: all but the import swap works. */
const WITHOUT_PG = Object.freeze({ ...EXPECTED, swapped: 'PGHERD_INVALID_ARGUMENT' });

/** One way to load the package. */
interface Case {
  /** What loads it: a package of the project, or a runtime of this repository. */
  readonly tool: string;
  readonly way: string;
  /** What is wrong; `undefined` if nothing is. */
  readonly check: (project: Project) => Promise<string | undefined>;
}

type Format = 'esm' | 'cjs';

const FORMATS: readonly Format[] = ['esm', 'cjs'];
const EXTENSIONS: Readonly<Record<Format, string>> = Object.freeze({ esm: 'mjs', cjs: 'cjs' });
const WAYS: Readonly<Record<Format, string>> = Object.freeze({ esm: 'import', cjs: 'require' });

const CASES: readonly Case[] = [
  ...['node-20', 'node-22', 'node-24', 'node-26'].flatMap((tool) =>
    FORMATS.map((format) => ({
      tool,
      way: WAYS[format],
      check: async (project: Project) =>
        program(project, inProject(project, tool, 'bin/node'), [mainOf(format)]),
    })),
  ),
  ...['node-20', 'node-22', 'node-24', 'node-26'].flatMap((tool) =>
    FORMATS.map((format) => ({
      tool,
      way: `peers, ${WAYS[format]}`,
      check: async (project: Project) =>
        program(project, inProject(project, tool, 'bin/node'), [`peers.${EXTENSIONS[format]}`], WITH_PEERS),
    })),
  ),
  ...FORMATS.map((format) => ({
    tool: 'bun',
    way: WAYS[format],
    check: async (project: Project) =>
      program(project, runtime('@oven/bun-linux-x64/bin/bun'), [mainOf(format)]),
  })),
  {
    tool: 'deno',
    way: 'import',
    check: async (project) =>
      program(project, runtime('@deno/linux-x64-glibc/deno'), [
        'run',
        '--allow-all',
        '--node-modules-dir=manual',
        mainOf('esm'),
      ]),
  },
  ...FORMATS.flatMap((format) =>
    ['plain', 'minified'].map((size) => ({
      tool: 'esbuild',
      way: `${format}, ${size}`,
      check: (project: Project) => bundled(project, 'esbuild.mjs', [format, size], format),
    })),
  ),
  ...FORMATS.map((format) => ({
    tool: 'esbuild',
    way: `${format}, without pg`,
    check: (project: Project) => bundled(project, 'esbuild.mjs', [format, 'plain'], format, WITHOUT_PG),
  })),
  ...['webpack', 'rollup'].flatMap((tool) =>
    FORMATS.map((format) => ({
      tool,
      way: format,
      check: (project: Project) => bundled(project, `${tool}.mjs`, [format], format),
    })),
  ),
  { tool: 'vite', way: 'ssr', check: viteSsr },
  { tool: 'next', way: 'api route', check: nextRoute },
  {
    tool: 'jest',
    way: 'as it comes',
    check: async (project) =>
      seenIn(await node(project, [...binary(project, 'jest'), '--testMatch', '**/seen.jest.cjs'])),
  },
  {
    tool: 'vitest',
    way: 'as it comes',
    check: async (project) =>
      seenIn(
        await node(project, [
          ...binary(project, 'vitest'),
          'run',
          '--dir',
          '.',
          'seen.vitest.mjs',
          '--config',
          'vitest.config.mjs',
        ]),
      ),
  },
  ...['node10', 'node16', 'nodenext', 'bundler'].flatMap((resolution) => types('typescript-5', resolution)),
  ...['node16', 'nodenext', 'bundler'].flatMap((resolution) => types('typescript-newest', resolution)),
];

/** Packs pgherd, installs it in a project with the tools, and loads it in each way. Build first. */
export async function checkMatrix(root: string): Promise<Finding[]> {
  const folder = mkdtempSync(join(tmpdir(), 'pgherd-matrix-'));
  try {
    const problem = await prepare(root, folder);
    if (problem !== undefined) return [{ file: 'tools/matrix', message: problem }];
    await using cluster = await createTestCluster({ standbys: 0 });
    return await checkAll({ folder, env: { SMOKE_URL: cluster.url } });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function prepare(root: string, folder: string): Promise<string | undefined> {
  cpSync(join(HERE, 'project'), folder, { recursive: true });
  for (const name of ['package.json', 'package-lock.json'])
    copyFileSync(join(HERE, name), join(folder, name));
  const packed = pack(join(root, 'packages/pgherd'), folder);
  if (typeof packed === 'string') return `cannot be packed:\n${packed}`;
  // All of the lock, and the package beside it.
  const args = [
    'install',
    `./${packed.filename}`,
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  const { code, output } = await run('npm', args, folder, {});
  if (code !== 0) return `npm install fails:\n${output}`;
  return undefined;
}

async function checkAll(project: Project): Promise<Finding[]> {
  const findings: Finding[] = [];
  console.log('| tool | version | way | result | seconds |\n| --- | --- | --- | --- | --- |');
  for (const { tool, way, check } of CASES) {
    const started = process.hrtime.bigint();
    const problem = await check(project);
    const seconds = (Number(process.hrtime.bigint() - started) / 1e9).toFixed(1);
    const version = versionOf(project, tool);
    console.log(
      `| ${tool} | ${version} | ${way} | ${problem === undefined ? 'loads' : 'FAILS'} | ${seconds} |`,
    );
    if (problem !== undefined)
      findings.push({ file: 'packages/pgherd', message: `${tool} ${version}, ${way}: ${problem}` });
  }
  return findings;
}

function versionOf({ folder }: Project, tool: string): string {
  const places = { bun: '@oven/bun-linux-x64', deno: '@deno/linux-x64-glibc' } as const;
  const own = places[tool as keyof typeof places];
  const modules = own === undefined ? join(folder, 'node_modules') : ROOT_MODULES;
  const { version } = manifestOf(join(modules, own ?? tool));
  return version;
}

function mainOf(format: Format): string {
  return `main.${EXTENSIONS[format]}`;
}

function runtime(file: string): string {
  return join(ROOT_MODULES, file);
}

async function program(
  { folder, env }: Project,
  file: string,
  args: readonly string[],
  expected: object = EXPECTED,
): Promise<string | undefined> {
  return existsSync(file) ? seenIn(await run(file, args, folder, env), expected) : `${file} is not installed`;
}

async function bundled(
  project: Project,
  script: string,
  args: readonly string[],
  format: Format,
  expected: object = EXPECTED,
): Promise<string | undefined> {
  const file = `${script}-${args.join('-')}.${EXTENSIONS[format]}`;
  const made = await node(project, [script, ...args, file]);
  return made.code === 0 ? alone(project, file, expected) : `cannot be bundled:\n${made.output}`;
}

async function viteSsr(project: Project): Promise<string | undefined> {
  const made = await node(project, ['vite.mjs', 'vite-ssr']);
  return made.code === 0 ? alone(project, 'vite-ssr/main.mjs') : `cannot be bundled:\n${made.output}`;
}

/** Runs a bundle where nothing is installed but `pg`, which some bundlers leave where it is, or nothing at all. */
async function alone(
  project: Project,
  file: string,
  expected: object = EXPECTED,
): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'pgherd-bundle-'));
  try {
    const copy = join(folder, file.split('/').at(-1) ?? file);
    copyFileSync(join(project.folder, file), copy);
    mkdirSync(join(folder, 'node_modules'));
    if (expected !== WITHOUT_PG) symlinkSync(inProject(project, 'pg', ''), join(folder, 'node_modules/pg'));
    return seenIn(await run(process.execPath, [copy], folder, project.env), expected);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function nextRoute(project: Project): Promise<string | undefined> {
  const folder = join(project.folder, 'next');
  const [next = ''] = binary(project, 'next');
  const env = { ...project.env, NEXT_TELEMETRY_DISABLED: '1' };
  const built = await run(process.execPath, [next, 'build'], folder, env);
  if (built.code !== 0) return `cannot be built:\n${built.output}`;
  const port = await freePort();
  const args = [next, 'start', '--hostname', '127.0.0.1', '--port', String(port)];
  const server = spawn(process.execPath, args, { cwd: folder, env: { ...process.env, ...env } });
  try {
    let output = '';
    const ready = new Promise<void>((resolve) => {
      server.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('Ready')) resolve();
      });
    });
    await Promise.race([ready, once(server, 'exit')]);
    const response = await fetch(`http://127.0.0.1:${port}/api/seen`);
    return seenIn({ code: response.ok ? 0 : 1, output: await response.text() });
  } finally {
    server.kill();
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
  }
}

/** The declarations of peers are not ours to check. */
function types(tool: string, resolution: string): Case[] {
  return [
    { file: 'types', way: `types, ${resolution}`, checksLibraries: true },
    { file: 'types-peers', way: `types of peers, ${resolution}`, checksLibraries: false },
  ].map(({ file, way, checksLibraries }) => ({
    tool,
    way,
    check: (project) => compiled(project, tool, { file, resolution, checksLibraries }),
  }));
}

/** What is wrong with what a program printed. */
function seenIn({ code, output }: Ran, expected: object = EXPECTED): string | undefined {
  if (code !== 0) return `ended with ${code}:\n${output.slice(-MAX_OUTPUT)}`;
  const line = output.split('\n').find((one) => one.trim().startsWith('{"n"'));
  if (line === undefined) return `printed no result:\n${output.slice(-MAX_OUTPUT)}`;
  return isDeepStrictEqual(JSON.parse(line), expected) ? undefined : `gave\n${line}`;
}

if (isMain(import.meta.url)) await runAsCommand({ matrix: checkMatrix });
