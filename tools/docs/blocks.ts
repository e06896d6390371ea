import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import type { Finding } from '../lib/findings.ts';
import { filesBelow } from '../lib/sources.ts';

/** One example of a page, as a module of its own. */
export interface CodeBlock {
  /** The page, from the root. */
  readonly page: string;
  /** Line of the page on which the code begins. */
  readonly line: number;
  readonly code: string;
  /** The file that has the same text, from the root: the comment before the block names it. */
  readonly copyOf: string | undefined;
  /** What the page takes for given: lines such as `declare const db: import('pgherd').Cluster;`. */
  readonly given: readonly string[];
}

/** A page whose examples are compiled has this comment; what stands in it is given to each of them. */
const MARKER = /^<!-- compiled(?: with:\n([^>]*))? ?-->$/m;
/** Stands on the line before a block. */
const COPY = /^<!-- copy of (\S+) -->$/;
const NAME_GIVEN = /^declare (?:const|function|class) (\w+)/;

/** The `ts` examples of every page that says that they are compiled. */
export function blocksOf(root: string): CodeBlock[] {
  return filesBelow(root, '.', ['.md']).flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8');
    const marker = MARKER.exec(text);
    if (marker === null) return [];
    const given = (marker[1] ?? '').split('\n').filter((line) => line.startsWith('declare '));
    return fencesOf(text).map((fence) => ({ page, given, ...fence }));
  });
}

function fencesOf(text: string): Omit<CodeBlock, 'page' | 'given'>[] {
  const found: Omit<CodeBlock, 'page' | 'given'>[] = [];
  let current: { line: number; lines: string[] } | undefined;
  const all = text.split('\n');
  all.forEach((line, index) => {
    if (current === undefined) {
      if (line === '```ts') current = { line: index + 2, lines: [] };
    } else if (line === '```') {
      const copyOf = COPY.exec(all[current.line - 3] ?? '')?.[1];
      found.push({ line: current.line, code: current.lines.join('\n'), copyOf });
      current = undefined;
    } else current.lines.push(line);
  });
  return found;
}

/** Packages that a block imports, but for those that begin with a dot. */
function importsOf(block: CodeBlock): string[] {
  return ts.preProcessFile(textOf(block)).importedFiles.map(({ fileName }) => fileName);
}

/** Where examples are compiled, and which of them. */
export interface Place {
  /** Folder, from the root, whose `node_modules` they find; its `tsconfig.json` is not read. */
  readonly folder: string;
  /** Conditions of `exports` besides the usual ones. */
  readonly conditions: readonly string[];
}

/** A folder that lacks a package leaves the blocks that need it to another. */
export function isAtHome(root: string, block: CodeBlock, folder: string): boolean {
  return importsOf(block).every((name) => {
    if (name.startsWith('.') || name.startsWith('node:')) return true;
    const parts = name.split('/');
    const packageName = name.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? name);
    return existsSync(join(root, folder, 'node_modules', packageName));
  });
}

/** Compiles examples as strict TypeScript, and says on which line of which page one is wrong. */
export function compileBlocks(root: string, blocks: readonly CodeBlock[], place: Place): Finding[] {
  if (blocks.length === 0) return [];
  const modules = new Map(
    blocks.map((block, index) => [
      // The copy of a file imports what stands beside that file.
      join(
        root,
        block.copyOf === undefined ? place.folder : dirname(block.copyOf),
        `example-of-docs-${index}.ts`,
      ),
      block,
    ]),
  );
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    esModuleInterop: true,
    experimentalDecorators: true,
    allowImportingTsExtensions: true,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    moduleDetection: ts.ModuleDetectionKind.Force,
    jsx: ts.JsxEmit.ReactJSX,
    types: ['node'],
    typeRoots: [join(root, place.folder, 'node_modules/@types')],
    customConditions: [...place.conditions],
  };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (file) => modules.has(file) || fileExists(file);
  host.readFile = (file) => {
    const block = modules.get(file);
    return block === undefined ? readFile(file) : textOf(block);
  };
  host.getSourceFile = (file, version, ...rest) => {
    const block = modules.get(file);
    return block === undefined
      ? getSourceFile(file, version, ...rest)
      : ts.createSourceFile(file, textOf(block), version, true);
  };
  const program = ts.createProgram([...modules.keys()], options, host);
  return [...modules].flatMap(([file, block]) => findingsOf(program, file, block));
}

/** The example, behind one line with what is given to it: what it names and does not declare itself. */
function textOf({ code, given }: CodeBlock): string {
  const own = declaredIn(code);
  const words = new Set(code.match(/\w+/g));
  const lines = given.filter((line) => {
    const name = NAME_GIVEN.exec(line)?.[1] ?? '';
    return words.has(name) && !own.has(name);
  });
  return `${lines.join(' ')}\n${code}\nexport {};\n`;
}

function declaredIn(code: string): Set<string> {
  const names = new Set<string>();
  const add = (name: ts.BindingName): void => {
    if (ts.isIdentifier(name)) names.add(name.text);
    else for (const one of name.elements) if (ts.isBindingElement(one)) add(one.name);
  };
  for (const statement of ts.createSourceFile('block.ts', code, ts.ScriptTarget.ES2022, true).statements) {
    if (ts.isVariableStatement(statement)) {
      for (const one of statement.declarationList.declarations) add(one.name);
    } else if (ts.isImportDeclaration(statement)) {
      const { name, namedBindings } = statement.importClause ?? {};
      if (name) names.add(name.text);
      if (namedBindings && ts.isNamespaceImport(namedBindings)) names.add(namedBindings.name.text);
      if (namedBindings && ts.isNamedImports(namedBindings))
        for (const one of namedBindings.elements) names.add(one.name.text);
    } else if ((ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) && statement.name) {
      names.add(statement.name.text);
    }
  }
  return names;
}

function findingsOf(program: ts.Program, file: string, block: CodeBlock): Finding[] {
  const source = program.getSourceFile(file);
  if (source === undefined) return [{ file: block.page, line: block.line, message: 'cannot be compiled.' }];
  const all = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  return all.map(({ start = 0, messageText }) => ({
    file: block.page,
    line: block.line + source.getLineAndCharacterOfPosition(start).line - 1,
    message: `the example does not compile: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
  }));
}

/** A block that says that it is the copy of a file, which is run somewhere, has the text of that file. */
export function checkCopies(root: string): Finding[] {
  return blocksOf(root).flatMap(({ page, line, code, copyOf }) => {
    if (copyOf === undefined) return [];
    const file = join(root, copyOf);
    const same = existsSync(file) && readFileSync(file, 'utf8').trimEnd() === code.trimEnd();
    return same ? [] : [{ file: page, line, message: `the example is not the text of ${copyOf}.` }];
  });
}

/** The examples of the documents, as far as their packages are those of the repository itself; `npm run examples` compiles the others. */
export function checkExamplesOfDocs(root: string): Finding[] {
  const blocks = blocksOf(root).filter((block) => isAtHome(root, block, '.'));
  return compileBlocks(root, blocks, { folder: '.', conditions: ['@pgherd/source'] });
}

/** What remains for the folder of the libraries: {@link checkExamplesOfDocs} does not find all packages of these. */
export function blocksForLibraries(root: string): CodeBlock[] {
  return blocksOf(root).filter((block) => !isAtHome(root, block, '.'));
}
