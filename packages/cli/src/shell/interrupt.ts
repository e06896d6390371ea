/** One Ctrl-C may reach us twice: from the terminal, and passed on by a parent process. Milliseconds. */
const ECHO_MS = 300;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Calls `fn` for each Ctrl-C, SIGTERM or SIGHUP with how many there were so far; returns how to stop
 * listening.
 */
export function onInterrupt(fn: (times: number) => void): () => void {
  let times = 0;
  let lastAt = Number.NEGATIVE_INFINITY;
  const listener = (): void => {
    const at = performance.now();
    if (at - lastAt < ECHO_MS) return;
    lastAt = at;
    times++;
    fn(times);
  };
  for (const signal of SIGNALS) process.on(signal, listener);
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener);
  };
}
