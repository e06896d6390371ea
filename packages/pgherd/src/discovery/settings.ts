import { InvalidOptionsError } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import { nearest } from '../model/nearest.ts';

/** Shortest time between two questions that an adapter accepts, milliseconds. */
const SHORTEST_REFRESH_MS = 100;

/** The rule for the value of an option. */
export interface SettingRule {
  readonly holds: (value: unknown) => boolean;
  /** Ends the sentence "… must be". */
  readonly must: string;
  /** Whether it is required. Default `false`. */
  readonly required?: boolean;
  /** The value is never shown. Default `false`. */
  readonly secret?: boolean;
}

/** Rules by the name of the option. */
export type SettingRules = Readonly<Record<string, SettingRule>>;

/** Rules that several adapters share. */
export const REFRESH_MS: SettingRule = durationFrom(SHORTEST_REFRESH_MS);
export const TIMEOUT_MS: SettingRule = durationFrom(1);

/**
 * Checks the options of an adapter.
 * @throws InvalidOptionsError `PGHERD_INVALID_OPTIONS` with every violation at once.
 */
export function checkSettings(adapter: string, given: unknown, rules: SettingRules, prefix = ''): void {
  const violations = settingViolations(adapter, given, rules, prefix);
  if (violations.length > 0) throw new InvalidOptionsError(violations);
}

/** The same as a list of sentences. */
export function settingViolations(
  adapter: string,
  given: unknown,
  rules: SettingRules,
  prefix = '',
): string[] {
  if (!isRecord(given)) {
    return [
      `${adapter}: ${prefix === '' ? 'its options are' : `${prefix} is`} ${quoted(given)}, but must be an object`,
    ];
  }
  const names = Object.keys(rules);
  const path = (name: string) => (prefix === '' ? name : `${prefix}.${name}`);
  const unknown = Object.keys(given)
    .filter((name) => !names.includes(name))
    .map((name) => {
      const suggestion = nearest(name, names);
      const hint = suggestion === undefined ? '' : `; did you mean ${path(suggestion)}?`;
      return `${adapter}: ${path(name)} is not an option${hint}`;
    });
  const broken = Object.entries(rules).flatMap(([name, rule]) => {
    const value = given[name];
    if (value === undefined && rule.required !== true) return [];
    if (rule.holds(value)) return [];
    return [
      `${adapter}: ${path(name)} is ${rule.secret === true && value !== undefined ? '***' : quoted(value)}, but must be ${rule.must}`,
    ];
  });
  return [...unknown, ...broken];
}

/** Whether it is an object with members, and not a list. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether it is a non-empty string. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function durationFrom(least: number): SettingRule {
  return {
    holds: (value) => typeof value === 'number' && Number.isFinite(value) && value >= least,
    must: `a number of milliseconds, at least ${least}`,
  };
}
