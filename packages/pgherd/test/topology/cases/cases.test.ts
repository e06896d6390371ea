import { describe, expect, test } from 'vitest';
import type { TopologyDescription } from '../../../src/model/topology.ts';
import { readCaseFiles } from './files.ts';
import type { Phase, TransitionCase } from './format.ts';
import { ordersOf } from './orders.ts';
import { beginning, play } from './play.ts';
import { courseMisses, pictureMisses } from './verdict.ts';

const FILES = readCaseFiles();

/** Plays a case phase by phase; `look` judges each, and gives the picture that the next begins with. */
function follow(
  one: TransitionCase,
  look: (phase: Phase, start: TopologyDescription) => TopologyDescription,
): void {
  one.phases.reduce((picture, phase) => look(phase, picture), beginning(one));
}

function expectNone(phase: Phase, misses: readonly string[]): void {
  expect(misses.map((miss) => `${phase.title}: ${miss}`)).toEqual([]);
}

function asTold(one: TransitionCase): void {
  follow(one, (phase, start) => {
    const played = play(start, phase.see, one);
    expectNone(phase, [...pictureMisses(played.topology, phase, one), ...courseMisses(played, phase.expect)]);
    return played.topology;
  });
}

/** What is told twice, as two connections or a retry would, is true once. */
function toldTwice(one: TransitionCase): void {
  follow(one, (phase, start) => {
    const played = play(start, phase.see, one, { copies: 2 });
    expectNone(phase, [...pictureMisses(played.topology, phase, one), ...courseMisses(played, phase.expect)]);
    return played.topology;
  });
}

function inAnyOrder(one: TransitionCase): void {
  follow(one, (phase, start) => {
    if (!phase.anyOrder) return play(start, phase.see, one).topology;
    for (const steps of ordersOf(phase.see)) {
      const { topology } = play(start, steps, one);
      const order = steps.map((step) => `"${step.line}"`).join(', ');
      const misses = pictureMisses(topology, phase, one);
      expectNone(
        phase,
        misses.map((miss) => `${miss} (in the order ${order})`),
      );
    }
    return play(start, phase.see, one).topology;
  });
}

describe.each(FILES)('$file', ({ cases }) => {
  test.each(cases)('$name', asTold);

  test.each(cases.filter((one) => one.once === undefined))('$name, each piece of evidence twice', toldTwice);

  test.each(cases.filter((one) => one.phases.some((phase) => phase.anyOrder)))(
    '$name, in any order',
    inAnyOrder,
  );
});
