import { describe, expect, test } from 'vitest';
import { parseRepeat, repeat } from '../repeat.ts';

describe('repeat', () => {
  test('stops at the first run that fails and says which', async () => {
    const rounds: number[] = [];
    const failed = await repeat(20, async (round) => {
      rounds.push(round);
      return round < 3;
    });
    expect(failed).toBe(3);
    expect(rounds).toEqual([1, 2, 3]);
  });

  test('reports nothing when all runs pass', async () => {
    expect(await repeat(3, async () => true)).toBeUndefined();
  });

  test('reads its arguments', () => {
    expect(parseRepeat(['a.test.ts', '--times', '5', '--busy'])).toEqual({
      file: 'a.test.ts',
      times: 5,
      busy: true,
    });
    expect(parseRepeat(['a.test.ts'])).toEqual({ file: 'a.test.ts', times: 20, busy: false });
    expect(parseRepeat(['--help'])).toBeUndefined();
    expect(parseRepeat(['a.test.ts', '-h'])).toBeUndefined();
  });

  test.each([
    [[], 'No test file is named.'],
    [['a', 'b'], 'b came after it'],
    [['a', '--times', '0'], '--times is "0"'],
    [['a', '--slowly'], "Unknown option '--slowly'"],
  ])('%j is answered with what is wrong, and the usage', (args, why) => {
    expect(() => parseRepeat(args)).toThrow(why);
    expect(() => parseRepeat(args)).toThrow('Usage: npm run repeat');
  });
});
