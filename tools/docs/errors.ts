import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import type { Finding } from '../lib/findings.ts';
import { parseSource, walk } from '../lib/sources.ts';
import { headingsOf } from './markdown.ts';

const CODES = 'packages/pgherd/src/model/errors.ts';
const PAGE = 'docs/errors.md';

/** Every error code has its heading in `docs/errors.md`, in the same order, and no heading is for a code that is gone. */
export function checkErrorCodes(root: string): Finding[] {
  if (!existsSync(join(root, PAGE)))
    return [{ file: PAGE, message: `is missing: it lists the codes of ${CODES}.` }];
  const codes = codesIn(root);
  if (codes.length === 0)
    return [{ file: CODES, message: 'has no array ERROR_CODES to hold docs/errors.md against.' }];
  const headings = headingsOf(readFileSync(join(root, PAGE), 'utf8')).flatMap(({ text, line }) => {
    const code = /^`?(PGHERD_[A-Z0-9_]+)`?$/.exec(text)?.[1];
    return code === undefined ? [] : [{ code, line }];
  });
  const documented = headings.map(({ code }) => code);
  const found: Finding[] = codes
    .filter((code) => !documented.includes(code))
    .map((code) => ({
      file: PAGE,
      message: `has no heading for ${code}: say when it is thrown and what to do.`,
    }));
  headings.forEach(({ code, line }, index) => {
    if (!codes.includes(code)) found.push({ file: PAGE, line, message: `${code} is not in ERROR_CODES.` });
    if (documented.indexOf(code) < index)
      found.push({ file: PAGE, line, message: `${code} has two headings.` });
  });
  if (found.length === 0 && documented.join() !== codes.join()) {
    found.push({ file: PAGE, message: 'lists the codes in another order than ERROR_CODES.' });
  }
  return found;
}

function codesIn(root: string): string[] {
  if (!existsSync(join(root, CODES))) return [];
  const codes: string[] = [];
  walk(parseSource(root, CODES).tree, (node) => {
    if (!ts.isVariableDeclaration(node) || node.name.getText() !== 'ERROR_CODES') return;
    walk(node, (below) => {
      if (ts.isStringLiteral(below)) codes.push(below.text);
    });
  });
  return codes;
}
