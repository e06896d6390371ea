import { fileURLToPath } from 'node:url';
import { cruise, type IReporterOutput } from 'dependency-cruiser';
import extractDepcruiseConfig from 'dependency-cruiser/config-utl/extract-depcruise-config';
import ts from 'typescript';
import { checkClosures } from './closure.ts';
import { type Finding, isMain, runAsCommand } from './lib/findings.ts';
import { foldersIn, isDirectory, lineOf, sourcesBelow, walk } from './lib/sources.ts';
import { checkPurity } from './purity.ts';

const CONFIG = fileURLToPath(new URL('../.dependency-cruiser.cjs', import.meta.url));
const LAYERED = 'packages/pgherd/src';

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: { readonly name: string };
  readonly cycle?: readonly { readonly name: string }[];
}

/** Holds the import graph below `root` against `.dependency-cruiser.cjs`. */
export async function checkLayers(root: string): Promise<Finding[]> {
  const config = await extractDepcruiseConfig(CONFIG);
  const { forbidden = [], options = {} } = config;
  const comments = new Map(forbidden.map(({ name = '', comment = '' }) => [name, comment]));
  const folders = ['packages', 'integration', 'bench', 'tools'].filter((name) =>
    isDirectory(`${root}/${name}`),
  );
  const report = await cruise(
    folders,
    { ...options, baseDir: root, validate: true, ruleSet: { forbidden } },
    options.enhancedResolveOptions,
  );
  const violations = violationsOf(report).map((violation) => ({
    file: violation.from,
    message: `${describeImport(violation)} (${violation.rule.name}: ${comments.get(violation.rule.name)})`,
  }));
  return [...violations, ...unknownFolders(root, [...comments.keys()]), ...hiddenImports(root)];
}

function violationsOf(report: IReporterOutput): readonly Violation[] {
  if (typeof report.output === 'string') throw new Error(report.output);
  return report.output.summary.violations;
}

function describeImport({ from, to, cycle }: Violation): string {
  if (cycle === undefined) return `imports ${to}`;
  return `is part of a cycle: ${[from, ...cycle.map(({ name }) => name)].join(' → ')}`;
}

/** A folder without a rank would be free to import anything. */
function unknownFolders(root: string, rules: readonly string[]): Finding[] {
  return foldersIn(root, LAYERED)
    .filter((folder) => !rules.includes(`layer:${folder}`))
    .map((folder) => ({ file: `${LAYERED}/${folder}`, message: 'has no rank in .dependency-cruiser.cjs.' }));
}

/** `import { type X } from 'pgherd'` keeps an import at run time, which the import graph takes for one of types. */
function hiddenImports(root: string): Finding[] {
  return sourcesBelow(root, 'packages/testing/src').flatMap((source) => {
    const found: Finding[] = [];
    walk(source.tree, (node) => {
      if (!ts.isImportDeclaration(node) || !ts.isStringLiteral(node.moduleSpecifier)) return;
      if (!/^pgherd(\/|$)/.test(node.moduleSpecifier.text)) return;
      const names = node.importClause?.namedBindings;
      if (names === undefined || !ts.isNamedImports(names) || node.importClause?.isTypeOnly) return;
      if (!names.elements.every((element) => element.isTypeOnly)) return;
      const message = 'loads pgherd at run time: write `import type`.';
      found.push({ file: source.file, line: lineOf(source, node), message });
    });
    return found;
  });
}

if (isMain(import.meta.url)) {
  await runAsCommand({
    layers: checkLayers,
    closure: (root) => checkClosures(root),
    purity: checkPurity,
  });
}
