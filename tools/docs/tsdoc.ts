import { existsSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import ts from 'typescript';
import type { Finding } from '../lib/findings.ts';
import { publicEntries } from '../lib/packages.ts';

/** Every symbol that a user can import has a doc comment where it is declared. */
export function checkTsdoc(root: string): Finding[] {
  const entries = publicEntries(root);
  const present = entries.filter(({ source }) => existsSync(join(root, source)));
  const missing = entries
    .filter((entry) => !present.includes(entry))
    .map(({ source, specifier }) => ({ file: source, message: `is missing, the source of '${specifier}'.` }));
  // Only names are resolved, so neither the standard library nor anybody's types are loaded.
  const program = ts.createProgram(
    present.map(({ source }) => join(root, source)),
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

function undocumentedExports(program: ts.Program, entry: string): { name: string; declaration: ts.Node }[] {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(entry);
  const module = source === undefined ? undefined : checker.getSymbolAtLocation(source);
  if (module === undefined) return [];
  return checker.getExportsOfModule(module).flatMap((exported) => {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    const [declaration] = symbol.declarations ?? [];
    // What another package declares, it also documents.
    if (declaration === undefined || declaration.getSourceFile().fileName.includes('/node_modules/'))
      return [];
    if (symbol.getDocumentationComment(checker).length > 0) return [];
    return [{ name: exported.name, declaration }];
  });
}

function placeOf(root: string, node: ts.Node): { file: string; line: number } {
  const source = node.getSourceFile();
  const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
  return { file: relative(root, source.fileName).split(sep).join('/'), line: line + 1 };
}
