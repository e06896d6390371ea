import type { DiscoveredNode, Discovery, DiscoveryContext } from '../../src/discovery/port.ts';
import type { Random } from '../../src/time/port.ts';
import { fixedRandom } from '../support/random.ts';
import { type VirtualClock, virtualClock } from '../support/virtual-clock.ts';

/** What a cluster would give a discovery, steered by the test. */
export interface TestContext extends DiscoveryContext {
  readonly clock: VirtualClock;
  /** Every pause that was asked for, milliseconds. */
  readonly pauses: number[];
  /** The primary was lost: ends the present pause. */
  wake(): void;
  /** The cluster is closed. */
  close(): void;
}

/** A context on a clock that stands still until the test moves it. */
export function testContext(random: Random = fixedRandom(0)): TestContext {
  const clock = virtualClock();
  const controller = new AbortController();
  const pauses: number[] = [];
  let end: ((goOn: boolean) => void) | undefined;
  controller.signal.addEventListener('abort', () => end?.(false));
  return {
    clock,
    random,
    pauses,
    defaultPort: 6432,
    signal: controller.signal,
    pause(ms) {
      pauses.push(ms);
      return new Promise((resolve) => {
        const timer = clock.schedule(ms, () => resolve(true));
        end = (goOn) => {
          timer.cancel();
          resolve(goOn);
        };
      });
    },
    wake: () => end?.(true),
    close: () => controller.abort(new Error('the cluster was closed')),
  };
}

/** The lists of a discovery, one by one. */
export type Lists = AsyncIterator<readonly DiscoveredNode[], unknown, undefined>;

export function listsOf(discovery: Discovery, context: DiscoveryContext): Lists {
  return discovery.watch(context)[Symbol.asyncIterator]();
}

/** The next list; a discovery that has ended is a failure of the test. */
export async function nextList(lists: Lists): Promise<readonly DiscoveredNode[]> {
  const { done, value } = await lists.next();
  if (done === true) throw new Error('the discovery has ended');
  return value;
}

/** Asks for the next list while the pause before it goes by. */
export async function afterPause(lists: Lists, context: TestContext): Promise<readonly DiscoveredNode[]> {
  const list = nextList(lists);
  await context.clock.settle();
  const pause = context.pauses.at(-1);
  if (pause === undefined) throw new Error('the discovery does not pause');
  await context.clock.advance(pause);
  return list;
}
