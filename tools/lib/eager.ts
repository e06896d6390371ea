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
import { childrenOf } from './syntax.ts';

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

/** A function of a module that can be written as an expression. */
interface Candidate {
  /** `name`, `Class.method` or `Class.get property`. */
  readonly name: string;
  /** Where its first statement begins. */
  readonly body: number;
}

type Visit = (node: AnyNode) => void;

/** The module with an expression in parentheses for each function of `names`; a name that it does not have is passed over. */
export function withEagerFunctions(code: string, names: ReadonlySet<string>): string {
  const program = parsed(code);
  const text = new Edits(code);
  const heads: (() => string)[] = [];
  for (const node of program.body) {
    const declared = node.type === 'ExportNamedDeclaration' ? node.declaration : node;
    if (declared?.type !== 'FunctionDeclaration' || !names.has(declared.id.name)) continue;
    // Without a name of its own, the function takes that of the variable.
    const head = `${node === declared ? '' : 'export '}var ${declared.id.name}`;
    heads.push(() => `${head} = ${functionOf(text, declared, code.indexOf('(', declared.id.end))};\n`);
    text.replace(node.start, node.end, () => '');
  }
  for (const { name, body } of classesOf(program)) makeMethodsEager(code, text, body, name, names);
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

/** Moves the methods into a static block, where they still see the private names of the class. */
function makeMethodsEager(
  code: string,
  text: Edits,
  body: ClassBody,
  className: string,
  names: ReadonlySet<string>,
): void {
  const properties: Record<'get' | 'value', (() => string)[]> = { get: [], value: [] };
  for (const method of methodsOf(body)) {
    const name = methodName(className, method);
    const { key, kind, start, end, value } = method;
    if (name === undefined || !names.has(name)) continue;
    const property = code.slice(key.start, key.end);
    properties[kind === 'get' ? 'get' : 'value'].push(
      () => `${property}: ${functionOf(text, value, value.start)}`,
    );
    text.replace(start, end, () => '');
  }
  const { value, get } = properties;
  if (value.length + get.length === 0) return;
  const at = body.start + 1;
  text.replace(at, at, () => `static { defineMethods(this, ${[value, get].map(objectOf).join(', ')}); }`);
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
  if (key.type !== 'Identifier') return undefined;
  return kind === 'get' ? `${className}.get ${key.name}` : `${className}.${key.name}`;
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

function walk(node: AnyNode, visit: Visit): void {
  visit(node);
  for (const child of childrenOf(node)) walk(child, visit);
}
