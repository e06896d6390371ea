import { CONNECT_FAILURES, type ConnectFailure } from '../../../src/model/names.ts';
import { nearest } from '../../../src/model/nearest.ts';
import type { ProbeFacts } from '../../../src/model/observation.ts';
import { NO_FACTS, named, primaryFacts, standbyFacts } from '../../support/evidence.ts';
import { type Step, SYSTEMS } from './format.ts';

const ANSWERS = Object.freeze(['primary', 'primary-read-only', 'standby'] as const);
const OTHERS = Object.freeze([
  'silent',
  'failed',
  'bytes',
  'parameters',
  'shows',
  'alternates',
  'wrote',
] as const);
const CLUSTER_WORDS = Object.freeze(['accepts', 'lists', 'answers'] as const);
const WORDS: readonly string[] = Object.freeze([...ANSWERS, ...OTHERS, ...CONNECT_FAILURES]);

/** How long an unanswered probe is waited for, and how long an answered one takes, milliseconds. */
const PROBE_TIMEOUT_MS = 1_000;
const ROUND_TRIP_MS = 1;

/** The clock of every server, milliseconds since 1970. */
const CLOCK_MS = 1_767_225_600_000;

const FACT_KEYS = [
  'sys',
  'tl',
  'atleast',
  'recovery',
  'uptime',
  'senders',
  'accepts',
  'lsn',
  'received',
  'age',
  'started',
  'version',
] as const;
const KEYS: Readonly<Record<string, readonly string[]>> = Object.freeze({
  silent: ['asked', 'gen'],
  failed: ['asked', 'gen'],
  bytes: ['gen'],
  shows: ['started', 'recovery', 'sys', 'gen'],
  alternates: ['gen'],
  parameters: ['hot-standby', 'gen'],
  wrote: [],
});

/** The values behind a word, each read at most once, none left over. */
class Values {
  readonly #values: ReadonlyMap<string, string>;

  constructor(word: string, words: readonly string[], allowed: readonly string[]) {
    const values = new Map<string, string>();
    for (const text of words) {
      const [key = '', value] = text.split('=', 2);
      if (value === undefined) throw new Error(`"${text}" has no value; write key=value`);
      if (!allowed.includes(key)) {
        throw new Error(
          `"${word}" takes no "${key}"${suggestion(key, allowed)}; it takes ${allowed.join(', ')}`,
        );
      }
      if (values.has(key)) throw new Error(`"${key}" is given twice`);
      values.set(key, value);
    }
    this.#values = values;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** The text of `key`; `undefined` if it is left out or is `?`, which stands for "not known". */
  text(key: string): string | undefined {
    const value = this.#values.get(key);
    return value === '?' ? undefined : value;
  }

  number(key: string): number | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    if (!/^\d+(\.\d+)?$/.test(text)) throw new Error(`"${key}=${text}" is not a number from 0 up`);
    return Number(text);
  }

  flag(key: string): boolean | undefined {
    const text = this.text(key);
    if (text !== undefined && text !== 'on' && text !== 'off') {
      throw new Error(`"${key}=${text}" is neither on nor off`);
    }
    return text === undefined ? undefined : text === 'on';
  }
}

/**
 * What a line of `see` tells: `<ms> <node> <word> [key=value …]`.
 *
 * @throws Error that says what is wrong with the line
 */
