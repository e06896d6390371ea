import { describe, expect, it } from 'vitest';
import { hasRoom, type LaneState, type RoomLimits, roomForLong } from '../../src/lanes/admission.ts';
import {
  learn,
  learnAlone,
  noteFirstRun,
  noteMore,
  noteRun,
  predictedMs,
  type ServiceTime,
  surpriseMs,
  unknownRisk,
  unmeasured,
} from '../../src/lanes/service-time.ts';

const LIMITS: RoomLimits = { maxDepth: 200, maxWrites: 16, maxQueueMs: 2, maxRiskMs: 1 };
const NOW = 1_000;

function lane(state: Partial<LaneState>): LaneState {
  return {
    depth: 1,
    writes: 0,
    queueMs: 0.1,
    riskMs: 0,
    barring: 0,
    headSince: NOW,
    headMs: 0.1,
    slackMs: 0,
    leaving: false,
    ...state,
  };
}

describe('roomForLong', () => {
  it.each<[string, number[], number, number]>([
    ['nothing runs: all but one', [], 10, 9],
    ['short queues take none of it', [0.1, 5, 19], 10, 9],
    ['long ones do', [20, 600, 0.1], 10, 7],
    ['the last is for others', [20, 20], 3, 0],
    ['nor is there more where others were counted on', [20, 20, 20], 3, -1],
    ['a single connection is for everybody', [], 1, 1],
    ['and taken by one', [20], 1, 0],
  ])('%s', (_what, queues, max, room) => {
    expect(
      roomForLong(
        queues.map((queueMs) => ({ queueMs })),
        max,
      ),
    ).toBe(room);
  });
});

describe('hasRoom', () => {
  it.each<[string, Partial<LaneState>, boolean, boolean]>([
    ['an empty lane takes anything', { depth: 0, queueMs: 0, headSince: 0 }, true, true],
    ['one that is leaving takes nothing', { depth: 0, leaving: true }, false, false],
    ['a short queue is joined', { depth: 20, queueMs: 2 }, false, true],
    ['a long queue is not', { depth: 20, queueMs: 2.1 }, false, false],
    ['nor one that is deep', { depth: 200, queueMs: 0.5 }, false, false],
    ['a write joins fifteen writes', { depth: 15, writes: 15 }, true, true],
    ['but not sixteen', { depth: 16, writes: 16 }, true, false],
    ['which a read does', { depth: 16, writes: 16 }, false, true],
    ['behind a head of 2 ms there is room', { headSince: NOW - 2 }, false, true],
    ['behind an older one there is none', { headSince: NOW - 2.1 }, false, false],
    ['unless it usually takes long', { headSince: NOW - 3.9, headMs: 1 }, false, true],
    ['or the way there and back does', { headSince: NOW - 6, slackMs: 4 }, false, true],
    ['and four times that is enough', { headSince: NOW - 4.1, headMs: 1 }, false, false],
  ])('%s', (_name, state, writes, expected) => {
    expect(hasRoom(lane(state), { writes, aloneUntil: NOW }, NOW, LIMITS)).toBe(expected);
  });

  it.each<[string, Partial<LaneState>, number, boolean]>([
    ['nothing joins behind a write of which nothing is known', { barring: 1 }, NOW, false],
    ['nor behind what may take much longer than expected', { riskMs: 1.1 }, NOW, false],
    ['which is taken when it costs little on average', { riskMs: 1 }, NOW, true],
    ['what waited for a lock joins no other', {}, NOW + 1, false],
    ['but is sent where nothing is', { depth: 0, queueMs: 0 }, NOW + 1, true],
    ['and joins others again later', {}, NOW, true],
  ])('%s', (_name, state, aloneUntil, expected) => {
    expect(hasRoom(lane(state), { writes: false, aloneUntil }, NOW, LIMITS)).toBe(expected);
  });
});

const unknown = unmeasured;
const known = (meanMs: number): ServiceTime => ({ ...unmeasured(), meanMs, runs: 1 });

/** After `count` times the same measurement. */
function after(count: number, time: ServiceTime, measure: (time: ServiceTime) => void): number {
  for (let done = 0; done < count; done++) measure(time);
  return predictedMs(time);
}

