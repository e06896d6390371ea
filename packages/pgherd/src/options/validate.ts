import { HOST_LIST_ITEM, invalidItems } from '../discovery/allowed.ts';
import { InvalidOptionsError } from '../model/errors.ts';
import { foreign, quoted } from '../model/foreign.ts';
import { insteadOf, type OptionNames } from '../model/option-names.ts';
import { REDACTED } from '../model/secret.ts';
import { OPTION_RULES, type OptionRule } from './option-rules.ts';
import { sessionViolations } from './session-settings.ts';

/** Values by dotted option name, defaults filled in. */
export type OptionValues = ReadonlyMap<string, unknown>;

/**
 * Checks options against their rules and fills in the defaults.
 * @throws InvalidOptionsError `PGHERD_INVALID_OPTIONS` with every violation at once.
 */
export function validateOptions(options: object): OptionValues {
  assertRecord(options);
  const violations: string[] = [];
  const given = flatten(options, violations);
  const values = new Map<string, unknown>();
  for (const rule of OPTION_RULES) {
    const value = given.get(rule.name);
    if (value !== undefined) violations.push(...violationsOf(rule, value));
    values.set(rule.name, value ?? rule.default);
  }
  if (violations.length > 0) throw new InvalidOptionsError(violations);
  return values;
}

function assertRecord(options: unknown): void {
  if (isRecord(options) && !(options instanceof URL)) return;
  const remedy = options instanceof URL ? 'an object of class URL: pass its href' : quoted(options);
  throw new InvalidOptionsError([
    `the argument must be a connection string, or an object of options; it is ${remedy}`,
  ]);
}

const GROUPS: ReadonlySet<string> = new Set(
  OPTION_RULES.filter((rule) => rule.name.includes('.')).map((rule) => groupOf(rule.name)),
);
const NAMES: OptionNames = new Set([...OPTION_RULES.map((rule) => rule.name), ...GROUPS]);
/** Names at the top level: options of a group are given inside it. */
const TOP_NAMES: OptionNames = new Set([...NAMES].filter((name) => !name.includes('.')));

/** Groups that are options as well: `true`, `false`, or options. */
const SWITCHES: ReadonlySet<string> = new Set(['prepare', 'hedge', 'eject']);

function groupOf(name: string): string {
  return name.slice(0, name.indexOf('.'));
}

function flatten(options: object, violations: string[]): Map<string, unknown> {
  const flat = new Map<string, unknown>();
  for (const [name, value] of Object.entries(options)) {
    if (!GROUPS.has(name)) {
      add(flat, name, value, TOP_NAMES, violations);
      continue;
    }
    if (value === undefined || (name === 'lanes' && value === false)) continue;
    const isSwitched = SWITCHES.has(name) && typeof value === 'boolean';
    if (isSwitched || (name === 'fencing' && typeof value === 'string')) {
      flat.set(name, value);
      continue;
    }
    if (!isRecord(value)) {
      violations.push(`${name} is ${quoted(value)}, but must be an object of options`);
      continue;
    }
    for (const [inner, innerValue] of Object.entries(value)) {
      add(flat, `${name}.${inner}`, innerValue, NAMES, violations);
    }
  }
  return flat;
}

function add(
  flat: Map<string, unknown>,
  name: string,
  value: unknown,
  allowed: OptionNames,
  violations: string[],
): void {
  if (allowed.has(name)) {
    flat.set(name, value);
    return;
  }
  violations.push(unknownOption(name, name, NAMES));
}

function unknownOption(shown: string, name: string, known: OptionNames): string {
  const remedy = insteadOf(name, 'cluster', known);
  return `${foreign(shown)} is not an option${remedy === undefined ? '' : `; ${remedy}`}`;
}

function violationsOf(rule: OptionRule, value: unknown): string[] {
  const must = requirement(rule, value);
  if (must !== undefined) {
    return [`${rule.name} is ${rule.secret === true ? REDACTED : quoted(value)}, but must be ${must}`];
  }
  switch (rule.kind) {
    case 'nodes':
      return nodeViolations(rule.name, value as object);
    case 'node-pool':
      return violationsByRule(rule.name, value as object, NODE_POOL_RULES);
    case 'node-tls':
      return violationsByRule(rule.name, value as object, NODE_TLS_RULES);
    case 'session':
      return sessionViolations(rule.name, value as object);
    default:
      return [];
  }
}

/** Options of one node. */
const NODE_RULES: readonly OptionRule[] = Object.freeze([
  { name: 'zone', kind: 'text' },
  { name: 'tags', kind: 'tags' },
  { name: 'promotable', kind: 'boolean' },
  { name: 'readable', kind: 'boolean' },
  { name: 'pool', kind: 'node-pool' },
  { name: 'user', kind: 'text' },
  { name: 'password', kind: 'text', orFunction: true, secret: true },
  { name: 'tls', kind: 'node-tls' },
]);

