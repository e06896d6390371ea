import { checkSync, type Parameters } from 'recheck';
import ts from 'typescript';
import { type Finding, isMain, runAsCommand } from './lib/findings.ts';
import { lineOf, sourcesBelow, walk } from './lib/sources.ts';

/** The code that matches texts of servers, networks and users. */
const ROOTS = [
  'packages/pgherd/src',
  'packages/testing/src',
  'packages/dashboard/src',
  'packages/cli/src',
] as const;

/**
 * Finds regular expressions that may take more than linear time: a stranger's text could then occupy the event
 * loop. A pattern that is made at run time cannot be looked at, and is found as well.
 */
export function checkPatterns(root: string): Finding[] {
  return ROOTS.flatMap((folder) => sourcesBelow(root, folder)).flatMap((source) => {
    const found: Finding[] = [];
    walk(source.tree, (node) => {
      const message = isMadeAtRunTime(node) ? MADE_AT_RUN_TIME : slowness(node);
      if (message !== undefined) found.push({ file: source.file, line: lineOf(source, node), message });
    });
    return found;
  });
}

// The other backends start a process of their own.
process.env['RECHECK_BACKEND'] = 'pure';

/** The check of one pattern may take so long, milliseconds; usual are 10. */
const LIMITS: Parameters = { timeout: 60_000 };

const MADE_AT_RUN_TIME =
  'makes a regular expression at run time, which cannot be checked: write a literal, or compare strings.';

function isMadeAtRunTime(node: ts.Node): boolean {
  if (!ts.isNewExpression(node) && !ts.isCallExpression(node)) return false;
  return ts.isIdentifier(node.expression) && node.expression.text === 'RegExp';
}

/** Why a literal may be slow; `undefined` for a linear one, and for any other node. */
function slowness(node: ts.Node): string | undefined {
  if (!ts.isRegularExpressionLiteral(node)) return undefined;
  const end = node.text.lastIndexOf('/');
  const result = checkSync(node.text.slice(1, end), node.text.slice(end + 1), LIMITS);
  switch (result.status) {
    case 'safe':
      return undefined;
    case 'vulnerable':
      return `${node.text} takes ${result.complexity.summary} time, for example for ${result.attack.pattern}: anchor it, let no two repetitions match the same characters, or compare strings.`;
    default:
      return `${node.text} cannot be checked (${result.error.kind}): make it simpler.`;
  }
}

if (isMain(import.meta.url)) await runAsCommand({ patterns: checkPatterns });
