/** How many attempts beyond the first a cluster may make. */
export interface BudgetSettings {
  /** Most tokens that are kept; a repeated attempt takes one. With 0 no work is run again but what costs nothing. */
  readonly budget: number;
  /** Tokens that come with each answered statement. */
  readonly budgetRatio: number;
  /** Tokens that come with each second. */
  readonly budgetPerSecond: number;
}

/** What is left of it, as of a moment. */
export interface Budget {
  readonly tokens: number;
  /** When it was counted last, milliseconds. */
  readonly at: number;
  /** How many statements had been answered by then. */
  readonly answered: number;
}

/** The budget to begin with. */
export function fullBudget(settings: BudgetSettings, now: number, answered: number): Budget {
  return { tokens: settings.budget, at: now, answered };
}

/**
 * Takes a token, if there is one. Attempts that only repeat what fails make an outage worse: so their number is bounded by that
 * of the answers, and a trickle is always allowed.
 */
export function spend(
  before: Budget,
  settings: BudgetSettings,
  now: number,
  answered: number,
): { readonly allowed: boolean; readonly budget: Budget } {
  // A node that left the list takes its count along.
  const earnedByAnswers = Math.max(0, answered - before.answered) * settings.budgetRatio;
  const earnedByTime = (Math.max(0, now - before.at) / 1_000) * settings.budgetPerSecond;
  const tokens = Math.min(settings.budget, before.tokens + earnedByAnswers + earnedByTime);
  const allowed = tokens >= 1;
  return { allowed, budget: { tokens: allowed ? tokens - 1 : tokens, at: now, answered } };
}
