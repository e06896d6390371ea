import { describe, expect, it } from 'vitest';
import { NO_COLUMNS } from '../../../src/wire/content/rows.ts';
import { handOver } from '../../../src/wire/entry/contents.ts';
import type { Entry } from '../../../src/wire/entry/entry.ts';

/** Takes everything, and notes its name. */
function recording() {
  const taken: string[] = [];
  const entry: Entry = {
    state: 'rows',
    shape: { describes: 'none' },
    partsLeft: 0,
    closesLeft: 1,
    columns: NO_COLUMNS,
    parsed: () => taken.push('parsed'),
    takes: (types) => taken.push(`takes ${types.join()}`),
    described: ({ fields }) => taken.push(`described ${fields.length}`),
    row: () => taken.push('row'),
    completed: (tag) => taken.push(`completed ${tag}`),
    suspended: () => taken.push('suspended'),
    copying: (way) => taken.push(`copying ${way}`),
    copied: (data) => taken.push(`copied ${data.toString()}`),
    refused: () => taken.push('refused'),
    settled: () => taken.push('settled'),
    lost: () => taken.push('lost'),
  };
  const give = (letter: string, body: Buffer) => {
    // What stands before and behind the message is another one's.
    const bytes = Buffer.concat([Buffer.alloc(7, 0xff), body, Buffer.alloc(9, 0)]);
    handOver(entry, letter.charCodeAt(0), bytes, 7, 7 + body.length);
  };
  return { entry, taken, give };
}

const NOTHING = Buffer.alloc(0);
const COPY_FORM = Buffer.from([0, 0, 1, 0, 0]);

describe('the contents of a message', () => {
  it.each([
    ['1', NOTHING, ['parsed']],
    ['2', NOTHING, []],
    ['n', NOTHING, ['described 0']],
    ['I', NOTHING, ['completed ']],
    ['s', NOTHING, ['suspended']],
    ['c', NOTHING, []],
    ['C', Buffer.from('SELECT 1\0'), ['completed SELECT 1']],
    ['t', Buffer.from([0, 1, 0, 0, 0, 23]), ['takes 23']],
    ['G', COPY_FORM, ['copying in']],
    ['H', COPY_FORM, ['copying out']],
    ['d', Buffer.from('x'), ['copied x']],
  ])('%s is taken as it is', (letter, body, expected) => {
    const { give, taken } = recording();
    give(letter, body);
    expect(taken).toEqual(expected);
  });

  it.each(['1', '2', '3', 'n', 'I', 's', 'c'])('%s has none: a byte in it ends the connection', (letter) => {
    const { give, taken, entry } = recording();
    expect(() => give(letter, Buffer.from([0]))).toThrow('has no valid contents');
    expect([taken, entry.closesLeft]).toEqual([[], 1]);
  });

  it.each([
    ['G', Buffer.from([0, 0, 2, 0, 0])],
    ['H', NOTHING],
    ['C', Buffer.from('SELECT 1')],
    ['C', Buffer.from('SELECT 1\0\0')],
    ['t', Buffer.from([0, 2, 0, 0, 0, 23])],
    ['T', Buffer.from([0, 1, 0])],
  ])('%s that does not fit its own length ends the connection', (letter, body) => {
    const { give, taken } = recording();
    expect(() => give(letter, body)).toThrow(expect.objectContaining({ code: 'PGHERD_PROTOCOL_ERROR' }));
    expect(taken).toEqual([]);
  });
});
