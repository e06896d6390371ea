import { posix } from 'node:path';
import { filesBelow } from '../lib/sources.ts';

/** One page of the site. */
export interface Page {
  /** The document, from the root of the repository. */
  readonly source: string;
  /** The page, from the root of the site: `decisions/index.md`. */
  readonly path: string;
}

/** Documents outside `docs` that are pages; the first is the site's own. */
const OTHERS: Readonly<Record<string, string>> = {
  'site/index.md': 'index.md',
  'packages/pgherd/README.md': 'package.md',
  'packages/testing/README.md': 'test-kit.md',
  'packages/cli/README.md': 'command.md',
  'packages/dashboard/README.md': 'dashboard-package.md',
  'bench/README.md': 'benchmarks.md',
  'bench/peers/README.md': 'peers.md',
  'examples/README.md': 'examples.md',
  'ARCHITECTURE.md': 'architecture.md',
  'CHANGELOG.md': 'changelog.md',
  'CONTRIBUTING.md': 'contributing.md',
  'SECURITY.md': 'reporting.md',
};

/** What a link to the document means on the site, although the document is no page of it. */
const STANDS_FOR: Readonly<Record<string, string>> = { 'README.md': 'index.md' };

/** Every document of the repository that is a page. */
export function pagesOf(root: string): Page[] {
  const documents = filesBelow(root, 'docs', ['.md']).map((source) => ({ source, path: pathOf(source) }));
  const present = new Set(filesBelow(root, '.', ['.md']));
  const others = Object.entries(OTHERS).map(([source, path]) => ({ source, path }));
  return [...others.filter(({ source }) => present.has(source)), ...documents];
}

/** `docs/decisions/README.md` is `decisions/index.md`; `docs/api/@pgherd.cli.api.md` is `api/pgherd-cli.md`. */
function pathOf(source: string): string {
  const path = source.slice('docs/'.length);
  if (path.startsWith('api/')) {
    const name = posix.basename(path, '.api.md').replace('@', '').replaceAll('.', '-');
    return `api/${name}.md`;
  }
  return path.replace(/(^|\/)README\.md$/, '$1index.md');
}

/**
 * Where a link of a document leads on the site: to the page that the document is, with its anchor; to the file in `repository` if
 * it is no page; `undefined` for what is left as it is: an address outside, or a file that is not there, which the generator then
 * reports as a dead link.
 */
export function linkOnSite(
  pages: readonly Page[],
  from: Page,
  href: string,
  repository: { readonly address: string; has(file: string): boolean },
): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(href) || href.startsWith('#') || href.startsWith('/')) return undefined;
  const [path = '', anchor] = href.split('#', 2);
  const target = posix.normalize(posix.join(posix.dirname(from.source), decodeURIComponent(path)));
  const page = STANDS_FOR[target] ?? pages.find(({ source }) => source === target)?.path;
  const suffix = anchor === undefined ? '' : `#${anchor}`;
  if (page !== undefined) return `/${page}${suffix}`;
  return repository.has(target) ? `${repository.address}/blob/main/${target}${suffix}` : undefined;
}
