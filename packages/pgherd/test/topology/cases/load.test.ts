import { describe, expect, it } from 'vitest';
import type { TransitionCase } from './format.ts';
import { CaseFileError } from './json.ts';
import { parseCaseFile } from './load.ts';
import { beginning, play } from './play.ts';
import { courseMisses, pictureMisses } from './verdict.ts';

type Json = Readonly<Record<string, unknown>>;

const PHASE: Json = { see: ['10 a primary'], expect: { writes: 'a' } };
const CASE: Json = { name: 'one primary', nodes: 'ab', phases: [PHASE] };

function load(file: Json): readonly TransitionCase[] {
  return parseCaseFile('some.json', JSON.stringify({ about: 'a test', cases: [CASE], ...file })).cases;
}

/** Loads one case with one phase that differs from a good one as told. */
function loadPhase(phase: Json, one: Json = {}): TransitionCase {
  const [only] = load({ cases: [{ ...CASE, ...one, phases: [{ ...PHASE, ...phase }] }] });
  if (only === undefined) throw new Error('no case');
  return only;
}

/** What the first phase of `one` gets wrong. */
function missesOf(one: TransitionCase): readonly string[] {
  const [phase] = one.phases;
  if (phase === undefined) throw new Error('no phase');
  const played = play(beginning(one), phase.see, one);
  return [...pictureMisses(played.topology, phase, one), ...courseMisses(played, phase.expect)];
}

describe('a file that is not as it must be is refused with its place and the rule', () => {
  it('no JSON', () => {
    expect(() => parseCaseFile('some.json', '{')).toThrow(CaseFileError);
    expect(() => parseCaseFile('some.json', '{')).toThrow(/^some\.json: /);
  });

  it.each<[string, Json, RegExp]>([
    ['no cases', { cases: [] }, /^some\.json, cases: a file has at least one case$/],
    ['an unknown key', { caces: [] }, /^some\.json: "caces" is not known here; did you mean "cases"\?$/],
    ['the same name twice', { cases: [CASE, CASE] }, /two cases are called "one primary"/],
    ['no name', { cases: [{ ...CASE, name: undefined }] }, /^some\.json, case 1, name: a text is needed/],
    [
      'no nodes',
      { cases: [{ ...CASE, nodes: undefined }] },
      /case "one primary", nodes: neither the case nor/,
    ],
    ['a node twice', { cases: [{ ...CASE, nodes: 'aa' }] }, /nodes: "aa" must be small letters, each once/],
    ['no phases', { cases: [{ ...CASE, phases: [] }] }, /phases: a case has at least one phase/],
    [
      'an unknown setting',
      { cases: [{ ...CASE, settings: { deadAfter: 1 } }] },
      /case "one primary", settings: "deadAfter" is not known here; did you mean "deadAfterMs"\?/,
    ],
    [
      'a setting below nothing',
      { settings: { deadAfterMs: -1 } },
      /^some\.json, settings, deadAfterMs: a number from 0 up is needed, not -1$/,
    ],
    [
      'an unknown system',
      { settings: { systemIdentifier: 'mine' } },
      /systemIdentifier: "mine" is not known here/,
    ],
  ])('%s', (_what, file, message) => {
    expect(() => load(file)).toThrow(CaseFileError);
    expect(() => load(file)).toThrow(message);
  });

  it.each<[string, Json, RegExp]>([
    ['nothing expected', { expect: {} }, /case "one primary", phase 1, expect: nothing is expected$/],
    ['no expectation', { expect: undefined }, /phase 1, expect: every phase says what is expected/],
    ['a named phase', { name: 'later', expect: {} }, /, phase 1 "later", expect: /],
    ['an unknown field', { expect: { nodes: { a: { rol: 'x' } } } }, /nodes, a: "rol" .* mean "role"\?$/],
    ['an unknown node', { expect: { writes: 'z' } }, /writes: there is no node "z"; the nodes are a, b$/],
    ['an unknown target', { expect: { serves: { sandby: 'a' } } }, /"sandby" .* mean "standby"\?$/],
    ['an unknown option', { expect: { serves: { 'any nod=a': 'a' } } }, /"nod" is not known here/],
    ['no number', { expect: { serves: { 'any maxLagMs=x': 'a' } } }, /maxLagMs is no number from 0 up/],
    ['an unknown change', { expect: { events: ['rôle a'] } }, /"rôle a" is no change that is told/],
    ['an unknown disposition', { expect: { connections: { a: ['close'] } } }, /"close" is not known here/],
    ['a text for a position', { expect: { nodes: { a: { lsn: '0/1' } } } }, /position is a number of bytes/],
    [
      'a broken pattern',
      { expect: { nodes: { a: { standingReason: '/(/' } } } },
      /standingReason: .*regular/,
    ],
    ['a given that is not', { see: ['@pair'] }, /see\[0\]: the file gives nothing called "pair"$/],
  ])('%s', (_what, phase, message) => {
    expect(() => loadPhase(phase)).toThrow(CaseFileError);
    expect(() => loadPhase(phase)).toThrow(message);
  });

  it.each<[string, RegExp]>([
    ['a primary', /a line begins with milliseconds, not with "a"/],
    ['10 z primary', /there is no node "z"; the nodes are a, b/],
    ['10 ab primary', /"ab" is not the letter of one node/],
    ['10 a primery', /nothing is called "primery"; did you mean "primary"\?/],
    ['10 a primary tl', /"tl" has no value; write key=value/],
    ['10 a primary tl=x', /"tl=x" is not a number/],
    ['10 a primary tl=1 tl=2', /"tl" is given twice/],
    ['10 a primary timelin=1', /"primary" takes no "timelin"/],
    ['10 a primary sys=mine', /no system is called "mine"; there are main, other, third/],
    ['10 a parameters hot-standby=yes', /"hot-standby=yes" is neither on nor off/],
    ['10 cluster accept sys=main tl=1', /"accept"; did you mean "accepts"\?/],
    ['10 cluster accepts sys=main', /an epoch needs both, sys and tl/],
    ['10 cluster lists nodes=az', /there is no node "z"/],
  ])('the line "%s"', (line, message) => {
    expect(() => loadPhase({ see: [line] })).toThrow(CaseFileError);
    expect(() => loadPhase({ see: [line] })).toThrow(message);
    expect(() => loadPhase({ see: [line] })).toThrow(`case "one primary", phase 1, see[0] "${line}"`);
  });

  it('a file that promises all targets names those that it leaves out', () => {
    const phases = [{ ...PHASE, expect: { serves: { any: 'a' } } }];
    expect(() => load({ allTargets: true, cases: [{ ...CASE, phases }] })).toThrow(
      /"serves" says nothing of read-write, read-only, primary, standby, prefer-standby, prefer-primary/,
    );
  });
});

