import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { createTestCluster } from '@pgherd/testing';
import { type Finding, isMain, runAsCommand } from './lib/findings.ts';
import { pack } from './lib/pack.ts';
import { run } from './lib/run.ts';

const SMOKE = fileURLToPath(new URL('./runtimes/smoke.mjs', import.meta.url));

/** What can run a program, if it is installed: the platforms of CI have all of them. */
const RUNTIMES: readonly {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
}[] = [
  { name: 'Node', program: process.execPath, args: [] },
  {
    name: 'Bun',
    program: fileURLToPath(new URL('../node_modules/@oven/bun-linux-x64/bin/bun', import.meta.url)),
    args: [],
  },
  {
    name: 'Deno',
    program: fileURLToPath(new URL('../node_modules/@deno/linux-x64-glibc/deno', import.meta.url)),
    args: ['run', '--allow-all', '--node-modules-dir=manual'],
  },
];

/** What the program prints everywhere. */
const EXPECTED = Object.freeze({
  created: 'CREATE',
  read: { n: 50, same: true },
  tagged: [{ name: 'item 7' }],
  fragment: { one: 1 },
  batch: [{ a: 1 }, { b: 'x' }],
  undone: 'undo',
  transaction: { n: 20 },
  streamed: 500_500,
  copied: 2,
  out: 'one\ntwo\n',
  heard: 'hello',
  refused: '22012',
  late: 'PGHERD_TIMEOUT',
});

/** Packs pgherd, installs it alone, and runs a program with it on each runtime, in the clear and over TLS. Build first. */
export async function checkRuntimes(root: string): Promise<Finding[]> {
  const project = mkdtempSync(join(tmpdir(), 'pgherd-alone-'));
  try {
    const problem = await install(root, project);
    if (problem !== undefined) return [{ file: 'packages/pgherd', message: problem }];
    cpSync(SMOKE, join(project, 'smoke.mjs'));
    const findings: Finding[] = [];
    for (const tls of [false, true]) findings.push(...(await runAll(project, tls)));
    return findings;
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

/** Everything that npm puts there; what is wrong with it, if anything. */
async function install(root: string, project: string): Promise<string | undefined> {
  const packed = pack(join(root, 'packages/pgherd'), project);
  if (typeof packed === 'string') return `cannot be packed:\n${packed}`;
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }\n');
  const args = [
    'install',
    `./${packed.filename}`,
    '--no-audit',
    '--no-fund',
    '--omit=peer',
    '--loglevel=error',
  ];
  const { code, output } = await run('npm', args, project, {});
  if (code !== 0) return `cannot be installed:\n${output}`;
  const clients = readdirSync(join(project, 'node_modules')).filter(
    (name) => name === 'pg' || name === 'postgres',
  );
  return clients.length === 0 ? undefined : `brings ${clients.join(', ')}`;
}

async function runAll(project: string, tls: boolean): Promise<Finding[]> {
  const findings: Finding[] = [];
  const way = tls ? 'over TLS' : 'in the clear';
  for (const { name, program, args } of RUNTIMES) {
    if (!existsSync(program)) {
      console.log(`runtimes: skipped ${name}, which is not installed here`);
      continue;
    }
    await using cluster = await createTestCluster({ standbys: 1, tls });
    const env = { SMOKE_URL: cluster.url };
    const { code, output } = await run(program, [...args, join(project, 'smoke.mjs')], project, env);
    const problem = difference(code, output, tls);
    if (problem !== undefined)
      findings.push({ file: 'tools/runtimes/smoke.mjs', message: `on ${name}, ${way}: ${problem}` });
  }
  return findings;
}

function difference(code: number | null, output: string, tls: boolean): string | undefined {
  if (code !== 0) return `ended with ${code}:\n${output}`;
  const last = output.trim().split('\n').at(-1) ?? '';
  const expected = { ...EXPECTED, encrypted: { ssl: tls } };
  let seen: unknown;
  try {
    seen = JSON.parse(last);
  } catch {
    return `printed no result:\n${output}`;
  }
  if (isDeepStrictEqual(seen, expected)) return undefined;
  return `gave\n${last}\ninstead of\n${JSON.stringify(expected)}`;
}

if (isMain(import.meta.url)) await runAsCommand({ runtimes: checkRuntimes });
