/** How many attempts beyond the first a cluster may make. */
export interface BudgetSettings {
  /**
   * Most tokens that are kept; each further attempt takes one. With 0, only attempts that cost nothing are
   * made.
   */
  readonly budget: number;
  /** Tokens added for each answered statement. */
  readonly budgetRatio: number;
  /** Tokens added each second. */
  readonly budgetPerSecond: number;
}

/** The tokens left at one time. */
export interface Budget {
  readonly tokens: number;
  /** That time, milliseconds. */
  readonly at: number;
  /** Statements answered by then. */
  readonly answered: number;
}

/** The initial budget. */
export function fullBudget(settings: BudgetSettings, now: number, answered: number): Budget {
  return { tokens: settings.budget, at: now, answered };
}

/**
 * Takes a token, if there is one. Repeated failures make an outage worse: so the number of further attempts
 * is bounded by the number of answers, and a trickle is always allowed.
 */
export function spend(
  before: Budget,
  settings: BudgetSettings,
  now: number,
  answered: number,
): { readonly allowed: boolean; readonly budget: Budget } {
  // The count falls when a node leaves the list.
  const earnedByAnswers = Math.max(0, answered - before.answered) * settings.budgetRatio;
  const earnedByTime = (Math.max(0, now - before.at) / 1_000) * settings.budgetPerSecond;
  const tokens = Math.min(settings.budget, before.tokens + earnedByAnswers + earnedByTime);
  const allowed = tokens >= 1;
  return { allowed, budget: { tokens: allowed ? tokens - 1 : tokens, at: now, answered } };
}
