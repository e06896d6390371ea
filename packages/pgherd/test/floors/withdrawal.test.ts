import { describe, expect, it } from 'vitest';
import type { Observation, ProbeFacts } from '../../src/model/observation.ts';
import type { TopologyDescription } from '../../src/model/topology.ts';
import { initialTopology, observe, startedTopology, withNodes } from '../../src/topology/topology.ts';
import {
  addressOf,
  answer,
  connectFailed,
  named,
  primaryFacts,
  SETTINGS,
  standbyFacts,
} from '../support/evidence.ts';

/** What a node answers in one second, or that it refuses; `undefined`: it is not asked. */
type Says = Partial<ProbeFacts> | 'refused' | undefined;
/** Seconds since the start, with what each node says then; later seconds go on as the last one. */
type Script = (second: number) => Readonly<Record<string, Says>>;

/** The log of the true line grows by this in each second. */
const GROWTH = 1_000n;

function lsnAt(second: number): bigint {
  return GROWTH * BigInt(second + 1);
}

const primaryAt = (second: number, facts: Partial<ProbeFacts> = {}) =>
  primaryFacts({ lsn: lsnAt(second), walSenders: 1, ...facts });
const standbyAt = (second: number, facts: Partial<ProbeFacts> = {}) =>
  standbyFacts({ lsn: lsnAt(second), receivedLsn: lsnAt(second), ...facts });

/** The second in which the promoted standby is there again. */
const BACK = 6;

/** The node `c` once it was made a standby of `a` again. */
function rebuilt(second: number, facts: Partial<ProbeFacts> = {}): Partial<ProbeFacts> {
  const uptimeMs = (second - BACK) * 1_000 + 200;
  return standbyAt(second, { postmasterStartedAt: '2', uptimeMs, ...facts });
}

/** `a` is the primary all the time; `c` is promoted in second 3, is down in second 5, and then says what `after` gives. */
function story(after: (second: number) => Says, more: Script = () => ({})): Script {
  return (second) => ({
    a: primaryAt(second),
    b: standbyAt(second),
    c:
      second < 3
        ? standbyAt(second, { postmasterStartedAt: '1' })
        : second < 5
          ? primaryAt(second, { timeline: 2, postmasterStartedAt: '1' })
          : second < BACK
            ? 'refused'
            : after(second),
    ...more(second),
  });
}

function stepsOf(script: Script, second: number): readonly Observation[] {
  return Object.entries(script(second)).flatMap(([letter, says], index) => {
    const at = second * 1_000 + index * 10 + 10;
    if (says === undefined) return [];
    return [says === 'refused' ? connectFailed(letter, 'refused', { at }) : answer(letter, says, { at })];
  });
}

/** Plays the seconds, and looks at the picture after each; evidence is of the life that the node is in. */
function playTo(
  last: number,
  script: Script,
  settings = SETTINGS,
  look: (picture: TopologyDescription, second: number) => void = () => undefined,
): TopologyDescription {
  let picture = startedTopology(initialTopology(['a', 'b', 'c'].map(addressOf)), 0);
  for (let second = 0; second <= last; second += 1) {
    for (const step of stepsOf(script, second)) {
      const generation = picture.nodes.find(({ name }) => name === step.node)?.generation ?? 0;
      picture = observe(picture, { ...step, generation }, settings);
    }
    look(picture, second);
  }
  return picture;
}

/** The second in which writes go to `a` again; `undefined` if not within two minutes. */
function returnOf(script: Script, settings = SETTINGS): number | undefined {
  let back: number | undefined;
  playTo(120, script, settings, (picture, second) => {
    if (second >= BACK && picture.writable === named('a')) back ??= second;
  });
  return back;
}

function missingIn(script: Script, second = 60): string {
  return playTo(second, script).barred?.missing.join('; ') ?? 'nothing is barred';
}

