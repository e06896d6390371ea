import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Finding, isMain, runAsCommand } from './lib/findings.ts';
import { pack } from './lib/pack.ts';
import { type Manifest, publicEntries, publishedPackages, type WorkspacePackage } from './lib/packages.ts';

const BIN = fileURLToPath(new URL('../node_modules/.bin', import.meta.url));

/** What must be in every package, and why. */
const REQUIRED: Readonly<Record<string, string>> = {
  'README.md': 'its page in the registry would be empty',
  LICENSE: 'nobody would know what they may do with it',
};

/** Largest tarball, in bytes. */
const MAX_BYTES = 500_000;

/** What must be in none. */
const UNWANTED = /\.tsbuildinfo$|(^|\/)test\//;

/** Packs every package as npm would and looks at the result as its users would. Build first. */
export function checkPackages(root: string): Finding[] {
  const folder = join(root, 'temp/pack');
  mkdirSync(folder, { recursive: true });
  try {
    return publishedPackages(root).flatMap((one) => checkPackage(root, one, folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function checkPackage(root: string, { folder, manifest }: WorkspacePackage, destination: string): Finding[] {
  const packed = pack(join(root, folder), destination);
  if (typeof packed === 'string') return [{ file: folder, message: `cannot be packed:\n${packed}` }];
  const tarball = join(destination, packed.filename);
  const publint = runTool('publint', ['run', tarball, '--strict']);
  const profile = manifest.main === undefined ? 'esm-only' : 'strict';
  const attwArguments = [tarball, '--profile', profile, '--no-definitely-typed', '--no-color'];
  const attw = runTool('attw', attwArguments);
  return [
    ...wrongFiles(folder, packed.files),
    ...tooLarge(folder, packed.bytes),
    ...(publint === undefined ? [] : [{ file: folder, message: `publint objects:\n${publint}` }]),
    ...(attw === undefined ? [] : [{ file: folder, message: `are-the-types-wrong objects:\n${attw}` }]),
    ...unloadableEntries(root, folder, manifest),
  ];
}

function wrongFiles(folder: string, files: readonly string[]): Finding[] {
  const missing = Object.entries(REQUIRED).filter(([name]) => !files.includes(name));
  return [
    ...missing.map(([name, why]) => ({
      file: folder,
      message: `would be published without ${name}: ${why}.`,
    })),
    ...files
      .filter((name) => UNWANTED.test(name))
      .map((name) => ({ file: folder, message: `would publish ${name}: exclude it in \`files\`.` })),
  ];
}

function tooLarge(folder: string, bytes: number): Finding[] {
  if (bytes <= MAX_BYTES) return [];
  return [
    { file: folder, message: `would be a tarball of ${bytes} bytes; at most ${MAX_BYTES} are wanted.` },
  ];
}

/** Loads each entry in a Node of its own, from the build, as a user's program does: by `import`, and by `require` where it is meant. */
function unloadableEntries(root: string, folder: string, manifest: Manifest): Finding[] {
  const { name } = manifest;
  const ways = manifest.main === undefined ? (['import'] as const) : (['import', 'require'] as const);
  return publicEntries(root)
    .filter((entry) => entry.folder === folder)
    .flatMap((entry) => ways.map((way) => ({ ...entry, way })))
    .flatMap(({ specifier, way }) => {
      const code =
        way === 'import'
          ? `await import(${JSON.stringify(specifier)})`
          : `(await import('node:module')).createRequire(process.cwd() + '/program.cjs')(${JSON.stringify(specifier)})`;
      const options = { cwd: join(root, folder), encoding: 'utf8', timeout: 120_000 } as const;
      // A package reaches itself by its own name, through its own `exports`.
      const { status, stderr } = spawnSync(
        process.execPath,
        ['--input-type=module', '--eval', code],
        options,
      );
      if (status === 0) return [];
      return [
        { file: folder, message: `${name} cannot be loaded as '${specifier}' by ${way}:\n${stderr.trim()}` },
      ];
    });
}

/** What the tool printed when it failed; `undefined` when all is well. */
function runTool(name: string, args: readonly string[]): string | undefined {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(BIN, name), ...args], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  return status === 0 ? undefined : `${stdout}${stderr}`.trim();
}

if (isMain(import.meta.url)) await runAsCommand({ packages: checkPackages });