function nodeViolations(name: string, nodes: object): string[] {
  const violations: string[] = [];
  for (const [node, options] of Object.entries(nodes)) {
    const where = `${name}[${JSON.stringify(node)}]`;
    if (!isRecord(options)) {
      violations.push(`${where} is ${quoted(options)}, but must be an object of options`);
      continue;
    }
    violations.push(...violationsByRule(where, options, NODE_RULES));
  }
  return violations;
}

/** Options of one node's pool: those of all pools, without the ones for the whole cluster. */
const NODE_POOL_RULES = rulesInside('pool').filter(({ name }) => name !== 'leakAfterMs' && name !== 'reset');
const NODE_TLS_RULES = rulesInside('tls');

/** The rules of a group, by their names inside it. */
function rulesInside(group: string): readonly OptionRule[] {
  return OPTION_RULES.filter(({ name }) => name.startsWith(`${group}.`)).map((rule) => ({
    ...rule,
    name: rule.name.slice(group.length + 1),
  }));
}

function violationsByRule(where: string, options: object, rules: readonly OptionRule[]): string[] {
  const violations: string[] = [];
  const names = new Set(rules.map((rule) => rule.name));
  for (const [option, value] of Object.entries(options)) {
    const rule = rules.find((one) => one.name === option);
    if (rule === undefined) violations.push(unknownOption(`${where}.${option}`, option, names));
    else if (value !== undefined)
      violations.push(...violationsOf({ ...rule, name: `${where}.${option}` }, value));
  }
  return violations;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.includes('\0');
}

function isFunctions(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'function');
}

/** The requirement that `value` does not meet; `undefined` if it does. */
function requirement(rule: OptionRule, value: unknown): string | undefined {
  if (rule.orFunction === true && typeof value === 'function') return undefined;
  if (rule.orFalse === true && value === false) return undefined;
  const min = rule.min ?? 0;
  switch (rule.kind) {
    case 'duration':
      return isNumber(value) && value >= min
        ? undefined
        : `a number of milliseconds, at least ${min}${rule.orFalse === true ? ', or false' : ''}`;
    case 'count':
      return Number.isInteger(value) && Number(value) >= min ? undefined : `a whole number, at least ${min}`;
    case 'number':
      return isNumber(value) && value >= min ? undefined : `a number, at least ${min}`;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'true or false';
    case 'text':
      if (isText(value)) return undefined;
      return `a non-empty string${withoutNul(value)}${rule.orFunction === true ? ', or a function' : ''}`;
    case 'texts':
      return isText(value) || (Array.isArray(value) && value.every(isText))
        ? undefined
        : `a non-empty string${withoutNul(value)}, or a list of them`;
    case 'tags':
      return isRecord(value) && Object.values(value).every((tag) => typeof tag === 'string')
        ? undefined
        : 'an object whose values are strings';
    case 'nodes':
      return isRecord(value) ? undefined : 'an object of options by node name (host:port)';
    case 'node-pool':
    case 'node-tls':
      return isRecord(value) ? undefined : `an object of options, as ${rule.kind.slice(5)} is`;
    case 'session':
      return isRecord(value) ? undefined : 'an object of settings by name';
    case 'hosts': {
      const invalid = invalidItems([value].flat());
      return invalid.length === 0
        ? undefined
        : `a list of which each item is ${HOST_LIST_ITEM}; ${invalid.join(', ')} is not`;
    }
    case 'discovery':
      if (!isRecord(value) || !hasMethod(value, 'watch') || !isText(value['name'])) {
        return 'an object with a name and a function watch, as patroniDiscovery(…) returns';
      }
      if (value['authority'] === undefined) return undefined;
      return value['authority'] === 'lease' && hasMethod(value, 'whoLeads')
        ? undefined
        : "an object whose authority is 'lease', with a function whoLeads, or that has no authority";
    case 'type-parsers':
      return hasMethod(value, 'getTypeParser')
        ? undefined
        : "an object with a function getTypeParser(oid, 'text'), as types of pgherd and pg are";
    case 'auto-route':
      return hasMethod(value, 'routerOf') ? undefined : 'what autoRoute() of pgherd/auto-route returns';
    case 'choice': {
      const choices = rule.choices ?? [];
      if (typeof value === 'string' && choices.includes(value)) return undefined;
      return `one of ${choices.join(', ')}${rule.orFunction === true ? ', or a function' : ''}`;
    }
    case 'functions':
      return isFunctions(value) ? undefined : 'an array of functions';
    case 'function':
      return typeof value === 'function' ? undefined : 'a function';
    case 'object':
      return typeof value === 'object' && value !== null ? undefined : 'an object';
    default:
      return rule.kind satisfies never;
  }
}

/** NUL ends a string in PostgreSQL's protocol. The rule is named where it is broken. */
function withoutNul(value: unknown): string {
  return [value].flat().some((one) => typeof one === 'string' && one.includes('\0')) ? ' without NUL' : '';
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function hasMethod(value: unknown, name: string): boolean {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  return typeof found === 'function';
}
