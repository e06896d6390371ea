import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { transformSync } from 'rolldown/utils';
import { rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';
import { withoutBlanks } from './lib/blanks.ts';
import { chunkGroups } from './lib/chunks.ts';
import { DEFINE_METHODS, DEFINE_METHODS_CODE, withEagerFunctions } from './lib/eager.ts';
import { isMain, rootArgument } from './lib/findings.ts';
import { publicEntries } from './lib/packages.ts';
import { startFunctions } from './lib/start-functions.ts';

/** Where the compiler leaves one declaration file for each source file; nothing there is published. */
const DECLARATIONS = 'temp/types';

/** Modules in CommonJS, which bundlers of applications have to see as they are: they stand beside the entries. */
const COMMONJS = /^\.\/[\w-]+\.cjs$/;

/** A public entry: the source it begins with, and the name of its files in `dist`. */
interface Bundled {
  readonly source: string;
  readonly output: string;
}

type Format = 'es' | 'cjs';

const EXTENSION: Readonly<Record<Format, string>> = Object.freeze({ es: 'js', cjs: 'cjs' });

/**
 * Makes of each public entry of a package one file for `import` and one for `require`, with declarations for both. What several
 * entries share becomes a file of `dist/chunks`, so that a program which imports two entries has one copy of it.
 */
export async function bundle(root: string, folder: string): Promise<void> {
  const dist = join(root, folder, 'dist');
  rmSync(dist, { recursive: true, force: true });
  const entries = publicEntries(root)
    .filter((entry) => entry.folder === folder)
    .map(({ source, types }) => ({ source, output: basename(types, '.d.ts') }));
  const external = isExternal(root, folder);
  await code(root, entries, external, dist);
  for (const file of filesBelow(dist).filter((name) => /\.c?js$/.test(name))) slimmed(file);
  await declarations(root, folder, entries, external, dist);
}

/** What the user's own `node_modules` bring. */
function isExternal(root: string, folder: string): (id: string) => boolean {
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as {
    readonly dependencies?: Readonly<Record<string, string>>;
    readonly peerDependencies?: Readonly<Record<string, string>>;
  };
  const names = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
  return (id) => id.startsWith('node:') || names.some((name) => id === name || id.startsWith(`${name}/`));
}

async function code(
  root: string,
  entries: readonly Bundled[],
  external: (id: string) => boolean,
  dir: string,
): Promise<void> {
  const build = await rolldown({
    input: Object.fromEntries(entries.map(({ output, source }) => [output, join(root, source)])),
    external: (id) => external(id),
    plugins: [
      { name: 'commonjs-beside', resolveId: besideEntries(dir) },
      {
        name: 'eager-functions',
        transform: eagerFunctions(root),
        resolveId: (id) => (id === DEFINE_METHODS ? id : undefined),
        load: (id) => (id === DEFINE_METHODS ? DEFINE_METHODS_CODE : undefined),
      },
    ],
    platform: 'node',
    checks: { pluginTimings: false },
    onLog: (_level, log) => {
      // What the sources load late, to keep floors apart, is in one file here.
      if (log.code === 'INEFFECTIVE_DYNAMIC_IMPORT') return;
      throw new Error(`The bundle has a fault: ${log.message}`);
    },
  });
  const sources = new Map(entries.map(({ output, source }) => [output, join(root, source)]));
  const groups = chunkGroups(sources, join(root, 'packages/pgherd/src/cluster/cluster.ts'));
  try {
    for (const format of ['es', 'cjs'] as const)
      await build.write({
        dir,
        format,
        exports: 'named',
        entryFileNames: `[name].${EXTENSION[format]}`,
        chunkFileNames: `chunks/[name].${EXTENSION[format]}`,
        codeSplitting: { groups },
        comments: { legal: true, annotation: true, jsdoc: false },
        // Functions and classes keep their names for stacks; other names are shortened.
        minify: {
          compress: { keepNames: { function: true, class: true } },
          mangle: { toplevel: true, keepNames: { function: true, class: true } },
          codegen: false,
        },
      });
  } finally {
    await build.close();
  }
}

/** Copies what a source imports in CommonJS into `dir`, and leaves the import as it is. */
function besideEntries(
  dir: string,
): (id: string, importer: string | undefined) => ResolvedOutside | undefined {
  return (id, importer) => {
    if (importer === undefined || !COMMONJS.test(id)) return undefined;
    mkdirSync(dir, { recursive: true });
    copyFileSync(join(dirname(importer), id), join(dir, id));
    return { id, external: true };
  };
}

/** What runs at the start of every program is compiled while it is loaded. */
function eagerFunctions(root: string): (code: string, id: string) => { code: string } | undefined {
  const started = startFunctions(root);
  return (code, id) => {
    const names = started.get(relative(root, id).split(sep).join('/'));
    if (names === undefined) return undefined;
    return { code: withEagerFunctions(transformSync(id, code).code, names) };
  };
}

interface ResolvedOutside {
  readonly id: string;
  readonly external: true;
}

async function declarations(
  root: string,
  folder: string,
  entries: readonly Bundled[],
  external: (id: string) => boolean,
  dir: string,
): Promise<void> {
  const declared = (source: string) =>
    join(root, folder, DECLARATIONS, source.slice(`${folder}/src/`.length).replace(/\.ts$/, '.d.ts'));
  const build = await rollup({
    input: Object.fromEntries(entries.map(({ output, source }) => [output, declared(source)])),
    external: (id) => external(id),
    plugins: [dts()],
    onwarn: (warning) => {
      throw new Error(`The declarations have a fault: ${warning.message}`);
    },
  });
  try {
    await build.write({
      dir,
      format: 'es',
      minifyInternalExports: false,
      entryFileNames: '[name].d.ts',
      chunkFileNames: ({ name }) => `chunks/${name.replace(/\.d$/, '')}.d.ts`,
    });
  } finally {
    await build.close();
  }
  for (const file of filesBelow(dir).filter((name) => name.endsWith('.d.ts'))) renameForRequire(file);
  // An ES module may take its types from CommonJS, but not the other way round: so they stand in the package once.
  for (const { output } of entries)
    writeFileSync(join(dir, `${output}.d.ts`), `export * from './${output}.cjs';\n`);
}

/**
 * Takes off the tabs that the bundler indents with, the lines in which it names the module, and the blanks that the program does not need;
 * each statement keeps its line. A text over several lines keeps its own tabs, since no source has a line that begins with a tab (Biome
 * indents by spaces).
 */
function slimmed(file: string): void {
  const code = readFileSync(file, 'utf8').replace(/^\/\/ packages\/.*\n|^\t+/gm, '');
  writeFileSync(file, withoutBlanks(code, file.endsWith('.cjs') ? 'script' : 'module'));
}

/** Makes of the declarations of ES modules those for `require`, which import each other by other names. */
function renameForRequire(file: string): void {
  const text = readFileSync(file, 'utf8').replace(/((?:from|import) ')(\.{1,2}\/[^']+)\.js'/g, "$1$2.cjs'");
  writeFileSync(file.replace(/\.d\.ts$/, '.d.cts'), text);
  rmSync(file);
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
}

if (isMain(import.meta.url)) {
  const root = rootArgument() ?? dirname(dirname(fileURLToPath(import.meta.url)));
  await bundle(root, 'packages/pgherd');
  if (!existsSync(join(root, 'packages/pgherd/dist/index.js'))) process.exitCode = 1;
}
