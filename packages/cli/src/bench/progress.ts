import { secondsText } from '../shell/numbers.ts';
import type { Output } from '../shell/output.ts';
import { latencyText } from './report.ts';
import type { Tally } from './tally.ts';

/** Time between two lines of numbers, ms: on a terminal the line is replaced, elsewhere it is a new one. */
const LIVE_EVERY_MS = 250;
const LINE_EVERY_MS = 1_000;

/** Shows numbers while a load test runs. */
export function liveProgress(
  output: Output,
  tally: Pick<Tally, 'answeredCount' | 'failedCount' | 'latencies'>,
  client = '',
): { stop(): void } {
  const startedAt = performance.now();
  let before = 0;
  let beforeMs = 0;
  const show = (): void => {
    const atMs = Math.round(performance.now() - startedAt);
    const { answeredCount: answered, failedCount: failed, latencies } = tally;
    const perSecond = Math.round(((answered - before) / Math.max(1, atMs - beforeMs)) * 1_000);
    [before, beforeMs] = [answered, atMs];
    output.json({ type: 'progress', client: client || 'pgherd', atMs, answered, failed, perSecond });
    const { p50Ms, p99Ms } = latencies;
    const times = p50Ms === null ? '' : `, p50 ${latencyText(p50Ms)}, p99 ${latencyText(p99Ms)}`;
    output.live(
      `${secondsText(atMs).padStart(6)} s  ${client}${perSecond} a second${times}, ${answered} answered, ${failed} failed`,
    );
  };
  const timer = setInterval(show, output.isLive ? LIVE_EVERY_MS : LINE_EVERY_MS);
  return { stop: () => clearInterval(timer) };
}
