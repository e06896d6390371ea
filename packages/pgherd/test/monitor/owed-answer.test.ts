import { describe, expect, it } from 'vitest';
import { lateAnswer } from '../../src/monitor/owed-answer.ts';
import { virtualClock } from '../support/virtual-clock.ts';

const TIMEOUT_MS = 1_000;

function setUp() {
  const clock = virtualClock();
  const told: string[] = [];
  let answeredAt = Number.NEGATIVE_INFINITY;
  let answer: () => void = () => undefined;
  const owed = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const begunAt = clock.now();
  const elapsed = (at: number) => at - begunAt;
  void lateAnswer(owed, clock, {
    timeoutMs: TIMEOUT_MS,
    answeredAt: () => answeredAt,
    late: () => told.push(`late at ${elapsed(clock.now())}`),
    missed: (since) => told.push(`missed at ${elapsed(clock.now())}, counted from ${elapsed(since)}`),
  }).then(() => told.push('late'));
  return {
    clock,
    told,
    answer: () => answer(),
    answerOther: () => {
      answeredAt = clock.now();
    },
  };
}

describe('an answer that is owed', () => {
  it('is late when its time is over, once the input has been read', async () => {
    const { clock, told } = setUp();
    await clock.advance(TIMEOUT_MS - 1);
    expect(told).toEqual(['late at 500']);
    await clock.advance(2);
    expect(told.slice(1)).toEqual([expect.stringMatching(/^missed at 100[01], counted from 0$/), 'late']);
    expect(clock.pending).toBe(0);
  });

  it('is not, if it came', async () => {
    const { clock, told, answer } = setUp();
    await clock.advance(TIMEOUT_MS - 1);
    answer();
    await clock.advance(5_000);
    expect(told).toEqual(['late at 500']);
    expect(clock.pending).toBe(0);
  });

  it('has its whole time from the answer to the question before it, and no more than that', async () => {
    const { clock, told, answerOther } = setUp();
    await clock.advance(700);
    answerOther();
    await clock.advance(900);
    expect(told).toEqual(['late at 500']);
    await clock.advance(110);
    expect(told.slice(1)).toEqual([expect.stringMatching(/^missed at 170[01], counted from 700$/), 'late']);
  });
});
