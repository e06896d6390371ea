import ts from 'typescript';
import { type Finding, isMain, runAsCommand } from './lib/findings.ts';
import { lineOf, type Source, sourcesBelow, walk } from './lib/sources.ts';
import { DECIDING, PRIVILEGES, type Privilege, PURE_ROOT } from './purity.config.ts';

/** Something found in a file, and the privilege that would allow it; without one nothing does. */
interface Trespass {
  readonly node: ts.Node;
  readonly what: string;
  readonly needs?: Privilege;
}

const GLOBALS: Readonly<Record<string, Privilege>> = {
  setTimeout: 'timer',
  setInterval: 'timer',
  setImmediate: 'timer',
  performance: 'clock',
};

/** Globals of which only some members are touchy; a bare use (`const { now } = Date`) counts as all of them. */
const MEMBERS: Readonly<Record<string, { readonly needs: Privilege; readonly members: RegExp }>> = {
  Date: { needs: 'clock', members: /^now$/ },
  Math: { needs: 'dice', members: /^random$/ },
  crypto: { needs: 'dice', members: /^(random|getRandomValues)/ },
  process: { needs: 'clock', members: /^(hrtime|uptime)$/ },
  AbortSignal: { needs: 'timer', members: /^timeout$/ },
  Atomics: { needs: 'timer', members: /^wait/ },
};

const MODULES: readonly (readonly [RegExp, Privilege])[] = [
  [/^(node:)?timers(\/|$)/, 'timer'],
  [/^(node:)?perf_hooks$/, 'clock'],
];

const REMEDY: Readonly<Record<Privilege, string>> = {
  clock: 'take `now` or a Clock (time/port.ts) as an argument',
  timer: 'take a Clock (time/port.ts) as an argument',
  dice: 'take a Random (time/port.ts) as an argument',
  environment: 'take the value as an argument; only login/surroundings.ts reads the environment',
};

/** Finds what in {@link PURE_ROOT} reads a clock, sets a timer, rolls dice or reads the environment by itself. */
export function checkPurity(root: string): Finding[] {
  return sourcesBelow(root, PURE_ROOT).flatMap((source) => {
    const inside = source.file.slice(PURE_ROOT.length + 1);
    const allowed = PRIVILEGES[inside] ?? [];
    const deciding = DECIDING.includes(inside.split('/')[0] ?? '');
    return trespasses(source, deciding)
      .filter(({ needs }) => needs === undefined || !allowed.includes(needs))
      .map(({ node, what, needs }) => ({
        file: source.file,
        line: lineOf(source, node),
        message: needs === undefined ? what : `${what}: ${REMEDY[needs]}.`,
      }));
  });
}

function trespasses(source: Source, deciding: boolean): Trespass[] {
  const found: Trespass[] = [];
  walk(source.tree, (node) => {
    const one = inImport(node) ?? inIdentifier(node) ?? (deciding ? inDecision(node) : undefined);
    if (one !== undefined) found.push(one);
  });
  return found;
}

function inImport(node: ts.Node): Trespass | undefined {
  if (!ts.isImportDeclaration(node) || !ts.isStringLiteral(node.moduleSpecifier)) return undefined;
  const from = node.moduleSpecifier.text;
  const module = MODULES.find(([pattern]) => pattern.test(from));
  if (module !== undefined) return { node, what: `imports ${from}`, needs: module[1] };
  if (!/^(node:)?(crypto|process)$/.test(from)) return undefined;
  const names = node.importClause?.namedBindings;
  if (names === undefined || !ts.isNamedImports(names)) {
    return { node, what: `imports all of ${from}; import the functions by name` };
  }
  const imported = names.elements.map((element) => (element.propertyName ?? element.name).text);
  if (imported.includes('env')) return { node, what: `imports env of ${from}`, needs: 'environment' };
  const clock = imported.find((name) => /^(hrtime|uptime)$/.test(name));
  if (clock !== undefined) return { node, what: `imports ${clock} of ${from}`, needs: 'clock' };
  const dice = imported.find((name) => /^(random|getRandomValues)/.test(name));
  return dice === undefined ? undefined : { node, what: `imports ${dice} of ${from}`, needs: 'dice' };
}

function inIdentifier(node: ts.Node): Trespass | undefined {
  if (!ts.isIdentifier(node) || !isReference(node)) return undefined;
  const name = node.text;
  const whole = GLOBALS[name];
  if (whole !== undefined) return { node, what: `uses ${name}`, needs: whole };
  if (name === 'process' && memberOf(node) === 'env') {
    return { node, what: 'uses process.env', needs: 'environment' };
  }
  const rule = MEMBERS[name];
  if (rule === undefined) return undefined;
  if (name === 'Date' && isCallOfDate(node))
    return { node, what: 'reads the clock with Date', needs: 'clock' };
  if (isHarmlessUse(node)) return undefined;
  const member = memberOf(node);
  if (member === undefined) return { node, what: `hands on ${name} as a whole`, needs: rule.needs };
  return rule.members.test(member) ? { node, what: `uses ${name}.${member}`, needs: rule.needs } : undefined;
}

function inDecision(node: ts.Node): Trespass | undefined {
  if (ts.isAwaitExpression(node) || node.kind === ts.SyntaxKind.AsyncKeyword) {
    return {
      node,
      what: 'waits: this folder decides, its callers act; move the waiting to monitor or cluster.',
    };
  }
  if (ts.isIdentifier(node) && node.text === 'console' && isReference(node)) {
    return { node, what: 'writes to the console: this folder decides and returns what it found.' };
  }
  return undefined;
}

/** `globalThis.x` counts as `x`; any other name after a dot, a key, and a name in a type do not. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) {
    return ts.isIdentifier(parent.expression) && parent.expression.text === 'globalThis';
  }
  if (ts.isPartOfTypeNode(node) || ts.isTypeQueryNode(parent) || ts.isQualifiedName(parent)) return false;
  const named = ts.isShorthandPropertyAssignment(parent) ? undefined : (parent as { name?: ts.Node }).name;
  return named !== node && (parent as { propertyName?: ts.Node }).propertyName !== node;
}

/** The expression that stands for the global: the identifier itself, or `globalThis.` and the identifier. */
function globalExpression(node: ts.Identifier): ts.Expression {
  return ts.isPropertyAccessExpression(node.parent) && node.parent.name === node ? node.parent : node;
}

function memberOf(node: ts.Identifier): string | undefined {
  const whole = globalExpression(node);
  const { parent } = whole;
  if (ts.isPropertyAccessExpression(parent) && parent.expression === whole) return parent.name.text;
  if (!ts.isElementAccessExpression(parent) || parent.expression !== whole) return undefined;
  return ts.isStringLiteral(parent.argumentExpression) ? parent.argumentExpression.text : undefined;
}

function isCallOfDate(node: ts.Identifier): boolean {
  const whole = globalExpression(node);
  const { parent } = whole;
  if (ts.isCallExpression(parent)) return parent.expression === whole;
  return ts.isNewExpression(parent) && parent.expression === whole && (parent.arguments?.length ?? 0) === 0;
}

/** `new Date(1)`, `x instanceof Date` and `typeof crypto` touch nothing. */
function isHarmlessUse(node: ts.Identifier): boolean {
  const whole = globalExpression(node);
  const { parent } = whole;
  if (ts.isNewExpression(parent) || ts.isTypeOfExpression(parent)) return true;
  return ts.isBinaryExpression(parent) && parent.operatorToken.kind === ts.SyntaxKind.InstanceOfKeyword;
}

if (isMain(import.meta.url)) await runAsCommand({ purity: checkPurity });
