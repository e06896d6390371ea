/**
 * Who may import whom. `npm run layers` runs this; `tools/layers.ts` adds what an import graph cannot tell.
 *
 * A folder of `packages/pgherd/src` imports only from the ranks above its own in {@link RANKS}; folders of one rank do
 * not import each other. A new folder gets its place here, and its row in ARCHITECTURE.md, before its first file.
 */
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const RANKS = [
  ['model'],
  ['time'],
  ['channels', 'floors'],
  ['connection', 'dsn', 'sql', 'topology'],
  ['auto-route', 'discovery', 'names', 'pool', 'rest', 'retry', 'routing'],
  ['observe', 'wire'],
  ['call', 'login', 'monitor', 'pooler', 'trial'],
  ['options'],
  ['dial'],
  ['node'],
  ['herd'],
  ['causal', 'recovery', 'tracing'],
  ['lanes'],
  ['hedging'],
  ['engine'],
  ['query'],
  ['listen', 'transaction'],
  ['cluster'],
  ['guests', 'http', 'telemetry'],
  ['node-postgres'],
  ['integrations'],
];

/** Folders that see less than their rank would allow: the pool is generic in its resource and knows no PostgreSQL. */
const NARROWER = { pool: ['time'] };

/** What Node itself offers is closed to the folders that only describe and decide. */
const WITHOUT_NODE = [
  'model',
  'auto-route',
  'floors',
  'connection',
  'dsn',
  'routing',
  'retry',
  'sql',
  'topology',
];

const SRC = '^packages/pgherd/src/';
const either = (names) => `(${names.join('|')})`;

const layerRules = RANKS.flatMap((rank, index) =>
  rank.map((folder) => {
    const above = NARROWER[folder] ?? RANKS.slice(0, index).flat();
    return {
      name: `layer:${folder}`,
      comment: `${folder} may import ${above.length === 0 ? 'no other folder' : above.join(', ')}.`,
      severity: 'error',
      from: { path: `${SRC}${folder}/` },
      to: { path: SRC, pathNot: `${SRC}${either([folder, ...above])}/` },
    };
  }),
);

const manifest = JSON.parse(readFileSync(join(__dirname, 'packages/pgherd/package.json'), 'utf8'));
const dependencies = Object.keys(manifest.dependencies ?? {});
const peers = Object.keys(manifest.peerDependencies ?? {});

/** @type {import('dependency-cruiser').IConfiguration} */
const configuration = {
  forbidden: [
    ...layerRules,
    {
      name: 'no-cycle',
      comment: 'Modules that need each other, also for types only, are one module or need a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-node-in-pure-folders',
      comment: `${WITHOUT_NODE.join(', ')} import nothing of Node's.`,
      severity: 'error',
      from: { path: `${SRC}${either(WITHOUT_NODE)}/` },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-node-in-time',
      comment: 'Only time/system.ts touches the real clock, timers and dice.',
      severity: 'error',
      from: { path: `${SRC}time/`, pathNot: `${SRC}time/system\\.ts$` },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-dependencies',
      comment:
        'Only wire/types.ts imports the one runtime dependency, and only integrations know optional peers; no other package of this workspace.',
      severity: 'error',
      from: { path: SRC, pathNot: [`${SRC}integrations/`, `${SRC}wire/types\\.ts$`] },
      to: { pathNot: SRC, dependencyTypesNot: ['core'] },
    },
    {
      name: 'only-the-dependency',
      comment:
        'wire/types.ts imports what packages/pgherd/package.json names under dependencies, nothing else.',
      severity: 'error',
      from: { path: `${SRC}wire/types\\.ts$` },
      to: { pathNot: [SRC, `(^|/)node_modules/(@types/)?${either(dependencies)}/`] },
    },
    {
      name: 'only-optional-peers',
      comment: 'Integrations import the optional peers named in packages/pgherd/package.json, nothing else.',
      severity: 'error',
      from: { path: `${SRC}integrations/` },
      to: {
        pathNot: [SRC, `(^|/)node_modules/(@types/)?${either(peers)}/`],
        dependencyTypesNot: ['core'],
      },
    },
    {
      name: 'testing-takes-types-only',
      comment:
        '@pgherd/testing can test any client: it knows pgherd by `import type` only, and no other package of ours.',
      severity: 'error',
      from: { path: '^packages/testing/src/' },
      to: { path: '^(packages/pgherd/|pgherd(/|$))', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'testing-does-not-know-cli',
      comment: 'The command line stands above the test helper.',
      severity: 'error',
      from: { path: '^packages/testing/src/' },
      to: { path: '^(packages/cli/|@pgherd/cli)' },
    },
    {
      name: 'dashboard-does-not-know-cli',
      comment: 'The dashboard stands on pgherd alone, so that an application can mount it.',
      severity: 'error',
      from: { path: '^packages/dashboard/src/' },
      to: { path: '^(packages/(cli|testing)/|@pgherd/(cli|testing))' },
    },
    {
      name: 'page-is-for-browsers',
      comment: 'The page imports its own modules and uPlot; of all else, types only.',
      severity: 'error',
      from: { path: '^packages/dashboard/src/page/' },
      to: {
        pathNot: ['^packages/dashboard/src/page/', '(^|/)node_modules/uplot/'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'server-does-not-load-the-page',
      comment: 'The page runs in a browser; the server has its text as `#page`, which tools/page.ts makes.',
      severity: 'error',
      from: { path: '^packages/dashboard/src/(?!page/)' },
      to: { path: '^packages/dashboard/src/page/' },
    },
    {
      name: 'sources-stay-in-packages',
      comment: 'What is published does not import tests, benchmarks, tools or the integration suite.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { path: '^(packages/[^/]+/test/|integration/|bench/|tools/)' },
    },
    {
      name: 'no-relative-path-into-another-package',
      comment: 'Another package is imported by its name, so that only what it exports can be reached.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src/' },
      to: { path: '^packages/', pathNot: '^packages/$1/', dependencyTypes: ['local'] },
    },
    {
      name: 'no-relative-path-into-a-package',
      comment:
        "Integration tests and benchmarks import a package by its name: what it exports, or what its entry 'internal' declares.",
      severity: 'error',
      from: { path: '^(integration|bench)/' },
      to: { path: '^packages/[^/]+/src/', dependencyTypes: ['local'] },
    },
    {
      name: 'resolvable',
      comment: 'Every import leads to a file.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: join(__dirname, 'tsconfig.base.json') },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@pgherd/source', 'import', 'node', 'types', 'default'],
      extensions: ['.ts', '.tsx', '.js', '.json', '.d.ts'],
    },
  },
};

module.exports = configuration;
// For the test of these rules; dependency-cruiser itself refuses a property that it does not know.
Object.defineProperty(module.exports, 'RANKS', { value: RANKS, enumerable: false });