export function parseStep(line: string, letters: string): Step {
  const [time = '', letter = '', word = '', ...rest] = line.trim().split(/\s+/);
  if (!/^\d+$/.test(time)) throw new Error(`a line begins with milliseconds, not with "${time}"`);
  const at = Number(time);
  if (letter === 'cluster') return parseClusterStep(line, at, word, rest, letters);
  assertLetters(letter, letters);
  if (letter.length !== 1) throw new Error(`"${letter}" is not the letter of one node`);
  const node = named(letter);
  if (isAnswer(word)) return answered(line, { at, letter, word, rest });
  if (isFailure(word)) {
    const values = new Values(word, rest, ['asked', 'gen', 'version']);
    const askedAt = values.number('asked');
    const serverVersion = values.number('version');
    const observation = { node, at, generation: 0, failure: word, reason: `it was ${word}`, serverVersion };
    return {
      kind: 'observe',
      line,
      observation: { kind: 'connect-failed', ...observation, ...(askedAt !== undefined && { askedAt }) },
      generation: values.number('gen'),
    };
  }
  const keys = KEYS[word];
  if (keys === undefined) throw new Error(`nothing is called "${word}"${suggestion(word, WORDS)}`);
  const values = new Values(word, rest, keys);
  if (word === 'wrote') return { kind: 'wrote', line, at, node };
  const evidence = { node, at, generation: 0 };
  return {
    kind: 'observe',
    line,
    observation: otherEvidence(word, evidence, values),
    generation: values.number('gen'),
  };
}

/** `<ms> cluster accepts sys=main tl=2`, or `<ms> cluster lists nodes=abc leader=b promotable=ab`. */
function parseClusterStep(
  line: string,
  at: number,
  word: string,
  rest: readonly string[],
  letters: string,
): Step {
  if (word === 'accepts') {
    const values = new Values(word, rest, ['sys', 'tl']);
    const systemIdentifier = systemOf(values);
    const timeline = values.number('tl');
    if (!values.has('sys') || timeline === undefined) throw new Error('an epoch needs both, sys and tl');
    return { kind: 'accepts', line, at, epoch: { systemIdentifier, timeline } };
  }
  if (word === 'answers') {
    const values = new Values(word, rest, ['leader', 'asked']);
    const names = (values.text('leader') ?? '').split(',').filter((name) => name !== '');
    const answers = names.map((name, index) => ({
      leader: name === 'nobody' ? undefined : named(name),
      from: `endpoint ${index + 1}`,
    }));
    return {
      kind: 'answers',
      line,
      at,
      said: { askedAt: values.number('asked') ?? at - ROUND_TRIP_MS, answers },
    };
  }
  if (word !== 'lists') {
    throw new Error(`nothing of the cluster is called "${word}"${suggestion(word, CLUSTER_WORDS)}`);
  }
  const values = new Values(word, rest, ['nodes', 'leader', 'promotable']);
  for (const key of ['nodes', 'leader', 'promotable']) assertLetters(values.text(key) ?? '', letters);
  const leader = values.text('leader');
  return {
    kind: 'lists',
    line,
    at,
    letters: values.text('nodes') ?? '',
    leader: leader === undefined ? undefined : named(leader),
    promotable: values.text('promotable'),
  };
}

function assertLetters(text: string, letters: string): void {
  for (const letter of text) {
    if (letters.includes(letter)) continue;
    throw new Error(`there is no node "${letter}"; the nodes are ${[...letters].join(', ')}`);
  }
}

function otherEvidence(
  word: string,
  evidence: { readonly node: string; readonly at: number; readonly generation: number },
  values: Values,
) {
  if (word === 'bytes') return { kind: 'bytes-received' as const, ...evidence };
  if (word === 'alternates') return { kind: 'address-alternates' as const, ...evidence };
  if (word === 'shows') {
    const startedAt = values.text('started');
    if (startedAt === undefined) throw new Error('"shows" needs started=');
    return {
      kind: 'start-shown' as const,
      ...evidence,
      startedAt,
      inRecovery: values.flag('recovery'),
      systemIdentifier: systemOf(values),
    };
  }
  if (word === 'failed') {
    const askedAt = values.number('asked') ?? Math.max(0, evidence.at - ROUND_TRIP_MS);
    return { kind: 'probe-failed' as const, ...evidence, askedAt };
  }
  if (word === 'silent') {
    const askedAt = values.number('asked') ?? Math.max(0, evidence.at - PROBE_TIMEOUT_MS);
    return { kind: 'probe-missed' as const, ...evidence, askedAt };
  }
  const inHotStandby = values.flag('hot-standby');
  if (inHotStandby === undefined) throw new Error('"parameters" needs hot-standby=on or off');
  return { kind: 'parameters' as const, ...evidence, inHotStandby };
}

