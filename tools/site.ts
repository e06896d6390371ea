import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { headingsOf } from './docs/markdown.ts';
import { type Finding, isMain, runAsCommand } from './lib/findings.ts';
import { readManifest } from './lib/packages.ts';
import { run } from './lib/run.ts';
import { navigationOf } from './site/navigation.ts';
import { type Page, pagesOf } from './site/pages.ts';

/** Folder of the generator, with packages and a lock of its own. */
const SITE = 'site';
/** What is made of the documents: pages, and what `.vitepress/config.ts` reads. */
const GATHERED = 'site/temp/pages';
const BUILT = 'site/.vitepress/dist';
/** A page loads nothing from elsewhere: the browser refuses it by this. */
const POLICY = 'http-equiv="Content-Security-Policy"';

/** Installs what the lock says, gathers the documents, and builds the pages to `site/.vitepress/dist`; a dead link is a finding. */
export async function buildSite(root: string): Promise<Finding[]> {
  const pages = gather(root);
  for (const args of [...installation(root), ['npx', 'vitepress', 'build']]) {
    const [program = '', ...rest] = args;
    const { code, output } = await run(program, rest, join(root, SITE), {});
    if (code !== 0) return [{ file: SITE, message: `${args.join(' ')} fails:\n${output}` }];
  }
  return checkBuilt(root, pages);
}

/** Nothing if the installed packages are those of the lock. */
function installation(root: string): string[][] {
  const lock = join(root, SITE, 'package-lock.json');
  const stamp = join(root, SITE, 'node_modules/.lock-of-pgherd');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === readFileSync(lock, 'utf8')) return [];
  const copy = `require('node:fs').copyFileSync('package-lock.json', 'node_modules/.lock-of-pgherd')`;
  return [
    ['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    [process.execPath, '-e', copy],
  ];
}

/** Copies the documents to their places on the site, beside the navigation. */
export function gather(root: string): Page[] {
  const folder = join(root, GATHERED);
  rmSync(folder, { recursive: true, force: true });
  const pages = pagesOf(root);
  for (const { source, path } of pages) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(join(root, source), join(folder, path));
  }
  copyPhotographs(root, folder);
  const { repository } = readManifest(join(root, 'packages/pgherd/package.json'));
  const about = {
    root,
    repository: (repository?.url ?? '').replace(/^git\+|\.git$/g, ''),
    pages,
    navigation: navigationOf(pages, (page) => titleOf(root, page)),
  };
  writeFileSync(join(folder, 'about.json'), JSON.stringify(about, null, 2));
  return pages;
}

/** Pictures that are no drawings stand beside the pages; drawings stand in them (`.vitepress/config.ts`). */
function copyPhotographs(root: string, folder: string): void {
  const from = join(root, 'docs/figures');
  if (!existsSync(from)) return;
  cpSync(from, join(folder, 'figures'), { recursive: true, filter: (file) => !file.endsWith('.svg') });
}

/** The first heading, without marks of code; decisions keep their number. */
function titleOf(root: string, { source }: Page): string {
  const [first] = headingsOf(readFileSync(join(root, source), 'utf8'));
  if (source.startsWith('docs/api/')) return /"([^"]+)"/.exec(first?.text ?? '')?.[1] ?? source;
  return (first?.text ?? source).replaceAll('`', '');
}

/** Every page has become a file, and each forbids requests to elsewhere. */
function checkBuilt(root: string, pages: readonly Page[]): Finding[] {
  return pages.flatMap(({ source, path }) => {
    const file = `${BUILT}/${path.replace(/\.md$/, '.html')}`;
    if (!existsSync(join(root, file))) return [{ file: source, message: `has become no page (${file}).` }];
    const restricted = readFileSync(join(root, file), 'utf8').includes(POLICY);
    return restricted ? [] : [{ file: source, message: `${file} may load things from elsewhere.` }];
  });
}

if (isMain(import.meta.url)) {
  if (process.argv.includes('--gather')) gather(process.cwd());
  else await runAsCommand({ site: buildSite });
}