describe('a case that is wrong fails, and tells where', () => {
  it.each<[string, Json, RegExp]>([
    ['who takes writes', { writes: null }, /^writes: expected null, but it is "a"$/],
    ['a field of a node', { nodes: { a: { timeline: 2 } } }, /^node a, timeline: expected 2, but it is 1$/],
    ['a field of an unknown node', { nodes: { a: { timeline: null } } }, /expected unknown, but/],
    ['a position', { nodes: { a: { lsn: 7 } } }, /^node a, lsn: expected 7, but it is 1000$/],
    [
      'a reason',
      { nodes: { b: { healthReason: '/refused/' } } },
      /^node b, healthReason: expected \/refused/,
    ],
    ['a field of the cluster', { cluster: { floor: 3 } }, /^cluster, floor: expected 3, but it is 1$/],
    [
      'a list of the cluster',
      { cluster: { positions: [] } },
      /^cluster, positions: expected \[\], but it is \[/,
    ],
    ['who serves', { serves: { any: 'ab' } }, /^serves any: expected "ab", but it is "a"$/],
    [
      'why not',
      { refused: { any: { a: 'asleep' } } },
      /^refused any, a:5432: expected "asleep", but it is unknown/,
    ],
    ['what is told', { events: [] }, /^events: expected \[\], but it is \["health a/],
    ['connections', { connections: { a: ['drain'] } }, /^connections: expected .*drain.*, but it is \{\}$/],
    ['who is made ready', { prepares: 'b' }, /^prepares: expected "b", but it is ""$/],
  ])('%s', (_what, expected, message) => {
    const misses = missesOf(loadPhase({ expect: expected }));
    expect(misses).toHaveLength(1);
    expect(misses[0]).toMatch(message);
  });

  it('a write that the cluster would not have sent', () => {
    expect(() => missesOf(loadPhase({ see: ['10 a standby', '11 a wrote'] }))).toThrow(
      '"11 a wrote": the cluster would not have written there',
    );
  });

  it('an epoch that would not have been accepted', () => {
    const see = ['10 a primary tl=5', '11 cluster accepts sys=main tl=4'];
    expect(() => missesOf(loadPhase({ see }))).toThrow(/refused, a:5432 is above it/);
  });
});
