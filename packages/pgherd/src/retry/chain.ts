/** All errors in the chain of `cause` and `AggregateError`, outermost first, each once even in a cycle. */
export function causeChain(error: unknown): unknown[] {
  const seen = new Set<unknown>();
  const queue: unknown[] = [error];
  while (queue.length > 0) {
    const link = queue.shift();
    if (link === undefined || link === null || seen.has(link)) continue;
    seen.add(link);
    if (link instanceof AggregateError) queue.push(...(link.errors as unknown[]));
    if (typeof link === 'object' && 'cause' in link) queue.push(link.cause);
  }
  return [...seen];
}

/** The `code` of one error, of any origin. */
export function codeOf(link: unknown): string | undefined {
  if (typeof link !== 'object' || link === null || !('code' in link)) return undefined;
  return typeof link.code === 'string' ? link.code : undefined;
}
