import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkClosures } from '../closure.ts';
import { checkLayers } from '../layers.ts';
import { type Files, REPOSITORY, repository } from './fixture.ts';

const SRC = 'packages/pgherd/src';
const { RANKS: ranks } = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as {
  RANKS: readonly (readonly string[])[];
};

/** A planted mistake, and the rule and file that must be named for it. */
const MISTAKES: readonly { name: string; files: Files; rule: string; file: string }[] = [
  {
    name: 'an import from a folder to the right',
    files: { [`${SRC}/model/up.ts`]: `import { first } from '../dsn/dsn.ts';\nexport const x = first;\n` },
    rule: 'layer:model',
    file: `${SRC}/model/up.ts`,
  },
  {
    name: 'an import of types only from a folder to the right',
    files: {
      [`${SRC}/model/up.ts`]: `import type { first } from '../dsn/dsn.ts';\nexport type X = typeof first;\n`,
    },
    rule: 'layer:model',
    file: `${SRC}/model/up.ts`,
  },
  {
    name: 'an import of the entry from below',
    files: { [`${SRC}/dsn/up.ts`]: `export { ERROR_CODES } from '../index.ts';\n` },
    rule: 'layer:dsn',
    file: `${SRC}/dsn/up.ts`,
  },
  {
    name: 'folders of one rank that import each other',
    files: { [`${SRC}/sql/side.ts`]: `export { first } from '../dsn/dsn.ts';\n` },
    rule: 'layer:sql',
    file: `${SRC}/sql/side.ts`,
  },
  {
    name: 'a pool that knows a connection string',
    files: { [`${SRC}/pool/pool.ts`]: `export { first } from '../dsn/dsn.ts';\n` },
    rule: 'layer:pool',
    file: `${SRC}/pool/pool.ts`,
  },
  {
    name: 'a cycle, even of types',
    files: {
      [`${SRC}/dsn/a.ts`]: `import type { B } from './b.ts';\nexport interface A { b: B }\n`,
      [`${SRC}/dsn/b.ts`]: `import type { A } from './a.ts';\nexport interface B { a: A }\n`,
    },
    rule: 'no-cycle',
    file: `${SRC}/dsn/a.ts`,
  },
  {
    name: 'a folder without a rank',
    files: { [`${SRC}/helpers/x.ts`]: 'export const x = 1;\n' },
    rule: 'no rank',
    file: `${SRC}/helpers`,
  },
  {
    name: 'a deciding folder that reads files',
    files: {
      [`${SRC}/dsn/file.ts`]: `import { readFileSync } from 'node:fs';\nexport const x = readFileSync;\n`,
    },
    rule: 'no-node-in-pure-folders',
    file: `${SRC}/dsn/file.ts`,
  },
  {
    name: 'a dependency',
    files: { [`${SRC}/model/dep.ts`]: `import pg from 'pg';\nexport const x = pg;\n` },
    rule: 'no-dependencies',
    file: `${SRC}/model/dep.ts`,
  },
  {
    name: 'an integration that imports something else than a peer',
    files: { [`${SRC}/integrations/other.ts`]: `import left from 'left-pad';\nexport const x = left;\n` },
    rule: 'only-optional-peers',
    file: `${SRC}/integrations/other.ts`,
  },
  {
    name: 'parsers of another package than the dependency',
    files: { [`${SRC}/wire/types.ts`]: `import pg from 'pg';\nexport const x = pg;\n` },
    rule: 'only-the-dependency',
    file: `${SRC}/wire/types.ts`,
  },
  {
    name: 'a test helper that loads pgherd',
    files: {
      'packages/testing/src/index.ts': `import { ERROR_CODES } from 'pgherd';\nexport const x = ERROR_CODES;\n`,
    },
    rule: 'testing-takes-types-only',
    file: 'packages/testing/src/index.ts',
  },
  {
    name: 'a test helper that loads pgherd for a type',
    files: {
      'packages/testing/src/index.ts': `import { type ERROR_CODES } from 'pgherd';\nexport type X = ERROR_CODES;\n`,
    },
    rule: 'import type',
    file: 'packages/testing/src/index.ts',
  },
  {
    name: 'a relative path into another package',
    files: { 'packages/cli/src/index.ts': `export { first } from '../../pgherd/src/dsn/dsn.ts';\n` },
    rule: 'no-relative-path-into-another-package',
    file: 'packages/cli/src/index.ts',
  },
  {
    name: 'a dashboard that knows the command line',
    files: {
      'packages/cli/src/index.ts': 'export const x = 1;\n',
      'packages/dashboard/src/index.ts': `export { x } from '../../cli/src/index.ts';\n`,
    },
    rule: 'dashboard-does-not-know-cli',
    file: 'packages/dashboard/src/index.ts',
  },
  {
    name: 'a page that takes more than types from outside',
    files: {
      'packages/dashboard/src/model/message.ts': 'export const x = 1;\n',
      'packages/dashboard/src/page/page.ts': `export { x } from '../model/message.ts';\n`,
    },
    rule: 'page-is-for-browsers',
    file: 'packages/dashboard/src/page/page.ts',
  },
  {
    name: 'a server that loads what is for browsers',
    files: {
      'packages/dashboard/src/page/page.ts': 'export const x = 1;\n',
      'packages/dashboard/src/index.ts': `export { x } from './page/page.ts';\n`,
    },
    rule: 'server-does-not-load-the-page',
    file: 'packages/dashboard/src/index.ts',
  },
  {
    name: 'an integration test that reaches into a package',
    files: { 'integration/src/reach.ts': `export { first } from '../../packages/pgherd/src/dsn/dsn.ts';\n` },
    rule: 'no-relative-path-into-a-package',
    file: 'integration/src/reach.ts',
  },
  {
    name: 'a benchmark that reaches into a package, for a type',
    files: {
      'bench/src/reach.ts': `import type { first } from '../../packages/pgherd/src/dsn/dsn.ts';\nexport type X = typeof first;\n`,
    },
    rule: 'no-relative-path-into-a-package',
    file: 'bench/src/reach.ts',
  },
  {
    name: 'an import that leads nowhere',
    files: { [`${SRC}/dsn/lost.ts`]: `export { y } from './nowhere.ts';\n` },
    rule: 'resolvable',
    file: `${SRC}/dsn/lost.ts`,
  },
];

