import {
  type AnyNode,
  type ClassBody,
  type FunctionDeclaration,
  type FunctionExpression,
  type MethodDefinition,
  type Program,
  parse,
} from 'acorn';
import { Edits } from './edits.ts';

/**
 * V8 compiles a function when it is first called, for which it reads its text a second time, unless the function is an expression in
 * parentheses: that is compiled together with what it stands in. So the functions that run at the start of every program are
 * written in this form in the bundle.
 */

/** The module of {@link DEFINE_METHODS_CODE}, which {@link withEagerFunctions} imports. */
export const DEFINE_METHODS = 'pgherd:define-methods';
export const DEFINE_METHODS_CODE = `
/** Defines methods and getters as a class does. */
export function defineMethods({ prototype }, methods, getters) {
  for (const name in methods) Object.defineProperty(prototype, name, { value: methods[name], writable: true, configurable: true });
  for (const name in getters) Object.defineProperty(prototype, name, { get: getters[name], configurable: true });
}
`;

/** Characters of a private method below which the names that its calls need outweigh what is gained. */
const MIN_PRIVATE_LENGTH = 500;

/** A function of a module that can be written as an expression. */
interface Candidate {
  /** `name`, `Class.method`, `Class.#method` or `Class.get property`. */
  readonly name: string;
  /** Where its first statement begins. */
  readonly body: number;
}

type Visit = (node: AnyNode, parent: AnyNode | undefined) => void;

/** The module with an expression in parentheses for each function of `names`; a name that it does not have is passed over. */
export function withEagerFunctions(
  code: string,
  names: ReadonlySet<string>,
  minPrivateLength = MIN_PRIVATE_LENGTH,
): string {
  const program = parsed(code);
  const text = new Edits(code);
  const heads: (() => string)[] = [];
  const isWanted = (name: string, length: number) =>
    names.has(name) && (!name.includes('.#') || length >= minPrivateLength);
  for (const node of program.body) {
    const declared = node.type === 'ExportNamedDeclaration' ? node.declaration : node;
    if (declared?.type !== 'FunctionDeclaration' || !names.has(declared.id.name)) continue;
    // Without a name of its own, the function takes that of the variable.
    const head = `${node === declared ? '' : 'export '}var ${declared.id.name}`;
    heads.push(() => `${head} = ${functionOf(text, declared, code.indexOf('(', declared.id.end))};\n`);
    text.replace(node.start, node.end, () => '');
  }
  for (const { name, body } of classesOf(program))
    heads.push(...eagerMethods(code, text, body, name, isWanted));
  // Before everything else of the module, as declarations of functions are.
  const body = text.within(0, code.length);
  const result = heads.map((head) => head()).join('') + body;
  return result.includes('defineMethods(')
    ? `import { defineMethods } from '${DEFINE_METHODS}';\n${result}`
    : result;
}

/** The module, in which each function that can be written as an expression first calls `note` with its name. */
export function withNotedFunctions(code: string, note: (name: string) => string): string {
  const text = new Edits(code);
  for (const { name, body } of candidates(code)) text.replace(body, body, () => `${note(name)};`);
  return text.within(0, code.length);
}

/** The functions of a module that {@link withEagerFunctions} knows, by name. */
export function candidateNames(code: string): string[] {
  return candidates(code).map(({ name }) => name);
}

function candidates(code: string): Candidate[] {
  const found: Candidate[] = [];
  const program = parsed(code);
  const add = (name: string, { body }: FunctionDeclaration | FunctionExpression) =>
    found.push({ name, body: body.start + 1 });
  for (const node of program.body) {
    const declared = node.type === 'ExportNamedDeclaration' ? node.declaration : node;
    if (declared?.type === 'FunctionDeclaration') add(declared.id.name, declared);
  }
  for (const { name: className, body } of classesOf(program)) {
    for (const method of methodsOf(body)) {
      const name = methodName(className, method);
      if (name !== undefined) add(name, method.value);
    }
  }
  return found;
}

