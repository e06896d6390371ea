import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTestCluster } from '@pgherd/testing';
import { rolldown } from 'rolldown';
import { transformSync } from 'rolldown/utils';
import { withNotedFunctions } from './lib/eager.ts';
import { START_FUNCTIONS } from './lib/start-functions.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const PACKAGE = 'packages/pgherd';
/** What a program does first; each in a process of its own, several times, since the order of answers differs. */
const PROGRAMS: readonly string[] = [
  'const lease = await db.acquire(); await lease.query(TEXT, [1]); lease.release();',
  'await db.query(TEXT, [1]);',
  'await db.read.query(TEXT, [1]);',
];
const RUNS = 3;

/** Writes the list of the functions that run until a program has its first row: `npm run start:functions`. */
async function main(): Promise<void> {
  const folder = mkdtempSync(join(ROOT, PACKAGE, 'temp/noted-'));
  try {
    await noted(folder);
    await using cluster = await createTestCluster({ standbys: 2 });
    const names = new Set<string>();
    for (const url of [cluster.primary.url, cluster.url])
      for (const program of PROGRAMS)
        for (let run = 0; run < RUNS; run++) for (const name of ranBy(folder, program, url)) names.add(name);
    writeFileSync(join(ROOT, START_FUNCTIONS), `${JSON.stringify(byFile(names), undefined, 2)}\n`);
    console.log(`${START_FUNCTIONS}: ${names.size} functions`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A bundle in which each function notes that it ran. */
async function noted(dir: string): Promise<void> {
  const note = (file: string) => (name: string) =>
    `globalThis.noted?.add(${JSON.stringify(`${file}:${name}`)})`;
  const transform = (code: string, id: string) => {
    if (!id.endsWith('.ts')) return undefined;
    const file = relative(ROOT, id).split(sep).join('/');
    return { code: withNotedFunctions(transformSync(id, code).code, note(file)) };
  };
  const build = await rolldown({
    input: { index: join(ROOT, PACKAGE, 'src/index.ts') },
    external: /^(?:node:|pg-types)/,
    plugins: [{ name: 'noted-functions', transform }],
    platform: 'node',
    checks: { pluginTimings: false, ineffectiveDynamicImport: false },
  });
  await build.write({ dir, format: 'es' });
  await build.close();
}

function ranBy(folder: string, program: string, url: string): string[] {
  const path = join(folder, 'program.mjs');
  const code = `import { createCluster } from './index.js';
const TEXT = 'select 1 as one where $1::int = 1';
globalThis.noted = new Set();
const db = createCluster(${JSON.stringify(url)});
${program}
const names = [...globalThis.noted];
await db.close();
console.log(JSON.stringify(names));`;
  writeFileSync(path, code);
  const { stdout, stderr, status } = spawnSync(process.execPath, [path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`The program that was to run at the start has failed: ${stderr}`);
  return JSON.parse(stdout) as string[];
}

function byFile(names: ReadonlySet<string>): Record<string, string[]> {
  const files: Record<string, string[]> = {};
  for (const name of [...names].sort()) {
    const [file = '', own = ''] = name.split(':');
    files[file] = [...(files[file] ?? []), own];
  }
  return files;
}

await main();
