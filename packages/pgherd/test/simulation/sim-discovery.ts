import type { DiscoveredNode, Discovery } from '../../src/index.ts';
import { Dice } from './dice.ts';
import type { Referee } from './referee.ts';
import type { World } from './world.ts';

/** A discovery of the simulated cluster: it knows the primary with some delay, and now and then leaves a standby out. */
export function discoveryOf(world: World, referee: Referee): Discovery {
  const dice = new Dice(world.scenario.seed, 'discovery');
  return {
    name: 'simulated',
    async *watch(context) {
      for (;;) {
        yield listOf(world, referee, dice);
        if (!(await context.pause(dice.between(300, 2_000)))) return;
      }
    },
  };
}

function listOf(world: World, referee: Referee, dice: Dice): DiscoveredNode[] {
  const left = referee.active && dice.chance(0.2) ? dice.pick(world.addresses) : undefined;
  const { node: leader } = world.siteOf(referee.truth);
  return world.addresses
    .filter((node) => node === leader || node !== left)
    .map((node) => ({ host: node.split(':')[0] ?? '', port: 5432, leader: node === leader }));
}
