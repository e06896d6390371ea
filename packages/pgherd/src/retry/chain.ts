/** Every error in the chain of causes, outermost first, each once: through `cause` and `AggregateError`, guarded against cycles. */
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

/** The code that one error carries, whosever it is. */
export function codeOf(link: unknown): string | undefined {
  if (typeof link !== 'object' || link === null || !('code' in link)) return undefined;
  return typeof link.code === 'string' ? link.code : undefined;
}
