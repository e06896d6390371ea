import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { foldersIn } from './sources.ts';

/** What an entry of `exports` leads to, by condition; conditions may stand inside conditions. */
export interface Conditions {
  readonly [condition: string]: string | Conditions;
}

/** The part of a `package.json` that the checks read. */
export interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly repository?: { readonly url: string };
  readonly exports?: Readonly<Record<string, string | Conditions>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly files?: readonly string[];
  /** The file that `require` loads where `exports` is not understood; a package without it is for `import` alone. */
  readonly main?: string;
}

/** A folder of `packages/` with its manifest. */
export interface WorkspacePackage {
  /** Path from the root: `packages/pgherd`. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/** One thing that a user can import: `pgherd`, `pgherd/dsn`. */
export interface PublicEntry {
  readonly specifier: string;
  readonly folder: string;
  /** The TypeScript file behind the `@pgherd/source` condition, from the root. */
  readonly source: string;
  /** The built declarations behind the `types` condition, from the root. */
  readonly types: string;
}

/** Reads a `package.json`; the form is that of npm and is not checked further. */
export function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(path, 'utf8')) as Manifest;
}

/** Every package of `packages/` that would be published. */
export function publishedPackages(root: string): WorkspacePackage[] {
  return foldersIn(root, 'packages')
    .map((name) => `packages/${name}`)
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .map((folder) => ({ folder, manifest: readManifest(join(root, folder, 'package.json')) }))
    .filter(({ manifest }) => manifest.private !== true);
}

/** What users can import, read from the packages' `exports`, so that a new subpath is checked without being listed here. */
export function publicEntries(root: string): PublicEntry[] {
  return publishedPackages(root).flatMap(({ folder, manifest }) =>
    Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) => {
      if (typeof target === 'string' || isInternal(target)) return [];
      const source = target['@pgherd/source'];
      const types = typesOf(target);
      if (types === undefined || typeof source !== 'string') {
        throw new Error(`${folder}/package.json: exports["${subpath}"] needs "@pgherd/source" and "types".`);
      }
      return [
        {
          specifier: manifest.name + subpath.slice(1),
          folder,
          source: `${folder}/${source.replace(/^\.\//, '')}`,
          types: `${folder}/${types.replace(/^\.\//, '')}`,
        },
      ];
    }),
  );
}

/** The declarations that a program which uses `import` gets. */
function typesOf(target: Conditions): string | undefined {
  const { types, import: imported } = target;
  if (typeof types === 'string') return types;
  return typeof imported === 'object' ? typesOf(imported) : undefined;
}

/** Users have no condition that leads to an internal entry. */
function isInternal(target: string | Conditions): boolean {
  return (
    typeof target !== 'string' && Object.keys(target).every((condition) => condition === '@pgherd/source')
  );
}
