/** What an error says, also one that only holds others: a name with several addresses fails without a message. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map((one) => reasonOf(one)).join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}
