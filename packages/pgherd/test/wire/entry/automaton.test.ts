import { describe, expect, it } from 'vitest';
import * as codes from '../../../src/wire/content/codes.ts';
import { advance, type Next, type Position, STATES, type State } from '../../../src/wire/entry/automaton.ts';

/** Messages by the letters that the manual gives them. */
const LETTERS = [
  '1',
  '2',
  '3',
  'A',
  'C',
  'D',
  'E',
  'G',
  'H',
  'I',
  'K',
  'N',
  'R',
  'S',
  'T',
  'W',
  'Z',
  'c',
  'd',
  'n',
  's',
  't',
  'v',
  '?',
] as const;
type Letter = (typeof LETTERS)[number];

type Expected = Partial<Record<State, Partial<Record<Letter, Next>>>>;

const at = (position: Partial<Position>): Position => ({
  state: 'parse',
  shape: { describes: 'portal' },
  partsLeft: 0,
  closesLeft: 0,
  ...position,
});

/** Every state × every letter: what is not named is impossible. */
function holds(expected: Expected, position: Partial<Position>): void {
  for (const state of STATES) {
    for (const letter of LETTERS) {
      const next = advance(at({ ...position, state }), letter.charCodeAt(0));
      expect(next, `${state} × ${letter}`).toBe(expected[state]?.[letter]);
    }
  }
}

const FAILS = { E: 'failed' } as const;
/** What holds whatever was sent. */
const COMMON: Expected = {
  parse: FAILS,
  bind: FAILS,
  describe: FAILS,
  rows: { ...FAILS, D: 'rows', C: 'done', I: 'done' },
  done: { ...FAILS, Z: 'settle' },
  paused: { ...FAILS, Z: 'settle' },
  'copy-in': { ...FAILS, C: 'done' },
  'copy-out': { ...FAILS, d: 'copy-out', c: 'copied-out' },
  'copied-out': { ...FAILS, C: 'done' },
  failed: { Z: 'settle' },
};

function common(changes: Expected): Expected {
  const merged: Expected = { ...COMMON };
  for (const state of STATES) merged[state] = { ...COMMON[state], ...changes[state] };
  return merged;
}

describe('the statement automaton', () => {
  it('follows a statement without a name', () => {
    holds(common({ parse: { '1': 'bind' }, bind: { '2': 'describe' }, describe: { T: 'rows', n: 'rows' } }), {
      shape: { describes: 'portal' },
    });
  });

  it('follows a statement that gets a name', () => {
    holds(
      common({
        parse: { '1': 'describe' },
        bind: { '2': 'rows' },
        describe: { t: 'describe', T: 'bind', n: 'bind' },
      }),
      { shape: { describes: 'statement' } },
    );
  });

  it('follows a statement whose columns are known', () => {
    holds(common({ parse: { '1': 'bind' }, bind: { '2': 'rows' }, describe: { T: 'rows', n: 'rows' } }), {
      shape: { describes: 'none' },
    });
  });

  it('lets a portal with a limit pause', () => {
    holds(
      common({
        parse: { '1': 'bind' },
        bind: { '2': 'describe' },
        describe: { T: 'rows', n: 'rows' },
        rows: { s: 'paused' },
      }),
      { shape: { describes: 'portal', limited: true } },
    );
  });

  it('takes several results of the simple protocol', () => {
    holds(
      common({
        parse: { '1': 'bind' },
        bind: { '2': 'rows' },
        describe: { T: 'rows', n: 'rows' },
        rows: { T: 'rows', G: 'copy-in', H: 'copy-out' },
        done: { T: 'rows', C: 'done', I: 'done', G: 'copy-in', H: 'copy-out' },
      }),
      { shape: { describes: 'none', simple: true, copy: 'either' } },
    );
  });

  it.each([
    ['in', { G: 'copy-in' }],
    ['out', { H: 'copy-out' }],
    ['either', { G: 'copy-in', H: 'copy-out' }],
  ] as const)('takes a COPY only the way it was asked for: %s', (copy, rows) => {
    holds(
      common({ parse: { '1': 'bind' }, bind: { '2': 'rows' }, describe: { T: 'rows', n: 'rows' }, rows }),
      {
        shape: { describes: 'none', copy },
      },
    );
  });

  it('goes on with the next part of a batch, and takes no ReadyForQuery before the last', () => {
    holds(
      common({
        parse: { '1': 'bind' },
        bind: { '2': 'describe' },
        describe: { T: 'rows', n: 'rows' },
        done: { '1': 'bind', '2': 'describe', Z: undefined },
      }),
      { partsLeft: 1 },
    );
  });

  it('goes on with Bind alone where the name of the next part is known', () => {
    const position = { shape: { describes: 'none' }, partsLeft: 1 } as const;
    expect(advance(at({ ...position, state: 'done' }), '1'.charCodeAt(0))).toBeUndefined();
    expect(advance(at({ ...position, state: 'done' }), '2'.charCodeAt(0))).toBe('rows');
    expect(advance(at({ ...position, state: 'done', closesLeft: 1 }), '2'.charCodeAt(0))).toBeUndefined();
  });

  it('takes one CloseComplete for each Close, before anything is parsed', () => {
    const position = at({ closesLeft: 1 });
    expect(advance(position, codes.CLOSE_COMPLETE)).toBe('parse');
    expect(advance(position, codes.PARSE_COMPLETE)).toBeUndefined();
    expect(advance({ ...position, closesLeft: 0 }, codes.CLOSE_COMPLETE)).toBeUndefined();
  });

  it('knows no other byte', () => {
    const known = new Set(LETTERS.map((letter) => letter.charCodeAt(0)));
    for (let type = 0; type < 256; type++) {
      if (known.has(type)) continue;
      for (const state of STATES) expect(advance(at({ state }), type)).toBeUndefined();
    }
  });
});
