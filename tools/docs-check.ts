import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkArchitecture } from './docs/architecture.ts';
import { checkCopies, checkExamplesOfDocs } from './docs/blocks.ts';
import { checkErrorCodes } from './docs/errors.ts';
import { checkFigures } from './docs/figures.ts';
import { checkLinks, checkScripts } from './docs/markdown.ts';
import { checkChannels, checkReference, writeReference } from './docs/reference.ts';
import { checkTsdoc } from './docs/tsdoc.ts';
import { type Finding, isMain, runAsCommand } from './lib/findings.ts';
import { readManifest } from './lib/packages.ts';

/** What the documents tell people to run exists. */
export function checkNamedScripts(root: string): Finding[] {
  const manifest = join(root, 'package.json');
  return checkScripts(root, existsSync(manifest) ? (readManifest(manifest).scripts ?? {}) : {});
}

/** The documents say of the code what is true of it. */
export const DOCS_CHECKS = {
  'error codes': checkErrorCodes,
  architecture: checkArchitecture,
  links: checkLinks,
  scripts: checkNamedScripts,
  figures: checkFigures,
  'doc comments': checkTsdoc,
  'pages made of the sources': checkReference,
  channels: checkChannels,
  examples: checkExamplesOfDocs,
  'copies of examples': checkCopies,
};

if (isMain(import.meta.url)) {
  await runAsCommand(process.argv.includes('--write') ? { 'docs:reference': writeReference } : DOCS_CHECKS);
}
