import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { navigationOf } from '../site/navigation.ts';
import { linkOnSite, type Page, pagesOf } from '../site/pages.ts';
import { gather } from '../site.ts';
import { REPOSITORY, repository } from './fixture.ts';

const PAGES: readonly Page[] = [
  { source: 'site/index.md', path: 'index.md' },
  { source: 'bench/README.md', path: 'benchmarks.md' },
  { source: 'docs/topology.md', path: 'topology.md' },
  { source: 'docs/new.md', path: 'new.md' },
  { source: 'docs/decisions/README.md', path: 'decisions/index.md' },
  { source: 'docs/decisions/0001-one.md', path: 'decisions/0001-one.md' },
  { source: 'docs/api/@pgherd.cli.api.md', path: 'api/pgherd-cli.md' },
];
const page = (source: string): Page => PAGES.find((one) => one.source === source) ?? { source, path: '' };

describe('a link of a document', () => {
  it.each([
    ['docs/topology.md', 'new.md', '/new.md'],
    ['docs/topology.md', 'new.md#a-heading', '/new.md#a-heading'],
    ['docs/topology.md', '../bench/README.md#figures', '/benchmarks.md#figures'],
    ['docs/topology.md', 'api/@pgherd.cli.api.md', '/api/pgherd-cli.md'],
    ['docs/decisions/0001-one.md', '../topology.md', '/topology.md'],
    ['docs/decisions/0001-one.md', 'README.md', '/decisions/index.md'],
    ['bench/README.md', '../README.md', '/index.md'],
    ['bench/README.md', 'peers/hasql_peer.py', 'https://git/pgherd/blob/main/bench/peers/hasql_peer.py'],
    ['docs/topology.md', 'gone.md', undefined],
    ['docs/topology.md', '#fencing', undefined],
    ['docs/topology.md', 'https://postgresql.org', undefined],
  ])('in %s to %s leads to %s', (from, href, expected) => {
    const repository = { address: 'https://git/pgherd', has: (file: string) => file.endsWith('.py') };
    expect(linkOnSite(PAGES, page(from), href, repository)).toBe(expected);
  });
});

describe('the navigation', () => {
  const links = (pages: readonly Page[]): string[] =>
    navigationOf(pages, ({ source }) => source).flatMap(({ items = [] }) =>
      items.flatMap(({ link }) => link ?? []),
    );

  it('has every page once, but for the first one', () => {
    const expected = PAGES.slice(1).map(({ path }) => `/${path}`);
    expect(links(PAGES).sort()).toEqual(expected.sort());
  });

  it('shows a page that no section names under "Other"', () => {
    const other = navigationOf(PAGES, ({ source }) => source).find(({ text }) => text === 'Other');
    expect(other?.items).toEqual([{ text: 'docs/new.md', link: '/new.md' }]);
  });

  it('has no heading without a page', () => {
    expect(navigationOf([], () => '')).toEqual([]);
  });

  it('has a place for every document of this repository', () => {
    const pages = pagesOf(REPOSITORY);
    expect(links(pages)).toHaveLength(pages.length - 1);
    expect(new Set(pages.map(({ path }) => path)).size).toBe(pages.length);
  });
});

it('gathering takes away pages of documents that are gone, and brings pictures that are no drawings', () => {
  const pictures = { 'docs/figures/screen.webp': 'RIFF', 'docs/figures/drawing.svg': '<svg/>' };
  const files = { 'docs/a.md': '# A `page`\n', 'site/index.md': '# Site\n', ...pictures };
  const root = repository(files);
  const gathered = (path: string): string => join(root, 'site/temp/pages', path);
  gather(root);
  expect(readFileSync(gathered('a.md'), 'utf8')).toBe(files['docs/a.md']);
  expect(readFileSync(gathered('about.json'), 'utf8')).toContain('"A page"');
  expect([existsSync(gathered('figures/screen.webp')), existsSync(gathered('figures/drawing.svg'))]).toEqual([
    true,
    false,
  ]);

  rmSync(join(root, 'docs/a.md'));
  gather(root);
  expect(existsSync(gathered('a.md'))).toBe(false);
});
