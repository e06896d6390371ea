import { TARGETS } from '../../../src/model/names.ts';
import { DISPOSITIONS } from '../../../src/topology/disposition.ts';
import type { TopologySettings } from '../../../src/topology/topology.ts';
import { named } from '../../support/evidence.ts';
import {
  type AskedFor,
  type CaseFile,
  DEFAULTS,
  type Expectation,
  type ExpectedFields,
  type Phase,
  type Step,
  SYSTEMS,
  type TransitionCase,
} from './format.ts';
import { Place } from './json.ts';
import { parseStep } from './notation.ts';
import { CLUSTER_FIELDS, expectedValue, NODE_FIELDS } from './values.ts';

const FILE_KEYS = ['about', 'nodes', 'settings', 'given', 'allTargets', 'cases'] as const;
const CASE_KEYS = ['name', 'why', 'nodes', 'joins', 'labels', 'settings', 'once', 'phases'] as const;
const SETTING_KEYS = [
  'authority',
  'withdrawAfterMs',
  'deadAfterMs',
  'expireAfterMs',
  'identityGraceMs',
  'systemIdentifier',
  'onClusterReplaced',
  'lag',
  'fencing',
  'zones',
  'allowStale',
] as const;
const PHASE_KEYS = ['name', 'see', 'anyOrder', 'writesOpen', 'expect'] as const;
const EXPECT_KEYS = [
  'nodes',
  'cluster',
  'writes',
  'serves',
  'refused',
  'events',
  'connections',
  'prepares',
] as const;
const CHANGE_WORDS = [
  'health',
  'role',
  'standing',
  'primary',
  'split-brain',
  'several-servers',
  'foreign',
  'added',
  'removed',
  'replaced',
  'floor-withdrawn',
  'epoch-written',
  'contest',
];

/** What a tag that is asked for begins with: `tag:for=reports`. */
const TAG = 'tag:';

/** What the cases of a file have in common. */
interface Common {
  readonly letters: string;
  readonly settings: Place;
  readonly given: ReadonlyMap<string, Place>;
  readonly allTargets: boolean;
}

/**
 * Reads a file of cases.
 *
 * @throws CaseFileError naming file, case, phase, value and rule
 */
export function parseCaseFile(file: string, text: string): CaseFile {
  const whole = new Place(file, undefined);
  const json = whole.within(() => JSON.parse(text) as unknown);
  const keys = new Place(file, json).members(FILE_KEYS);
  const common: Common = {
    letters: keys.nodes.isGiven() ? lettersOf(keys.nodes) : '',
    settings: keys.settings,
    given: new Map(keys.given.entries()),
    allTargets: keys.allTargets.flag(false),
  };
  const cases = keys.cases.elements().map((place, index) => readCase(file, place, index, common));
  if (cases.length === 0) keys.cases.fail('a file has at least one case');
  const names = cases.map((one) => one.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) keys.cases.fail(`two cases are called "${twice}"`);
  return { file, about: keys.about.text(), cases };
}

function readCase(file: string, place: Place, index: number, common: Common): TransitionCase {
  const untitled = place.titled(`${file}, case ${index + 1}`);
  const name = untitled.members(CASE_KEYS).name.text();
  const title = `${file}, case "${name}"`;
  const keys = place.titled(title).members(CASE_KEYS);
  if (keys.why.isGiven()) keys.why.text();
  const letters = keys.nodes.isGiven() ? lettersOf(keys.nodes) : common.letters;
  if (letters === '') keys.nodes.fail('neither the case nor the file says which nodes there are');
  const everyone = keys.joins.isGiven() ? letters + lettersOf(keys.joins) : letters;
  const phases = keys.phases
    .elements()
    .map((phase, at) => readPhase(title, phase, at, { ...common, letters: everyone }));
  if (phases.length === 0) keys.phases.fail('a case has at least one phase');
  return {
    name,
    letters,
    labels: readLabels(keys.labels, everyone),
    ...readSettings(common.settings, keys.settings),
    once: keys.once.isGiven() ? keys.once.text() : undefined,
    phases,
  };
}

function lettersOf(place: Place): string {
  const letters = place.text();
  if (/^[a-z]+$/.test(letters) && new Set(letters).size === letters.length) return letters;
  return place.fail(`"${letters}" must be small letters, each once, one for each node`);
}

