import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transformSync } from 'rolldown/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  candidateNames,
  DEFINE_METHODS,
  DEFINE_METHODS_CODE,
  withEagerFunctions,
  withNotedFunctions,
} from '../lib/eager.ts';
import { startFunctions } from '../lib/start-functions.ts';
import { REPOSITORY } from './fixture.ts';

/** What its main() returns tells whether a function was changed by being written in another form. */
const MODULE = `
const before = early();
export function early() { return 'early'; }
export async function later(n) { return [n].map((x) => x + 1).concat([2].map(async (x) => x)).length; }
export function* counted(n = 2) { for (let i = 0; i < n; i++) yield i; }
export class Counter {
  #count = 0;
  #step;
  static start = new Counter(7);
  constructor(step) { this.#step = step; }
  get count() { return this.#count; }
  set count(value) { this.#count = value; }
  get step() { return this.#step; }
  add(times, { of: factor = 1 } = {}) { for (let i = 0; i < times; i++) this.#bump(factor); return this; }
  async wait() { await null; return this.#bound(); }
  *each() { yield this.#count; yield* this.all(); }
  all() { return [1, 2].map((x) => x * this.#step); }
  early() { return early() + this.constructor.name; }
  takes() { return arguments.length; }
  failing() { throw new Error('from here'); }
  same(other) { return #step in other && this.#isSame(other); }
  #bump(factor) { this.#count += this.#step * factor; }
  #bound() { return [this].map((x) => x.#count + this.#read.call(x)).at(0); }
  #read() { return this.#step; }
  #isSame(other) { return other.#self().#self() === this.#self(); }
  #self() { return this; }
}
class Louder extends Counter {
  all() { return super.all().map((x) => x + 100); }
}
function shapeOf(prototype) {
  const properties = Object.getOwnPropertyDescriptors(prototype);
  return Object.entries(properties).sort().map(([name, { value, get, set, ...rest }]) => [name, typeof value, value?.name, typeof get, typeof set, rest]);
}
export async function main() {
  const one = new Counter(3).add(2, { of: 2 });
  one.count += 1;
  let stack = '';
  try { one.failing(); } catch (error) { stack = /at (Counter\\.failing)/.exec(error.stack)?.[1]; }
  return JSON.stringify([before, await later(1), [...counted()], one.count, one.step, await one.wait(), [...one.each()], one.early(),
    one.takes(1, 2, 3), stack, one.same(one), one.same(new Counter(3)), new Louder(1).all(), Counter.start.step, Object.keys(one),
    early.name, main.name, later.length, Counter.prototype.add.length, shapeOf(Counter.prototype)]);
}
`;

const ALL = new Set(candidateNames(MODULE));
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pgherd-eager-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What main() returns, and which functions were compiled when they were called. */
function ran(text: string): { readonly result: string; readonly late: readonly string[] } {
  const code = text.replace(DEFINE_METHODS, './define-methods.mjs');
  writeFileSync(join(folder, 'define-methods.mjs'), DEFINE_METHODS_CODE);
  writeFileSync(join(folder, 'module.mjs'), code);
  writeFileSync(join(folder, 'run.mjs'), "console.log(await (await import('./module.mjs')).main());");
  const log = join(folder, 'v8.log');
  const flags = ['--log-function-events', '--no-logfile-per-isolate', `--logfile=${log}`];
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, join(folder, 'run.mjs')], {
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(stderr);
  const events = readFileSync(log, 'utf8')
    .split('\n')
    .map((line) => line.split(','));
  const script = events.find(
    ([kind, , name]) => kind === 'script-details' && name?.endsWith('module.mjs'),
  )?.[1];
  const late = events.filter(([, event, id]) => event === 'parse-function' && id === script);
  return { result: stdout, late: late.map((event) => event[7] ?? '') };
}

/** Without arrow functions. */
function named(names: readonly string[]): string[] {
  return names.filter((name) => name !== '').sort();
}

describe('functions that are compiled with their module', () => {
  it('do what they did', () => {
    expect(ran(withEagerFunctions(MODULE, ALL)).result).toBe(ran(MODULE).result);
  });

  it('are not read again when they are called', () => {
    const usual = named(ran(MODULE).late);
    expect(usual).toEqual(expect.arrayContaining(['early', 'later', 'counted', 'add', '#bump', 'get step']));
    // What cannot be an expression: constructors, setters, `super`; and private methods.
    expect(named(ran(withEagerFunctions(MODULE, ALL)).late)).toEqual([
      '#bound',
      '#bump',
      '#isSame',
      '#read',
      '#self',
      'Counter',
      'Louder',
      'all',
      'set count',
    ]);
  });

  it('are those that are named, and a name that is gone is no fault', () => {
    const code = 'export function a() {}\nfunction b() {}\nclass C { d() {} e() {} }';
    expect(withEagerFunctions(code, new Set(['a', 'C.d', 'gone', 'C.#gone']))).toBe(
      "import { defineMethods } from 'pgherd:define-methods';\nexport var a = (function () {});\n\nfunction b() {}\nclass C {static { defineMethods(this, { d: (function () {}) }, {  }); }  e() {} }",
    );
    expect(withEagerFunctions(code, new Set())).toBe(code);
  });

  it('are no private methods: what their calls would need outweighs what is gained', () => {
    const code = 'class C { #d() {} e() { this.#d(); } }';
    expect(withEagerFunctions(code, new Set(['C.#d']))).toBe(code);
  });

  it('are found by running them', () => {
    const code = withNotedFunctions(MODULE, (name) => `(globalThis.noted ??= []).push('${name}')`);
    const { result } = ran(
      `${code}\nconst real = main;\nexport { real };`
        .replace('export async function main', 'async function main')
        .replace(
          'const real = main;\nexport { real };',
          'const all = async () => { await main(); return JSON.stringify(globalThis.noted); };\nexport { all as main };',
        ),
    );
    const names = new Set(JSON.parse(result) as string[]);
    expect([...ALL].filter((name) => !names.has(name))).toEqual([]);
  });
});

describe('the list of functions that run at the start', () => {
  it('names functions that exist; else `npm run start:functions` writes it anew', () => {
    const listed = [...startFunctions(REPOSITORY)];
    const known = listed.flatMap(([file, names]) => {
      const path = join(REPOSITORY, file);
      if (!existsSync(path)) return [];
      const existing = new Set(candidateNames(transformSync(path, readFileSync(path, 'utf8')).code));
      return [...names].filter((name) => existing.has(name));
    });
    const count = listed.reduce((sum, [, names]) => sum + names.size, 0);
    expect(count).toBeGreaterThan(500);
    // A function that was renamed is only compiled later; the list is worth renewing when many were.
    expect(known.length / count).toBeGreaterThan(0.9);
  });
});
