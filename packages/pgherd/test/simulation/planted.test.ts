import { describe, expect, it } from 'vitest';
import { PLANTED_BUGS } from './planted-bugs.ts';
import { simulateCopy, withBug } from './planted-copy.ts';

/** All of them take minutes; outside of CI the first of the list show that bugs are found at all. */
const SOUGHT = process.env['CI'] === undefined ? PLANTED_BUGS.slice(0, 3) : PLANTED_BUGS;
/** Seeds that a copy without any bug must pass. */
const SOUND_SEEDS = 40;

describe('the simulation finds bugs', () => {
  it('and finds none in the sources as they are', async () => {
    const report = await simulateCopy(undefined, SOUND_SEEDS);
    expect(report.failingSeed, report.output).toBeUndefined();
  });

  it.each(PLANTED_BUGS)('the place for "$name" is in the sources once', (bug) => {
    expect(withBug(bug)).toContain(bug.replace);
  });

  it.each(SOUGHT)('$name', async (bug) => {
    const { failingSeed } = await simulateCopy(bug, bug.seeds);
    expect(failingSeed, `none of ${bug.seeds} seeds from ${bug.from ?? 1} on finds it`).toBeDefined();
  });
});
