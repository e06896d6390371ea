import type { Scenario } from './scenario.ts';

/** A network on which only what a rule does shows: quick, and nearly without chance. */
export function calm(seed: number, nodes: number): Scenario {
  return {
    seed,
    mode: 'calm',
    nodes,
    traits: {
      reportsRole: true,
      plpgsql: true,
      controlFile: true,
      checkpointDelayMs: 100,
      slowStatements: 0,
    },
    delayMs: 0.3,
    jitterMs: 0.2,
    troubleMs: 0,
    faults: 0,
    callEveryMs: 1,
    splitFromTheStart: false,
    stranger: false,
    alias: false,
    lastNotPromotable: false,
    discovery: false,
    restAfterMs: 0,
    authority: false,
    takenBack: 0,
    forgets: 0,
    closesEarlyAtMs: undefined,
    options: {
      poolMax: 10,
      waitTimeoutMs: 10_000,
      deadAfterMs: 5_000,
      intervalMs: 1_000,
      timeoutMs: 1_000,
      longPoll: true,
      policy: 'p2c',
      withdrawAfterMs: 10_000,
      validate: 'never',
    },
  };
}