describe('a floor falls', () => {
  it('once its witness was rebuilt from the true primary and has followed it for ten seconds', () => {
    const back = returnOf(story((second) => rebuilt(second)));
    expect(back).toBeGreaterThanOrEqual(BACK + 10);
    expect(back).toBeLessThanOrEqual(BACK + 13);
  });

  it('as soon as may be where the option says so, yet not before three comparisons', () => {
    const back = returnOf(
      story((second) => rebuilt(second)),
      { ...SETTINGS, withdrawAfterMs: 0 },
    );
    expect(back).toBeGreaterThanOrEqual(BACK + 3);
    expect(back).toBeLessThanOrEqual(BACK + 6);
  });

  it('while the primary is idle', () => {
    const still = { lsn: 5_000n, receivedLsn: 5_000n };
    const script = story(
      (second) => rebuilt(second, still),
      (second) => ({ a: primaryAt(second, { lsn: 5_000n }) }),
    );
    expect(returnOf(script)).toBeDefined();
  });

  it('one level at a time, from the top, each when its own witnesses have come back', () => {
    // b was promoted to 2 in second 3, c to 3 in second 4; both were rebuilt from a.
    const script = story(
      (second) => rebuilt(second),
      (second) => ({
        b: bAfter(second),
        ...(second === 4 && { c: primaryAt(second, { timeline: 3, postmasterStartedAt: '1' }) }),
      }),
    );
    const floors: (number | undefined)[] = [];
    playTo(60, script, SETTINGS, ({ floor }) => {
      if (floors.at(-1) !== floor) floors.push(floor);
    });
    expect(floors).toEqual([1, 2, 3, 2, 1]);
    expect(returnOf(script)).toBeLessThanOrEqual(BACK + 26);
  });
});

function bAfter(second: number): Says {
  if (second < 3) return standbyAt(second);
  if (second === 3) return primaryAt(second, { timeline: 2, postmasterStartedAt: '5' });
  return second < BACK ? 'refused' : rebuilt(second, { postmasterStartedAt: '6' });
}

interface Stays {
  readonly because: string;
  readonly script: Script;
  /** What the operator is told. */
  readonly missing: RegExp;
}

const STAYS: readonly Stays[] = [
  {
    because:
      'its witness was started as a standby without a rebuild: the checkpoint is of before the promotion',
    script: story((second) => rebuilt(second, { timelineAtLeast: 1, recoveryTimeline: 2 })),
    missing: /c:5432 is in recovery, but its data are of timeline 2: rebuild it from a:5432/,
  },
  {
    because: 'both timelines of its control file are of the stray line',
    script: story((second) => rebuilt(second, { timelineAtLeast: 2, recoveryTimeline: 2 })),
    missing: /data are of timeline 2/,
  },
  {
    because: 'the control file is closed to our role',
    script: story((second) => rebuilt(second, { recoveryTimeline: undefined })),
    missing: /does not return of which timeline/,
  },
  {
    because: 'the same server, not restarted, says that it is in recovery',
    script: story((second) => rebuilt(second, { postmasterStartedAt: '1' })),
    missing: /has not been restarted/,
  },
  {
    because: 'another server has its address: it ran already when the level was shown',
    script: story((second) =>
      rebuilt(second, { postmasterStartedAt: '9', uptimeMs: 86_400_000 + second * 1_000 }),
    ),
    missing: /already ran when c:5432 showed timeline 2/,
  },
  {
    because: 'the clock of that server was set back, which makes its life look shorter, but not short enough',
    script: story((second) => rebuilt(second, { postmasterStartedAt: '9', uptimeMs: (second - 3) * 1_000 })),
    missing: /already ran/,
  },
  {
    because: 'a server of another system has its address',
    script: story((second) => rebuilt(second, { systemIdentifier: '7300000000000000002' })),
    missing: /a server of another system answers there now/,
  },
  {
    because: 'its witness is silent',
    script: story(() => 'refused'),
    missing: /c:5432 showed timeline 2 and is offline: it was refused/,
  },
  {
    because: 'no standby streams from the primary',
    script: story(
      (second) => rebuilt(second),
      (second) => ({ a: primaryAt(second, { walSenders: 0 }) }),
    ),
    missing: /no standby follows a:5432/,
  },
  {
    because: 'the primary does not return how many standbys it has',
    script: story(
      (second) => rebuilt(second),
      (second) => ({ a: primaryAt(second, { walSenders: undefined }) }),
    ),
    missing: /has not returned how many/,
  },
  {
    because: 'the witness is ahead of the primary: it is on another line',
    script: story((second) => rebuilt(second, { lsn: lsnAt(second + 5), receivedLsn: lsnAt(second + 5) })),
    missing: /c:5432/,
  },
  {
    because: 'the witness stands still while the primary goes on',
    script: story((second) => rebuilt(second, { lsn: 3_000n, receivedLsn: 3_000n })),
    missing: /c:5432/,
  },
  {
    because: 'another standby has data of the stray line',
    script: story(
      (second) => rebuilt(second),
      (second) => (second < BACK ? {} : { b: standbyAt(second, { recoveryTimeline: 2 }) }),
    ),
    missing: /the data of b:5432 may be of timeline 2/,
  },
  {
    because: 'a true failover lies below: its primary is restarting, and only a former primary answers',
    script: story(
      (second) => rebuilt(second, { timelineAtLeast: 2, recoveryTimeline: 2 }),
      (second) => ({
        b: second === 1 ? primaryAt(second, { timeline: 2 }) : 'refused',
        ...(second === 4 && { c: primaryAt(second, { timeline: 3, postmasterStartedAt: '1' }) }),
      }),
    ),
    missing: /the data of c:5432 may be of timeline 2, and a:5432 is on timeline 1/,
  },
  {
    because: 'two servers are primaries of the lower timeline',
    script: story(
      (second) => rebuilt(second),
      (second) => (second < BACK ? {} : { b: primaryAt(second) }),
    ),
    missing: /a:5432 and b:5432 are primaries of timeline 1/,
  },
];

