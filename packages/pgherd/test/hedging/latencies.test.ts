import { describe, expect, it } from 'vitest';
import { Latencies } from '../../src/hedging/latencies.ts';
import { seededRandom } from '../support/random.ts';

function noted(durations: readonly number[], quantile = 0.95): Latencies {
  const latencies = new Latencies(quantile);
  for (const ms of durations) latencies.note(ms);
  return latencies;
}

describe('the learnt quantile of durations', () => {
  it('says nothing before twenty durations', () => {
    const latencies = noted(Array.from({ length: 19 }, () => 1));
    expect(latencies.quantileMs).toBeUndefined();
    latencies.note(1);
    expect(latencies.quantileMs).toBeGreaterThanOrEqual(1);
  });

  it.each([
    0.3, 3, 47, 1_000, 20_000,
  ])('is no less than the true one, and no more than a fifth above: around %f ms', (ms) => {
    const dice = seededRandom(4);
    const durations = Array.from({ length: 800 }, () => ms * (0.5 + dice.next()));
    const truth = [...durations].sort((one, other) => one - other)[Math.ceil(0.95 * 800) - 1] ?? 0;
    const { quantileMs = 0 } = noted(durations);
    expect(quantileMs).toBeGreaterThanOrEqual(truth);
    expect(quantileMs).toBeLessThanOrEqual(truth * 2 ** (1 / 4) + 0.001);
  });

  it('takes one slow run in twenty for an exception, and two in twenty for usual', () => {
    const runs = (slow: number) => Array.from({ length: 400 }, (_, at) => (at % 20 < slow ? 500 : 2));
    expect(noted(runs(1)).quantileMs).toBeLessThan(3);
    expect(noted(runs(2)).quantileMs).toBeGreaterThan(400);
  });

  it('forgets what was long ago', () => {
    const latencies = noted(Array.from({ length: 5_000 }, () => 300));
    expect(latencies.quantileMs).toBeGreaterThan(250);
    for (let run = 0; run < 10_000; run++) latencies.note(1);
    expect(latencies.quantileMs).toBeLessThan(1.5);
  });

  it('bears durations that no clock gives', () => {
    const latencies = noted(Array.from({ length: 40 }, (_, at) => [0, -5, 1e9, 0.001][at % 4] ?? 0));
    expect(Number.isFinite(latencies.quantileMs)).toBe(true);
  });
});
