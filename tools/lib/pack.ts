import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Conditions, type Manifest, readManifest } from './packages.ts';

/** What was packed. */
export interface Packed {
  /** Name of the tarball in the destination. */
  readonly filename: string;
  readonly bytes: number;
  /** Paths inside of it. */
  readonly files: readonly string[];
}

/** What npm packs of a folder although `files` does not name it. */
const ALWAYS = /^(readme|licen[cs]e|changelog)(\.|$)/i;

/**
 * Packs a package as it is published, or says what npm said instead. What serves this repository alone (the condition
 * `@pgherd/source`, scripts, tools) is left out of its `package.json`.
 */
export function pack(folder: string, destination: string): Packed | string {
  const stage = mkdtempSync(join(destination, 'stage-'));
  try {
    stagePackage(folder, stage);
    const { status, stdout, stderr } = spawnSync(
      'npm',
      ['pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', '..'],
      { cwd: stage, encoding: 'utf8' },
    );
    if (status !== 0) return stdout + stderr;
    const [report] = JSON.parse(stdout) as { filename: string; size: number; files: { path: string }[] }[];
    if (report === undefined) return 'npm pack reported nothing.';
    return {
      filename: report.filename,
      bytes: report.size,
      files: report.files.map(({ path }) => path),
    };
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

function stagePackage(folder: string, stage: string): void {
  const manifest = readManifest(join(folder, 'package.json'));
  const named = (manifest.files ?? []).filter((name) => !name.startsWith('!'));
  for (const name of named.filter((one) => existsSync(join(folder, one))))
    cpSync(join(folder, name), join(stage, name), { recursive: true });
  for (const name of readdirSync(folder).filter((one) => ALWAYS.test(one)))
    copyFileSync(join(folder, name), join(stage, name));
  writeFileSync(
    join(stage, 'package.json'),
    `${JSON.stringify(publishedManifest(manifest), undefined, 2)}\n`,
  );
}

/** The manifest without what only this repository can use. */
function publishedManifest(manifest: Manifest): object {
  const { scripts: _scripts, devDependencies: _tools, ...published } = manifest;
  const entries = Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) => {
    if (typeof target === 'string') return [[subpath, target]];
    const { '@pgherd/source': _source, ...others }: Conditions = target;
    return Object.keys(others).length === 0 ? [] : [[subpath, others]];
  });
  return { ...published, exports: Object.fromEntries(entries) };
}