/** Settings by the names that the code has for them; what the case says wins over what the file says. */
function readSettings(
  ...places: readonly Place[]
): Pick<TransitionCase, 'settings' | 'zones' | 'allowStale'> {
  let settings: TopologySettings = DEFAULTS;
  let zones: readonly string[] = [];
  let allowStale = false;
  for (const place of places) {
    if (!place.isGiven()) continue;
    const keys = place.members(SETTING_KEYS);
    const system = keys.systemIdentifier.isGiven()
      ? SYSTEMS[keys.systemIdentifier.oneOf(Object.keys(SYSTEMS))]
      : settings.systemIdentifier;
    if (keys.zones.isGiven()) zones = keys.zones.elements().map((zone) => zone.text());
    allowStale = keys.allowStale.flag(allowStale);
    settings = {
      fencing: keys.fencing.oneOf(['strict', 'report'] as const, settings.fencing),
      authority: keys.authority.flag(settings.authority),
      withdrawAfterMs: keys.withdrawAfterMs.number(settings.withdrawAfterMs),
      deadAfterMs: keys.deadAfterMs.number(settings.deadAfterMs),
      expireAfterMs: keys.expireAfterMs.number(settings.expireAfterMs),
      identityGraceMs: keys.identityGraceMs.number(settings.identityGraceMs),
      systemIdentifier: system,
      onClusterReplaced: keys.onClusterReplaced.oneOf(
        ['refuse', 'adopt'] as const,
        settings.onClusterReplaced,
      ),
      probe: settings.probe,
      lag: keys.lag.isGiven() ? readLagLimits(keys.lag) : settings.lag,
    };
  }
  return { settings, zones, allowStale };
}

function readLagLimits(place: Place): TopologySettings['lag'] {
  const { maxMs, maxBytes } = place.members(['maxMs', 'maxBytes'] as const);
  return { maxMs: maxMs.number(undefined), maxBytes: maxBytes.number(undefined) };
}

function readLabels(place: Place, letters: string): TransitionCase['labels'] {
  const entries = place.entries().map(([letter, labels]) => {
    const keys = labels.members(['zone', 'promotable', 'readable', 'tags'] as const);
    const tags = Object.fromEntries(keys.tags.entries().map(([name, value]) => [name, value.text()]));
    const zone = keys.zone.isGiven() ? keys.zone.text() : undefined;
    const said = { zone, tags, promotable: keys.promotable.flag(true), readable: keys.readable.flag(true) };
    return [knownLetter(labels, letter, letters), said] as const;
  });
  return Object.fromEntries(entries);
}

function readPhase(title: string, place: Place, index: number, common: Common): Phase {
  const untitled = `${title}, phase ${index + 1}`;
  const { name } = place.titled(untitled).members(PHASE_KEYS);
  const phase = name.isGiven() ? `phase ${index + 1} "${name.text()}"` : `phase ${index + 1}`;
  const keys = place.titled(`${title}, ${phase}`).members(PHASE_KEYS);
  const expect = readExpectation(keys.expect, common);
  if (common.allTargets && expect.serves.length > 0) {
    const missing = TARGETS.filter((target) => !expect.serves.some((one) => one.key === target));
    if (missing.length > 0) keys.expect.fail(`"serves" says nothing of ${missing.join(', ')}`);
  }
  return {
    title: phase,
    see: keys.see.elements().flatMap((line) => readLine(line, common)),
    anyOrder: keys.anyOrder.flag(false),
    writesOpen: keys.writesOpen.flag(true),
    expect,
  };
}

/** A line, or `@name` for the lines that the file gives that name. */
function readLine(place: Place, common: Common): readonly Step[] {
  const line = place.text();
  if (!line.startsWith('@')) {
    return [place.titled(`${place.title} "${line}"`).within(() => parseStep(line, common.letters))];
  }
  const given = common.given.get(line.slice(1));
  if (given === undefined) return place.fail(`the file gives nothing called "${line.slice(1)}"`);
  return given.elements().flatMap((one) => {
    const text = one.text();
    return [one.titled(`${one.title} "${text}"`).within(() => parseStep(text, common.letters))];
  });
}

