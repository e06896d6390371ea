import { existsSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import ts from 'typescript';
import type { Finding } from '../lib/findings.ts';
import { type PublicEntry, publicEntries } from '../lib/packages.ts';

/** Every symbol that a user can import has a doc comment where it is declared. */
export function checkTsdoc(root: string): Finding[] {
  const entries = publicEntries(root);
  const present = entries.filter(({ source }) => existsSync(join(root, source)));
  const missing = entries
    .filter((entry) => !present.includes(entry))
    .map(({ source, specifier }) => ({ file: source, message: `is missing, the source of '${specifier}'.` }));
  const program = namesIn(root, present);
  const undocumented = new Map<string, Finding>();
  for (const { source, specifier } of present) {
    for (const { name, declaration } of undocumentedExports(program, join(root, source))) {
      const { file, line } = placeOf(root, declaration);
      const message = `${name}, exported from '${specifier}', has no doc comment.`;
      undocumented.set(`${file}:${line}:${name}`, { file, line, message });
    }
  }
  return [...missing, ...undocumented.values()];
}

/** A program in which only names are resolved, so that neither the standard library nor anybody's types are loaded. */
export function namesIn(root: string, entries: readonly PublicEntry[]): ts.Program {
  return ts.createProgram(
    entries.map(({ source }) => join(root, source)),
    {
      noLib: true,
      types: [],
      noEmit: true,
      allowImportingTsExtensions: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      jsx: ts.JsxEmit.ReactJSX,
    },
  );
}

/** What a file exports, each under its name there, with the symbol that it stands for. */
export function exportsOf(program: ts.Program, file: string): { name: string; symbol: ts.Symbol }[] {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const module = source === undefined ? undefined : checker.getSymbolAtLocation(source);
  if (module === undefined) return [];
  return checker.getExportsOfModule(module).map((exported) => ({
    name: exported.name,
    symbol: exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported,
  }));
}

function undocumentedExports(program: ts.Program, entry: string): { name: string; declaration: ts.Node }[] {
  return exportsOf(program, entry).flatMap(({ name, symbol }) => {
    const [declaration] = symbol.declarations ?? [];
    // What another package declares, it also documents.
    if (declaration === undefined || declaration.getSourceFile().fileName.includes('/node_modules/'))
      return [];
    if (symbol.getDocumentationComment(program.getTypeChecker()).length > 0) return [];
    return [{ name, declaration }];
  });
}

function placeOf(root: string, node: ts.Node): { file: string; line: number } {
  const source = node.getSourceFile();
  const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
  return { file: relative(root, source.fileName).split(sep).join('/'), line: line + 1 };
}