interface AnswerLine {
  readonly at: number;
  readonly letter: string;
  readonly word: (typeof ANSWERS)[number];
  readonly rest: readonly string[];
}

function answered(line: string, { at, letter, word, rest }: AnswerLine): Step {
  const values = new Values(word, rest, ['asked', 'gen', 'redialled', ...FACT_KEYS]);
  const redialled = values.flag('redialled');
  const facts: ProbeFacts = {
    ...NO_FACTS,
    // Every server was started at a moment of its own, unless the line says otherwise.
    postmasterStartedAt: `started-${letter}`,
    ...(word === 'standby' ? standbyFacts() : primaryFacts()),
    readOnly: word === 'primary-read-only',
    ...told(values),
  };
  const askedAt = values.number('asked') ?? Math.max(0, at - ROUND_TRIP_MS);
  return {
    kind: 'observe',
    line,
    observation: {
      kind: 'probe-answered',
      node: named(letter),
      at,
      askedAt,
      generation: 0,
      facts,
      redialled,
    },
    generation: values.number('gen'),
  };
}

/** The facts that a line names; the others stay what they are on a healthy server. */
function told(values: Values): Partial<ProbeFacts> {
  return {
    ...(values.has('sys') && { systemIdentifier: systemOf(values) }),
    ...(values.has('tl') && { timeline: values.number('tl') }),
    ...(values.has('atleast') && { timelineAtLeast: values.number('atleast') }),
    ...(values.has('recovery') && { recoveryTimeline: values.number('recovery') }),
    ...(values.has('uptime') && { uptimeMs: values.number('uptime') }),
    ...(values.has('senders') && { walSenders: values.number('senders') }),
    ...(values.has('accepts') && { acceptEpoch: noteOf(values) }),
    ...(values.has('lsn') && { lsn: position(values, 'lsn') }),
    ...(values.has('received') && { receivedLsn: position(values, 'received') }),
    ...(values.has('age') && { replayAgeMs: values.number('age') }),
    ...(values.has('started') && { postmasterStartedAt: values.text('started') }),
    ...(values.has('version') && { serverVersion: values.number('version') }),
  };
}

/** `accepts=main/2/30`: the epoch in the database of the node, and for how many seconds it has been there. */
function noteOf(values: Values): ProbeFacts['acceptEpoch'] {
  const [system = '', timeline = '', age = ''] = (values.text('accepts') ?? '').split('/');
  const written = new Date(CLOCK_MS - Number(age) * 1_000).toISOString();
  return { value: `${SYSTEMS[system] ?? system}/${timeline}/${written}`, clockMs: CLOCK_MS };
}

function systemOf(values: Values): string | undefined {
  const name = values.text('sys');
  if (name === undefined) return undefined;
  const system = SYSTEMS[name];
  if (system !== undefined) return system;
  throw new Error(`no system is called "${name}"; there are ${Object.keys(SYSTEMS).join(', ')}`);
}

function position(values: Values, key: string): bigint | undefined {
  const bytes = values.number(key);
  return bytes === undefined ? undefined : BigInt(bytes);
}

function suggestion(word: string, known: readonly string[]): string {
  const meant = nearest(word, known);
  return meant === undefined ? '' : `; did you mean "${meant}"?`;
}

function isAnswer(word: string): word is (typeof ANSWERS)[number] {
  return (ANSWERS as readonly string[]).includes(word);
}

function isFailure(word: string): word is ConnectFailure {
  return (CONNECT_FAILURES as readonly string[]).includes(word);
}