/** Moves the methods into a static block, where they still see the private names of the class. Returns what has to stand before the class. */
function eagerMethods(
  code: string,
  text: Edits,
  body: ClassBody,
  className: string,
  isWanted: (name: string, length: number) => boolean,
): (() => string)[] {
  const uses = privateUses(body);
  const heads: (() => string)[] = [];
  const properties: Record<'get' | 'value', (() => string)[]> = { get: [], value: [] };
  const statements: (() => string)[] = [];
  for (const method of methodsOf(body)) {
    const name = methodName(className, method);
    const { key, kind, start, end } = method;
    if (name === undefined || !isWanted(name, end - start)) continue;
    if (key.type === 'PrivateIdentifier') {
      const calls = uses.get(key.name) ?? [];
      const variable = `${className}_${key.name}`;
      if (calls === 'other' || code.includes(variable)) continue;
      for (const call of calls) callByVariable(code, text, call, variable);
      heads.push(() => `var ${variable};\n`);
      statements.push(() => `${variable} = ${functionOf(text, method.value, method.value.start)};`);
    } else {
      const property = code.slice(key.start, key.end);
      properties[kind === 'get' ? 'get' : 'value'].push(
        () => `${property}: ${functionOf(text, method.value, method.value.start)}`,
      );
    }
    text.replace(start, end, () => '');
  }
  const { value, get } = properties;
  if (value.length + get.length > 0)
    statements.push(() => `defineMethods(this, ${[value, get].map(objectOf).join(', ')});`);
  if (statements.length === 0) return heads;
  const at = body.start + 1;
  text.replace(at, at, () => `static { ${statements.map((statement) => statement()).join('\n')} }`);
  return heads;
}

/** `parameters`: where they begin. */
function functionOf(
  text: Edits,
  { async, generator, end }: FunctionDeclaration | FunctionExpression,
  parameters: number,
): string {
  return `(${async ? 'async ' : ''}function${generator ? '*' : ''} ${text.within(parameters, end)})`;
}

/** In an object, functions take the names of their properties. */
function objectOf(properties: readonly (() => string)[]): string {
  return `{ ${properties.map((property) => property()).join(',\n')} }`;
}

function callByVariable(code: string, text: Edits, call: PrivateCall, variable: string): void {
  const { callee, object } = call;
  const open = code.indexOf('(', callee.end) + 1;
  const next = call.arguments > 0 ? ', ' : '';
  text.replace(callee.start, open, () => `${variable}.call(${text.within(object.start, object.end)}${next}`);
}

/** Methods and getters that can be functions: `super` and computed names cannot. */
function methodsOf(body: ClassBody): MethodDefinition[] {
  return body.body.filter((member): member is MethodDefinition => {
    if (member.type !== 'MethodDefinition' || member.static || member.computed) return false;
    if (member.kind !== 'method' && member.kind !== 'get') return false;
    let hasSuper = false;
    walk(member.value, (node) => {
      if (node.type === 'Super') hasSuper = true;
    });
    return !hasSuper;
  });
}

function methodName(className: string, { key, kind }: MethodDefinition): string | undefined {
  if (key.type === 'PrivateIdentifier') return kind === 'method' ? `${className}.#${key.name}` : undefined;
  if (key.type !== 'Identifier') return undefined;
  return kind === 'get' ? `${className}.get ${key.name}` : `${className}.${key.name}`;
}

interface PrivateCall {
  readonly callee: AnyNode;
  readonly object: AnyNode;
  readonly arguments: number;
}

/** Where the private names of a class are called; `'other'` if one is used in another way as well. */
function privateUses(body: ClassBody): ReadonlyMap<string, readonly PrivateCall[] | 'other'> {
  const uses = new Map<string, PrivateCall[] | 'other'>();
  walk(body, (node, parent) => {
    if (node.type === 'BinaryExpression' && node.left.type === 'PrivateIdentifier')
      uses.set(node.left.name, 'other');
    if (node.type !== 'MemberExpression' || node.property.type !== 'PrivateIdentifier') return;
    const { name } = node.property;
    const known = uses.get(name) ?? [];
    const isCall =
      parent?.type === 'CallExpression' && parent.callee === node && !parent.optional && !node.optional;
    if (known === 'other' || !isCall) uses.set(name, 'other');
    else
      uses.set(name, [...known, { callee: node, object: node.object, arguments: parent.arguments.length }]);
  });
  return uses;
}

/** The classes of a module that are made once; one inside a function has other private names each time. */
function classesOf(program: Program): { readonly name: string; readonly body: ClassBody }[] {
  return program.body.flatMap((node) => {
    const declared = node.type === 'ExportNamedDeclaration' ? node.declaration : node;
    return declared?.type === 'ClassDeclaration' ? [{ name: declared.id.name, body: declared.body }] : [];
  });
}

function parsed(code: string): Program {
  return parse(code, { ecmaVersion: 'latest', sourceType: 'module' });
}

function walk(node: AnyNode, visit: Visit, parent?: AnyNode): void {
  visit(node, parent);
  for (const child of childrenOf(node)) walk(child, visit, node);
}

function childrenOf(node: AnyNode): AnyNode[] {
  return (Object.values(node) as unknown[]).flat().filter(isNode);
}

function isNode(value: unknown): value is AnyNode {
  return (
    typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
  );
}