/** The folders of the library, lowest first, as the rules rank them. */
const RANKED = ranks.flatMap((rank, index) => rank.map((folder) => ({ folder, index })));

/** Every folder with one that it must not import: of its own rank if there is another one, else of the next; `index.ts` for the last. */
const UPWARD = RANKED.map(({ folder, index }) => {
  const other = RANKED.find((one) => one.folder !== folder && one.index >= index);
  return { folder, target: other === undefined ? 'index.ts' : `${other.folder}/target.ts` };
});

/** Every folder with one that stands above it, however many ranks lie between. */
const FAR_UPWARD = RANKED.flatMap(({ folder, index }) => {
  const top = RANKED.at(-1);
  return top === undefined || top.index === index ? [] : [{ folder, target: `${top.folder}/target.ts` }];
});

describe('layers', () => {
  test('let a clean repository pass', async () => {
    const root = repository({
      'packages/testing/src/index.ts': `import type { ERROR_CODES } from 'pgherd';\nexport type X = typeof ERROR_CODES;\n`,
      'packages/cli/src/index.ts': `export { first } from 'pgherd/dsn';\n`,
    });
    expect(await checkLayers(root)).toEqual([]);
  });

  test.each(MISTAKES)('object to $name', async ({ files, rule, file }) => {
    const findings = await checkLayers(repository(files));
    expect(findings).toContainEqual(
      expect.objectContaining({ file, message: expect.stringContaining(rule) }),
    );
  });

  test('object to an upward import of each folder', async () => {
    for (const planted of [UPWARD, FAR_UPWARD]) {
      const targets = RANKED.map(({ folder }) => [
        `${SRC}/${folder}/target.ts`,
        'export const target = 1;\n',
      ]);
      const imports = planted.map(({ folder, target }) => [
        `${SRC}/${folder}/up.ts`,
        `export * as up from '../${target}';\n`,
      ]);
      const findings = await checkLayers(repository(Object.fromEntries([...targets, ...imports])));
      const found = findings.flatMap(({ file, message }) => {
        const rule = /\(layer:([\w-]+):/.exec(message)?.[1];
        return rule === undefined ? [] : [`${rule}: ${file}`];
      });
      const expected = planted.map(({ folder }) => `${folder}: ${SRC}/${folder}/up.ts`);
      expect(found.sort()).toEqual(expected.sort());
    }
  });

  test('rank no folder twice', () => {
    const folders = RANKED.map(({ folder }) => folder);
    expect(folders).toEqual([...new Set(folders)]);
  });

  test('as a command, fail with the place and the rule', () => {
    const [upward] = MISTAKES;
    const root = repository(upward?.files);
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', join(REPOSITORY, 'tools/layers.ts'), root],
      {
        cwd: REPOSITORY,
        encoding: 'utf8',
      },
    );
    expect(stderr).toContain(
      'packages/pgherd/src/model/up.ts  imports packages/pgherd/src/dsn/dsn.ts (layer:model',
    );
    expect(status).toBe(1);
  });
});

describe('the closure of a folder', () => {
  const files: Files = {
    [`${SRC}/lanes/lane.ts`]: `import type { A } from '../node/a.ts';\nexport { b } from '../node/b.ts';\nexport type Lane = A;\n`,
    [`${SRC}/lanes/alone.ts`]: `export const note = "import '../node/unread.ts'";\n`,
    [`${SRC}/node/a.ts`]: `import { c } from './c.ts';\nexport type A = typeof c | Awaited<ReturnType<typeof later>>;\nconst later = () => import('./d.ts');\n`,
    [`${SRC}/node/b.ts`]: `export const b = 1;\n`,
    [`${SRC}/node/c.ts`]: `export type D = import('./e.ts').E;\nexport const c = 1;\n`,
    [`${SRC}/node/d.ts`]: `export const d = 1;\n`,
    [`${SRC}/node/e.ts`]: `export type E = 1;\n`,
    [`${SRC}/node/unread.ts`]: `export const unread = 1;\n`,
  };

  test('may be as large as its budget', () => {
    expect(checkClosures(repository(files), { lanes: 7 })).toEqual([]);
  });

  test('is objected to if an import, of types too and however far away, makes it larger', () => {
    expect(checkClosures(repository(files), { lanes: 6 })).toEqual([
      {
        file: `${SRC}/lanes`,
        message:
          'is read with 7 modules, the limit is 6: let it see small interfaces of its own instead of node (5).',
      },
    ]);
  });

  test('of a folder that is gone has no budget', () => {
    expect(checkClosures(repository(files), { left: 6 })).toEqual([
      { file: `${SRC}/left`, message: 'has a budget in tools/closure.ts, but no modules.' },
    ]);
  });
});
