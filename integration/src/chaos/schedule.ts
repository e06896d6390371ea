import { seededRandom } from '@pgherd/testing';
import { FAULTS, type Fault, type FaultDice } from '../faults.ts';

/** One fault of a soak: everything that chance decides about it. */
export interface PlannedFault extends FaultDice {
  readonly fault: Fault;
  /** How long calls run undisturbed before it, milliseconds. */
  readonly calmMs: number;
}

const MAX_CALM_MS = 1_500;
const MAX_AFTER_MS = 1_000;

/** The faults of a seed, without end. The same seed gives the same faults in the same order, whatever they lead to. */
export function* schedule(seed: number, faults: readonly Fault[] = FAULTS): Generator<PlannedFault, never> {
  const random = seededRandom(seed);
  const total = faults.reduce((sum, fault) => sum + fault.weight, 0);
  for (;;) {
    const fault = drawn(faults, random.next() * total);
    yield {
      fault,
      calmMs: Math.round(random.next() * MAX_CALM_MS),
      pick: random.next(),
      holdMs: Math.round(random.next() * fault.maxHoldMs),
      afterMs: Math.round(random.next() * MAX_AFTER_MS),
    };
  }
}

function drawn(faults: readonly Fault[], at: number): Fault {
  let left = at;
  for (const fault of faults) {
    left -= fault.weight;
    if (left < 0) return fault;
  }
  throw new Error('There is no fault to draw.');
}
