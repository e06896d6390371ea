import { InvalidOptionsError } from '../model/errors.ts';
import { nearest } from '../model/nearest.ts';
import { REDACTED } from '../model/secret.ts';
import { OPTION_RULES, type OptionRule } from './option-rules.ts';

/** Values by dotted option name, defaults filled in. */
export type OptionValues = ReadonlyMap<string, unknown>;

/**
 * Checks options against their rules and fills in the defaults.
 * @throws InvalidOptionsError `PGHERD_INVALID_OPTIONS` with every violation at once.
 */
export function validateOptions(options: object): OptionValues {
  const violations: string[] = [];
  const given = flatten(options, violations);
  const values = new Map<string, unknown>();
  for (const rule of OPTION_RULES) {
    const value = given.get(rule.name);
    const violation = value === undefined ? undefined : violationOf(rule, value);
    if (violation !== undefined) violations.push(violation);
    values.set(rule.name, value ?? rule.default);
  }
  if (violations.length > 0) throw new InvalidOptionsError(violations);
  return values;
}

const GROUPS: ReadonlySet<string> = new Set(
  OPTION_RULES.filter((rule) => rule.name.includes('.')).map((rule) => groupOf(rule.name)),
);
const NAMES: readonly string[] = [...OPTION_RULES.map((rule) => rule.name), ...GROUPS];
/** What may stand at the top: options inside a group are given inside it. */
const TOP_NAMES: readonly string[] = NAMES.filter((name) => !name.includes('.'));

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
    if (value === undefined) continue;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      violations.push(`${name} is ${show(value)}, but must be an object of options`);
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
  allowed: readonly string[],
  violations: string[],
): void {
  if (allowed.includes(name)) {
    flat.set(name, value);
    return;
  }
  const suggestion = nearest(name, NAMES);
  violations.push(
    `${name} is not an option${suggestion === undefined ? '' : `; did you mean ${suggestion}?`}`,
  );
}

function violationOf(rule: OptionRule, value: unknown): string | undefined {
  const must = requirement(rule, value);
  if (must === undefined) return undefined;
  return `${rule.name} is ${rule.secret === true ? REDACTED : show(value)}, but must be ${must}`;
}

/** What the rule demands where `value` does not meet it. */
function requirement(rule: OptionRule, value: unknown): string | undefined {
  if (rule.orFunction === true && typeof value === 'function') return undefined;
  const min = rule.min ?? 0;
  switch (rule.kind) {
    case 'duration':
      return isNumber(value) && value >= min ? undefined : `a number of milliseconds, at least ${min}`;
    case 'count':
      return Number.isInteger(value) && Number(value) >= min ? undefined : `a whole number, at least ${min}`;
    case 'number':
      return isNumber(value) && value >= min ? undefined : `a number, at least ${min}`;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'true or false';
    case 'text':
      return typeof value === 'string' && value !== '' ? undefined : 'a text that is not empty';
    case 'choice': {
      const choices = rule.choices ?? [];
      if (typeof value === 'string' && choices.includes(value)) return undefined;
      return `one of ${choices.join(', ')}${rule.orFunction === true ? ', or a function' : ''}`;
    }
    case 'function':
      return typeof value === 'function' ? undefined : 'a function';
    case 'object':
      return typeof value === 'object' && value !== null ? undefined : 'an object';
    default:
      return rule.kind satisfies never;
  }
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
