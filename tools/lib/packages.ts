import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { foldersIn } from './sources.ts';

/** The part of a `package.json` that the checks read. */
export interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly scripts?: Readonly<Record<string, string>>;
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
      const { types, '@pgherd/source': source } = target;
      if (types === undefined || source === undefined) {
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

/** Subpaths that exist in this repository only. */
export function internalSubpaths({ exports = {} }: Manifest): string[] {
  return Object.keys(exports).filter((subpath) => isInternal(exports[subpath] ?? ''));
}

/** Users have no condition that leads to an internal entry. */
function isInternal(target: string | Readonly<Record<string, string>>): boolean {
  return (
    typeof target !== 'string' && Object.keys(target).every((condition) => condition === '@pgherd/source')
  );
}
