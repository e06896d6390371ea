import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** Root of this repository. */
export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

/** Paths and texts of a small repository. */
export type Files = Readonly<Record<string, string>>;

const manifest = {
  name: 'pgherd',
  version: '0.0.0',
  license: 'MIT',
  type: 'module',
  engines: { node: '>=20.19' },
  sideEffects: false,
  files: ['dist', 'src', '!dist/.tsbuildinfo'],
  exports: {
    '.': { '@pgherd/source': './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' },
    './dsn': {
      '@pgherd/source': './src/dsn/dsn.ts',
      types: './dist/dsn/dsn.d.ts',
      default: './dist/dsn/dsn.js',
    },
    './package.json': './package.json',
  },
};

const ERRORS = `/** Codes. */
export const ERROR_CODES = Object.freeze(['PGHERD_CLOSED', 'PGHERD_TIMEOUT'] as const);
`;

const ARCHITECTURE = `# Architecture

| folder | owns | does not own |
| --- | --- | --- |
| \`model\` | words | deeds |
| \`time\` | the clock | what it is for |
| \`dsn\` | the parser | connections |
| \`integrations\` | adapters | decisions |
`;

const EXPORTS = `# Exports

<!-- made of the sources by npm run docs:reference -->

Everything that can be imported, by entry. The editor shows the whole comment of each name; the signatures are behind the links.

## \`pgherd\`

| name | | |
| --- | --- | --- |
| \`ERROR_CODES\` | constant | Codes. |

## \`pgherd/dsn\`

| name | | |
| --- | --- | --- |
| \`first\` | constant | The first code. |
| \`later\` | constant | A point in time that was given, and a timer that is only called one. |
`;

/** A repository to which no check objects, in the form of ours: two entries, four folders, an integration with a peer. */
export const CLEAN: Files = {
  'package.json': JSON.stringify({
    name: 'workspace',
    private: true,
    scripts: { test: 'true', check: 'true', 'docs:reference': 'true' },
  }),
  'README.md':
    '# Herd\n\nRun `npm run check`, then `npm test`. See [errors](docs/errors.md#pgherd_closed).\n',
  'ARCHITECTURE.md': ARCHITECTURE,
  'docs/errors.md': '# Errors\n\n## `PGHERD_CLOSED`\n\nOpen.\n\n## `PGHERD_TIMEOUT`\n\nWait.\n',
  'docs/exports.md': EXPORTS,
  'packages/pgherd/package.json': JSON.stringify(manifest),
  'packages/pgherd/README.md': '# pgherd\n',
  'packages/pgherd/LICENSE': 'MIT\n',
  'packages/pgherd/src/index.ts': `export { ERROR_CODES } from './model/errors.ts';\n`,
  'packages/pgherd/src/model/errors.ts': ERRORS,
  'packages/pgherd/src/time/system.ts': `import { performance } from 'node:perf_hooks';
export const now = (): number => performance.now() + Date.now() * 0 + Math.random();
`,
  'packages/pgherd/src/dsn/dsn.ts': `import { ERROR_CODES } from '../model/errors.ts';
/** The first code. */
export const first = ERROR_CODES[0];
/** A point in time that was given, and a timer that is only called one. */
export const later = (clock: { setTimeout(): Date }): Date => new Date(clock.setTimeout().getTime());
`,
  'packages/pgherd/src/integrations/pg.ts': `import type { Pool } from 'pg';\nexport type Native = Pool;\n`,
  'packages/pgherd/dist/index.d.ts': `export declare const ERROR_CODES: readonly string[];\n`,
  'packages/pgherd/dist/index.js': 'export const ERROR_CODES = [];\n',
  'packages/pgherd/dist/dsn/dsn.d.ts': `import { ERROR_CODES } from '../index.ts';
export declare const first: (typeof ERROR_CODES)[0];
`,
  'packages/pgherd/dist/dsn/dsn.js': `export { ERROR_CODES as first } from '../index.js';\n`,
};

/** Writes {@link CLEAN} with `changes` on top into a temporary directory that goes with the test, and returns its path. */
export function repository(changes: Files = {}): string {
  const root = mkdtempSync(join(tmpdir(), 'pgherd-tools-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  write(root, { ...CLEAN, ...changes });
  mkdirSync(join(root, 'node_modules/@types'), { recursive: true });
  symlinkSync('../packages/pgherd', join(root, 'node_modules/pgherd'));
  for (const name of ['pg', '@types/pg', '@types/node']) {
    symlinkSync(join(REPOSITORY, 'node_modules', name), join(root, 'node_modules', name));
  }
  return root;
}

/** Writes files below `root`, with the folders they need. */
export function write(root: string, files: Files): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}
