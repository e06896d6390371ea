import type { Page } from './pages.ts';

/** A page in the navigation, or several under one heading. */
export interface Entry {
  readonly text: string;
  readonly link?: string;
  readonly collapsed?: boolean;
  readonly items?: readonly Entry[];
}

/** Sections in their order, and the pages of each in theirs. A page that is named here and does not exist yet is left out. */
const SECTIONS: readonly (readonly [string, readonly string[]])[] = [
  ['Start', ['start', 'concepts', 'verbs', 'one-server', 'package']],
  [
    'Use it',
    [
      'queries',
      'transactions',
      'retries',
      'routing',
      'causal-reads',
      'listen',
      'values',
      'sharing',
      'connect',
      'auto-route',
    ],
  ],
  ['Your servers', ['platforms', 'one-address', 'discovery', 'poolers', 'dsn', 'tls', 'credentials']],
  ['Your framework', ['http', 'next', 'nestjs', 'serverless', 'libraries', 'guests', 'examples', 'packages']],
  ['Coming from', ['from-pg', 'from-postgres-js', 'from-replica-lists', 'from-hasql-npgsql', 'comparison']],
  [
    'Operations',
    [
      'runbook',
      'dashboard',
      'observing',
      'telemetry',
      'cli',
      'command',
      'dashboard-package',
      'cost',
      'pool',
      'testing',
      'test-kit',
    ],
  ],
  ['Reference', ['options', 'events', 'errors', 'exports', 'topology', 'lanes', 'glossary']],
  ['Security', ['security', 'reporting']],
  ['Performance', ['performance', 'benchmarks', 'peers']],
  ['Inside', ['architecture', 'simulation', 'chaos', 'contributing', 'changelog', 'decisions/index']],
];

/** Folders with an index of their own; they are folded. */
const FOLDED: Readonly<Record<string, string>> = { 'decisions/': 'Decisions', 'api/': 'Signatures' };

/**
 * The side bar: every page once. Pages that no section names come under "Other", so that a new page is seen before it has its place.
 * `titleOf` gives the first heading of a page.
 */
export function navigationOf(pages: readonly Page[], titleOf: (page: Page) => string): Entry[] {
  const byName = new Map(pages.map((page) => [page.path.replace(/\.md$/, ''), page]));
  byName.delete('index');
  const take = (name: string): Entry[] => {
    const page = byName.get(name);
    byName.delete(name);
    return page === undefined ? [] : [{ text: titleOf(page), link: `/${page.path}` }];
  };
  const sections = SECTIONS.map(([text, names]) => ({ text, items: names.flatMap(take) }));
  const folded = Object.entries(FOLDED).map(([folder, text]) => {
    const names = [...byName.keys()].filter((name) => name.startsWith(folder));
    return { text, collapsed: true, items: names.flatMap(take) };
  });
  const other = { text: 'Other', items: [...byName.keys()].flatMap(take) };
  return [...sections, ...folded, other].filter(({ items }) => items.length > 0);
}