function readExpectation(place: Place, common: Common): Expectation {
  const { letters } = common;
  if (!place.isGiven()) place.fail('every phase says what is expected, if only what takes writes');
  const keys = place.members(EXPECT_KEYS);
  if (Object.values(keys).every((key) => !key.isGiven())) place.fail('nothing is expected');
  const serves = keys.serves.entries().map(([key, tiers]) => ({
    key,
    asked: tiers.within(() => readAskedFor(key, letters)),
    tiers: lettersIn(tiers, letters, ' '),
  }));
  const refused = keys.refused.entries().flatMap(([key, reasons]) =>
    reasons.entries().map(([letter, reason]) => ({
      key,
      asked: reasons.within(() => readAskedFor(key, letters)),
      node: named(knownLetter(reason, letter, letters)),
      reason: expectedValue(reason, 'reason'),
    })),
  );
  return {
    nodes: Object.fromEntries(
      keys.nodes
        .entries()
        .map(([letter, fields]) => [knownLetter(fields, letter, letters), readFields(fields, NODE_FIELDS)]),
    ),
    cluster: keys.cluster.isGiven() ? readFields(keys.cluster, CLUSTER_FIELDS) : {},
    writes: readWrites(keys.writes, letters),
    serves,
    refused,
    events: keys.events.isGiven() ? keys.events.elements().map(readChange) : undefined,
    connections: keys.connections.isGiven() ? readConnections(keys.connections, letters) : undefined,
    prepares: keys.prepares.isGiven() ? lettersIn(keys.prepares, letters) : undefined,
  };
}

function readFields(place: Place, known: readonly string[]): ExpectedFields {
  place.members(known);
  return Object.fromEntries(place.entries().map(([field, value]) => [field, expectedValue(value, field)]));
}

function readWrites(place: Place, letters: string): string | null | undefined {
  if (!place.isGiven()) return undefined;
  return place.value === null ? null : knownLetter(place, place.text(), letters);
}

function readChange(place: Place): string {
  const text = place.text();
  const [word = ''] = text.split(' ');
  if (!CHANGE_WORDS.includes(word)) {
    place.fail(`"${text}" is no change that is told; they begin with ${CHANGE_WORDS.join(', ')}`);
  }
  return text;
}

function readConnections(place: Place, letters: string): Expectation['connections'] {
  const entries = place.entries().map(([letter, words]) => {
    const list = words.elements().map((word) => word.oneOf(DISPOSITIONS));
    return [knownLetter(words, letter, letters), list] as const;
  });
  return Object.fromEntries(entries);
}

function knownLetter(place: Place, letter: string, letters: string): string {
  if (letter.length === 1 && letters.includes(letter)) return letter;
  return place.fail(`there is no node "${letter}"; the nodes are ${[...letters].join(', ')}`);
}

function lettersIn(place: Place, letters: string, separator = ''): string {
  const text = place.text();
  for (const letter of text) if (letter !== separator) knownLetter(place, letter, letters);
  return text;
}

/** `standby`, `standby maxLagMs=50 fallback=primary`, `any node=b`, `standby primaryReads`, `any tag:for=reports`. */
function readAskedFor(key: string, letters: string): AskedFor {
  const [target = '', ...rest] = key.split(' ');
  const asked = new Place(`"${key}"`, target);
  const all = rest.map((one) => one.split('=', 2) as [string, string | undefined]);
  const tags = all.flatMap(([name, value = '']) =>
    name.startsWith(TAG) ? [[name.slice(TAG.length), value]] : [],
  );
  const options = new Map(all.filter(([name]) => !name.startsWith(TAG)));
  const known = ['fallback', 'node', 'maxLagMs', 'maxLagBytes', 'allowStale', 'primaryReads'];
  for (const option of options.keys()) new Place(`"${key}"`, option).oneOf(known);
  const number = (name: string) => {
    const text = options.get(name);
    if (options.has(name) && !/^\d+$/.test(text ?? '')) asked.fail(`${name} is no number from 0 up`);
    return text === undefined ? undefined : Number(text);
  };
  const node = options.get('node');
  return {
    target: asked.oneOf(TARGETS),
    fallback: options.has('fallback')
      ? new Place(`"${key}"`, options.get('fallback')).oneOf(TARGETS)
      : undefined,
    node: node === undefined ? undefined : named(knownLetter(asked, node, letters)),
    maxLagMs: number('maxLagMs'),
    maxLagBytes: number('maxLagBytes'),
    allowStale: options.has('allowStale') ? true : undefined,
    primaryReads: options.has('primaryReads') ? true : undefined,
    tags: tags.length === 0 ? undefined : Object.fromEntries(tags),
  };
}
