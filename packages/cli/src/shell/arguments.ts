import { InvalidArgumentError } from 'commander';

/** What a whole number on the command line must keep to. */
export interface NumberRule {
  readonly min: number;
  readonly max: number;
  /** Why, as the end of the sentence "… must be a whole number from 1 to 64". */
  readonly because?: string | undefined;
}

/**
 * A parser of whole numbers for commander.
 *
 * @throws `InvalidArgumentError` that names the rule and the remedy; commander adds option and value.
 */
export function wholeNumber(rule: NumberRule): (text: string) => number {
  const { min, max, because } = rule;
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    const nearest = Number.isFinite(value) && value > max ? max : min;
    throw new InvalidArgumentError(
      `It must be a whole number from ${min} to ${max}${because === undefined ? '' : `, ${because}`}. Try ${nearest}.`,
    );
  };
}
