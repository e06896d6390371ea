import { beforeAll, describe, expect, it } from 'vitest';
import { type Parse, TextReader } from '../../src/auto-route/read-text.ts';
import { realParser, realReader } from './parser.ts';

let parse: Parse;
let reader: TextReader;
beforeAll(async () => {
  parse = await realParser();
  reader = await realReader();
});

const whyOf = (text: string, by = reader) => {
  const finding = by.read(text);
  return finding.kind === 'primary' ? finding.why : undefined;
};

describe('hostile texts are for the primary, and leave the parser in order', () => {
  const deep = 9_000;
  const texts: Readonly<Record<string, string>> = {
    'a NUL': 'select 1\0; delete from item',
    'a million characters': `select '${'x'.repeat(1_000_000)}'`,
    'deep brackets': `select ${'('.repeat(deep)}1${')'.repeat(deep)}`,
    'deep brackets that do not end': 'select '.concat('('.repeat(deep)),
    'deep arrays': `select ${'array['.repeat(2_000)}1${']'.repeat(2_000)}`,
    'a quote that does not end': "select 'x",
    'a dollar quote that does not end': 'select $a$ x',
    'a comment that does not end': `select 1 ${'/*'.repeat(5_000)}`,
    'nothing but semicolons': ';'.repeat(10_000),
    'control characters': 'select \x01\x02\x7f 1',
    'an invalid escape': String.raw`select U&'\zzzz'`,
    'a backslash before a quote': String.raw`select '\' , note('x') --'`,
  };

  it.each(Object.entries(texts))('%s', (_what, text) => {
    expect(whyOf(text)).toBeTypeOf('string');
    expect(whyOf('select 1')).toBeUndefined();
  });

  it.each([
    ['not', `select ${'not '.repeat(4_900)}true`],
    ['signs', `select ${'- '.repeat(9_900)}1`],
    ['sums', `select 1${'+1'.repeat(9_900)}`],
    ['cases', `select ${'case when true then '.repeat(900)}1${' end'.repeat(900)}`],
    ['unions', `select 1${' union select 1'.repeat(1_300)}`],
    ['joins', `select 1 from a${' join a on true'.repeat(1_300)}`],
    ['casts', `select 1${'::int'.repeat(3_900)}`],
    ['indirections', `select (a)${'.a'.repeat(9_900)} from a`],
    ['lists', `select 1 where 1 in (1${',1'.repeat(9_900)})`],
    ['conditions', `select 1 where true${' or true'.repeat(2_400)}`],
  ])('nests without brackets, by %s, without harm', (_what, text) => {
    // Read or not read: either is right.
    expect(['read', 'primary']).toContain(reader.read(text).kind);
    expect(whyOf('select 1')).toBeUndefined();
    expect(whyOf('delete from item')).toContain('DELETE');
  });
});

it('is read after thousands of texts that the parser refuses', () => {
  for (let n = 0; n < 3_000; n++) expect(whyOf(`selekt ${n}`)).toContain('does not accept');
  expect(whyOf('select 1')).toBeUndefined();
});

describe('a parser that fails', () => {
  it('is not used any more if it does not parse what it parsed before', () => {
    let isBroken = false;
    let calls = 0;
    const breaking = new TextReader((text) => {
      calls++;
      if (text === 'trap') isBroken = true;
      if (isBroken) throw new RangeError('memory access out of bounds');
      return parse(text);
    });
    expect(whyOf('select 2', breaking)).toBeUndefined();
    expect(whyOf('trap', breaking)).toContain('memory access out of bounds');
    const before = calls;
    expect(whyOf('select 2', breaking)).toContain('not used any more');
    expect(calls).toBe(before);
  });

  it('is used on if it does', () => {
    const strict = new TextReader((text) => {
      if (text === 'trap') throw new RangeError('unreachable');
      return parse(text);
    });
    expect(whyOf('trap', strict)).toContain('unreachable');
    expect(whyOf('select 2', strict)).toBeUndefined();
  });

  it.each([
    ['nothing', undefined],
    ['a word', 'SelectStmt'],
    ['no statements', {}],
    ['an empty statement', { stmts: [{}] }],
    ['other trees', { stmts: [{ stmt: { Query: {} } }] }],
  ])('is refused if it returns %s', (_what, tree) => {
    expect(() => new TextReader(() => tree)).toThrow('does not parse');
  });
});
