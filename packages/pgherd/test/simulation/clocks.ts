import { Dice } from './dice.ts';
import type { World } from './world.ts';

/** A step that is shorter than what two clocks may differ by is none, milliseconds. */
const SHORTEST_STEP_MS = 1_500;
const LONGEST_STEP_MS = 3_600_000;

/** In some seeds the clocks of servers are set, forward or back. A note that the operator leaves is dated by them: then they are not. */
export function stepClocks({ loop, scenario, servers }: World, leavesNote: boolean): void {
  const dice = new Dice(scenario.seed, 'clocks');
  if (leavesNote || scenario.mode === 'calm' || !dice.chance(0.3)) return;
  const steps = dice.whole(1, 3);
  for (let count = 0; count < steps; count++) {
    const by = dice.between(SHORTEST_STEP_MS, dice.chance(0.5) ? 20_000 : LONGEST_STEP_MS);
    const signed = dice.chance(0.6) ? -by : by;
    const server = dice.pick(servers);
    loop.world(dice.between(300, scenario.troubleMs), () => server.stepClock(signed));
  }
}
