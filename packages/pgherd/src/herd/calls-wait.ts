/** How many calls wait, in words. */
export function callsWait(calls: number): string {
  return calls === 1 ? '1 call waits' : `${calls} calls wait`;
}