describe('a floor stays', () => {
  it.each(STAYS)('if $because', ({ script, missing }) => {
    expect(returnOf(script)).toBeUndefined();
    expect(missingIn(script)).toMatch(missing);
  });

  it('if its witness has left the list', () => {
    const script = story((second) => rebuilt(second));
    let picture = playTo(BACK, script);
    const listed = picture.nodes.filter(({ name }) => name !== named('c'));
    picture = withNodes(
      picture,
      listed.map((node) => ({ address: node.address, labels: node })),
      undefined,
      SETTINGS,
      6_500,
    );
    for (let second = BACK + 1; second < 60; second += 1) {
      for (const step of stepsOf(script, second)) picture = observe(picture, step, SETTINGS);
    }
    expect(picture.writable).toBeUndefined();
    expect(picture.barred?.missing.join()).toContain('c:5432 showed timeline 2 and is no longer in the list');
  });

  it('if fencing.withdrawAfterMs is false', () => {
    const script = story((second) => rebuilt(second));
    const settings = { ...SETTINGS, withdrawAfterMs: Number.POSITIVE_INFINITY };
    expect(returnOf(script, settings)).toBeUndefined();
    expect(playTo(60, script, settings).barred?.missing.join()).toContain('fencing.withdrawAfterMs is false');
  });

  it('as long as the witness does not keep step: the time begins anew', () => {
    const script = story((second) => {
      const late = second === BACK + 8 ? lsnAt(second - 5) : lsnAt(second);
      return rebuilt(second, { lsn: late, receivedLsn: late });
    });
    expect(returnOf(script)).toBeGreaterThan(BACK + 17);
  });

  it('if the witness shows the level again, however often it goes', () => {
    // An address that changes between two servers: the promoted one, and a standby of the primary.
    const script = story((second) =>
      second % 4 === 0
        ? primaryAt(second, { timeline: 2, postmasterStartedAt: '1' })
        : rebuilt(second, { postmasterStartedAt: '2', uptimeMs: 3_600_000 + second * 1_000 }),
    );
    expect(returnOf(script)).toBeUndefined();
  });
});