describe('service times', () => {
  it('nothing known is half a millisecond, so that a few are tried together', () => {
    expect(predictedMs(unknown())).toBe(0.5);
  });

  it('what is alone and quick is still tried together, what takes long is not', () => {
    const quick = unknown();
    learnAlone(quick, 0.3, 0.2);
    expect(predictedMs(quick)).toBe(0.5);
    const slow = unknown();
    learnAlone(slow, 50, 0.2);
    expect(predictedMs(slow)).toBe(50);
  });

  it('what was answered in a row shares the time that it took', () => {
    const times = [unknown(), unknown(), unknown(), unknown()];
    learn(times, 0.4, false);
    expect(times.map(predictedMs)).toEqual([0.1, 0.1, 0.1, 0.1]);
  });

  it('a slow statement among quick ones takes the blame', () => {
    const slow = known(50);
    const quick = known(0.05);
    learn([quick, quick, slow, quick], 60, false);
    expect(predictedMs(slow)).toBeGreaterThan(50);
    expect(predictedMs(quick)).toBeLessThan(0.06);
  });

  it('two hundred of one text that were answered together are one measurement', () => {
    const many = (time: ServiceTime) => Array.from({ length: 200 }, () => time);
    expect(after(1, known(0.1), (time) => learn(many(time), 2_000, false))).toBeLessThan(0.2);
    expect(after(1, known(0.1), (time) => learn(many(time), 2, false))).toBeGreaterThan(0.05);
    expect(after(50, known(0.1), (time) => learn(many(time), 2, false))).toBeCloseTo(0.01, 5);
  });

  it('learns quickly that a statement takes less, slowly that it takes more, and hardly anything from one wait', () => {
    expect(after(10, known(1), (time) => learn([time], 0.1, false))).toBeLessThan(0.15);
    expect(after(10, known(0.1), (time) => learn([time], 1, false))).toBeLessThan(0.6);
    expect(after(200, known(0.1), (time) => learn([time], 1, false))).toBeGreaterThan(0.9);
    expect(after(1, known(0.1), (time) => learn([time], 5_000, false))).toBeLessThan(0.2);
  });

  it('with the way there and back in it a time only shows that less is needed', () => {
    expect(after(5, known(0.1), (time) => learn([time, time], 10, true))).toBe(0.1);
    expect(after(20, known(1), (time) => learn([time, time], 0.4, true))).toBeLessThan(0.25);
  });

  it('a distant server does not make a statement long; being long compared with the quickest answer does', () => {
    expect(after(50, unknown(), (time) => learnAlone(time, 30, 29))).toBe(0.5);
    expect(after(50, unknown(), (time) => learnAlone(time, 30, 0.5))).toBe(30);
  });

  it('of what is known, an answer to it alone only shows that it takes less', () => {
    expect(after(50, known(0.1), (time) => learnAlone(time, 30, 0.5))).toBe(0.1);
    expect(after(20, known(10), (time) => learnAlone(time, 0.5, 0.5))).toBeLessThan(0.6);
  });
});

describe('surprises', () => {
  it.each<[string, number, number, number, number]>([
    ['as long as expected', 0.1, 0.1, 0, 0],
    ['50 ms longer, which a busy machine explains', 0.1, 50.1, 0, 0],
    ['longer than that', 0.1, 200.1, 0, 200],
    ['what our own delay explains', 0.1, 54, 5, 0],
    ['what is long anyway may vary', 50, 400, 0, 0],
    ['but not tenfold', 50, 501, 0, 451],
  ])('%s', (_what, expectedMs, tookMs, slackMs, surprise) => {
    expect(surpriseMs(expectedMs, tookMs, slackMs)).toBe(surprise);
  });

  it('are expected before the first run; trust grows with the number of runs', () => {
    const time = unmeasured();
    expect(time.riskMs).toBe(200);
    for (let run = 0; run < 999; run++) noteRun(time, 0);
    expect(time.riskMs).toBeCloseTo(0.2, 5);
  });

  it('cost what they cost on average: one run in a hundred that takes 200 ms more is 2 ms for each', () => {
    const time = unmeasured();
    for (let run = 0; run < 10_000; run++) noteRun(time, run % 100 === 7 ? 200 : 0);
    expect(time.riskMs).toBeGreaterThan(1.8);
    expect(time.riskMs).toBeLessThan(2.2);
  });

  it('are forgotten within some thousand runs', () => {
    const time = unmeasured();
    for (let run = 0; run < 10_000; run++) noteRun(time, 0);
    const before = time.riskMs;
    noteRun(time, 200);
    expect(time.riskMs - before).toBeCloseTo(0.195, 2);
    for (let run = 0; run < 5_000; run++) noteRun(time, 0);
    expect(time.riskMs).toBeLessThan(0.002);
  });

  it('of a new text are as likely as of the new texts before it', () => {
    const newTexts = unknownRisk();
    for (let text = 0; text < 99; text++) noteFirstRun(unmeasured(), newTexts, 0);
    expect(newTexts.riskMs).toBeCloseTo(2, 5);
    const time = unmeasured();
    noteFirstRun(time, newTexts, 0);
    expect(time).toMatchObject({ runs: 1, riskMs: expect.closeTo(1, 5) });
  });

  it('count as soon as they are seen, and for the rest once they are over', () => {
    const [early, late] = [unmeasured(), unmeasured()];
    noteRun(early, 30);
    noteMore(early, 170);
    noteRun(late, 200);
    expect(early).toEqual(late);
  });

  it('one of them makes no text long that was short before; most of its runs do', () => {
    const time = unmeasured();
    const run = (tookMs: number) => {
      noteRun(time, surpriseMs(predictedMs(time), tookMs, 0));
      learnAlone(time, tookMs, 0.2);
    };
    for (let done = 0; done < 10; done++) run(0.5);
    run(200);
    expect(predictedMs(time)).toBe(0.5);
    for (let done = 0; done < 3; done++) run(200);
    expect(predictedMs(time)).toBe(200);
  });
});
