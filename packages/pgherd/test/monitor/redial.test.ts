import { describe, expect, it } from 'vitest';
import { type Whereabouts, whereabouts } from '../../src/monitor/redial.ts';
import { type RedialCircumstances, redialAt } from '../../src/topology/redial-plan.ts';

describe('where an address leads, by the starts that new connections show', () => {
  it.each<[string, string | undefined, boolean, (string | undefined)[], Whereabouts]>([
    ['the known server', 'x', true, ['x'], 'same'],
    ['the known server, although nothing is open to it', 'x', false, ['x'], 'same'],
    ['nothing was known', undefined, true, ['y'], 'same'],
    ['the start is withheld', 'x', true, [undefined], 'same'],
    ['another one, while the known one still answers', 'x', true, ['y'], 'dial-again'],
    ['another one, and nothing is open to the known one', 'x', false, ['y'], 'moved'],
    ['another one, twice', 'x', true, ['y', 'y'], 'moved'],
    ['another one, then the known one', 'x', true, ['y', 'x'], 'alternates'],
    ['two others', 'x', true, ['y', 'z'], 'alternates'],
    ['another one, then one that withholds it', 'x', true, ['y', undefined], 'alternates'],
  ])('%s', (_what, known, isOpen, shown, expected) => {
    expect(whereabouts(known, isOpen, shown)).toBe(expected);
  });
});

describe('when a node is dialled anew', () => {
  const AT_REST: RedialCircumstances = {
    leadsElsewhere: false,
    hasSeveral: false,
    redialMs: 30_000,
    callsWait: false,
    nodes: 1,
    dialledAt: 1_000,
    dice: 0,
  };
  it.each<[string, Partial<RedialCircumstances>, number]>([
    ['every probe.redialMs', {}, 31_000],
    ['a quarter later at most', { dice: 1 }, 38_500],
    ['never, with 0', { redialMs: 0 }, Number.POSITIVE_INFINITY],
    ['every second while calls wait for the only node', { callsWait: true }, 2_000],
    ['also an address that is not dialled at rest', { callsWait: true, redialMs: 0 }, 2_000],
    ['every five seconds while calls wait and there are several nodes', { callsWait: true, nodes: 3 }, 6_000],
    [
      'as often as it is at rest, where that is more often',
      { callsWait: true, nodes: 3, redialMs: 100 },
      1_100,
    ],
    ['every twelve seconds if several servers answer', { hasSeveral: true, redialMs: 0 }, 13_000],
    ['at once if a connection led to another server', { leadsElsewhere: true }, 1_200],
    ['also an address that is not dialled at rest, then', { leadsElsewhere: true, redialMs: 0 }, 1_200],
    ['a quarter later at most, then too', { leadsElsewhere: true, dice: 1 }, 1_250],
  ])('%s', (_what, circumstances, expected) => {
    expect(redialAt({ ...AT_REST, ...circumstances })).toBe(expected);
  });
});
