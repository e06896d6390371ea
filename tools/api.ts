import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  CompilerState,
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  type ExtractorMessage,
  type IConfigFile,
} from '@microsoft/api-extractor';
import { type Finding, formatFinding, isMain, rootArgument, runAsCommand } from './lib/findings.ts';
import { type PublicEntry, publicEntries } from './lib/packages.ts';

/** Where the accepted reports are kept, and where a run writes the current ones (ignored by git). */
const ACCEPTED = 'docs/api';
const CURRENT = 'temp/api';

const REMEDY = 'When the change is meant, run `npm run api:accept` and name it in CHANGELOG.md.';

/** `@pgherd/testing` → `@pgherd.testing.api.md`; two entries never share a name. */
export function reportName(specifier: string): string {
  return `${specifier.replaceAll('/', '.')}.api.md`;
}

/** Compares what the built packages export with the reports in `docs/api`. Build first. */
export function checkApi(root: string): Finding[] {
  const entries = publicEntries(root);
  const missing = entries.filter(({ types }) => !existsSync(join(root, types)));
  const present = entries.filter((entry) => !missing.includes(entry));
  const errors = writeReports(root, present);
  return [
    ...missing.map(({ specifier, types }) => ({
      file: types,
      message: `is missing, so that '${specifier}' has no types: build first, or take it out of \`exports\`.`,
    })),
    ...errors,
    ...present.flatMap((entry) => compare(root, reportName(entry.specifier))),
    ...staleReports(root, entries),
  ];
}

/** Takes what the built packages export as the accepted state and drops reports of entries that are gone. */
export function acceptApi(root: string): Finding[] {
  const entries = publicEntries(root).filter(({ types }) => existsSync(join(root, types)));
  const errors = writeReports(root, entries);
  mkdirSync(join(root, ACCEPTED), { recursive: true });
  for (const { specifier } of entries) {
    copyFileSync(join(root, CURRENT, reportName(specifier)), join(root, ACCEPTED, reportName(specifier)));
  }
  for (const { file } of staleReports(root, publicEntries(root))) rmSync(join(root, file));
  return errors;
}

function compare(root: string, name: string): Finding[] {
  const accepted = `${ACCEPTED}/${name}`;
  const current = `${CURRENT}/${name}`;
  if (!existsSync(join(root, accepted)))
    return [{ file: accepted, message: `does not exist yet. ${REMEDY}` }];
  const diff = spawnSync('git', ['diff', '--no-index', '--no-color', accepted, current], {
    cwd: root,
    encoding: 'utf8',
  });
  if (diff.status === 0) return [];
  const lines = `${diff.stdout}${diff.stderr}`.split('\n').slice(2).join('\n');
  return [{ file: accepted, message: `differs from what is built. ${REMEDY}\n${lines}` }];
}

function staleReports(root: string, entries: readonly PublicEntry[]): Finding[] {
  const known = new Set(entries.map(({ specifier }) => reportName(specifier)));
  const folder = join(root, ACCEPTED);
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.api.md')) : [];
  return names
    .filter((name) => !known.has(name))
    .map((name) => ({
      file: `${ACCEPTED}/${name}`,
      message: `belongs to no entry of any package. ${REMEDY}`,
    }));
}

/** Writes a report for each entry; what api-extractor calls an error is returned. */
function writeReports(root: string, entries: readonly PublicEntry[]): Finding[] {
  for (const folder of [ACCEPTED, CURRENT]) mkdirSync(join(root, folder), { recursive: true });
  const configs = entries.map((entry) => ({ entry, config: extractorConfig(root, entry) }));
  const [first] = configs;
  if (first === undefined) return [];
  // One compiler for all entries: parsing the libraries is most of the cost.
  const compilerState = CompilerState.create(first.config, {
    additionalEntryPoints: entries.map(({ types }) => join(root, types)),
  });
  const found: Finding[] = [];
  for (const { entry, config } of configs) {
    const messageCallback = (message: ExtractorMessage): void => {
      message.handled = true;
      if (message.logLevel === ExtractorLogLevel.Error)
        found.push({ file: entry.types, message: message.text });
    };
    Extractor.invoke(config, { localBuild: false, compilerState, messageCallback });
    dropLineNumbers(join(root, CURRENT, reportName(entry.specifier)));
  }
  return found;
}

/** `// src/cluster.ts:39:5 - (…)` would change with every line above it. */
function dropLineNumbers(report: string): void {
  const text = readFileSync(report, 'utf8');
  writeFileSync(report, text.replace(/^(\/\/ \S+\.[cm]?tsx?):\d+:\d+ - /gm, '$1 - '));
}

function extractorConfig(root: string, entry: PublicEntry): ExtractorConfig {
  const packageFolder = join(root, entry.folder);
  const configObject = {
    projectFolder: packageFolder,
    mainEntryPointFilePath: join(root, entry.types),
    newlineKind: 'lf',
    compiler: { overrideTsconfig: compilerOptions },
    apiReport: {
      enabled: true,
      reportFileName: reportName(entry.specifier),
      reportFolder: join(root, ACCEPTED),
      reportTempFolder: join(root, CURRENT),
    },
    docModel: { enabled: false },
    dtsRollup: { enabled: false },
    tsdocMetadata: { enabled: false },
    messages: {
      compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
      extractorMessageReporting: {
        default: { logLevel: ExtractorLogLevel.None },
        // A type that users can see but not name: kept in the report, where a review meets it.
        'ae-forgotten-export': { logLevel: ExtractorLogLevel.Warning, addToApiReportFile: true },
      },
      tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
    },
  } satisfies IConfigFile;
  return ExtractorConfig.prepare({
    configObject,
    configObjectFullPath: undefined,
    packageJsonFullPath: join(packageFolder, 'package.json'),
  });
}

/** As a user's compiler would see the built packages: without our source condition. */
const compilerOptions = {
  compilerOptions: {
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable'],
    module: 'nodenext',
    moduleResolution: 'nodenext',
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    noEmit: true,
  },
};

if (isMain(import.meta.url)) {
  if (process.argv.includes('--accept')) {
    const findings = acceptApi(rootArgument());
    for (const finding of findings) console.error(formatFinding(finding));
    process.exitCode = findings.length === 0 ? 0 : 1;
  } else {
    await runAsCommand({ api: checkApi });
  }
}
