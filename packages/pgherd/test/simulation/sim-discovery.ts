import type { LeaderAnswer, LeaderQuestion } from '../../src/discovery/port.ts';
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
    ...(world.scenario.authority && {
      authority: 'lease' as const,
      whoLeads: (question) => whoLeads(world, referee, question),
    }),
  };
}

/** Answers after a while, now and then too late: the lease is held by the primary that counts. */
async function whoLeads(
  world: World,
  referee: Referee,
  { clock, signal }: LeaderQuestion,
): Promise<readonly LeaderAnswer[]> {
  const dice = new Dice(world.scenario.seed, `lease at ${Math.floor(world.loop.now)}`);
  const delayMs = dice.chance(0.1) ? dice.between(1_500, 4_000) : dice.between(1, 80);
  await new Promise<void>((resolve) => {
    const timer = clock.schedule(delayMs, resolve, { ref: false });
    signal.addEventListener(
      'abort',
      () => {
        timer.cancel();
        resolve();
      },
      { once: true },
    );
  });
  const { node } = world.siteOf(referee.truth);
  world.trace.note(`the lease is held by ${node}`);
  return [{ leader: node, from: 'store' }];
}

function listOf(world: World, referee: Referee, dice: Dice): DiscoveredNode[] {
  const left = referee.active && dice.chance(0.2) ? dice.pick(world.addresses) : undefined;
  const { node: leader } = world.siteOf(referee.truth);
  return world.addresses
    .filter((node) => node === leader || node !== left)
    .map((node) => ({ host: node.split(':')[0] ?? '', port: 5432, leader: node === leader }));
}
