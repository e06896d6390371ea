import { describe, expect, it } from 'vitest';
import { PreparedNames, Schema, TextHashes } from '../../../src/wire/content/names.ts';
import { NO_COLUMNS } from '../../../src/wire/content/rows.ts';

/** Statements that stay prepared on one connection. */
const MOST = 250;

/** The server has described it. */
const parse = (prepared: ReturnType<PreparedNames['add']>) => {
  prepared.parsed = true;
  prepared.columns = NO_COLUMNS;
};

describe('the prepared names of one connection', () => {
  it('are found by text until there are too many; the one that was not used for longest goes', () => {
    const names = new PreparedNames(new TextHashes(), new Schema(0, () => 0));
    const all = Array.from({ length: MOST }, (_, n) => names.add(`select ${n}`));
    all.forEach(parse);
    parse(names.add('select one more'));
    expect(names.find('select 0')).toBeUndefined();
    expect(names.find('select 1')).toBe(all[1]);
    expect(names.takeObsolete()).toEqual([all[0]?.name]);
    expect(names.takeObsolete()).toEqual([]);
  });

  it('are more for a while if all are being parsed, and none of these is given up', () => {
    const names = new PreparedNames(new TextHashes(), new Schema(0, () => 0));
    const all = Array.from({ length: 3 * MOST }, (_, n) => names.add(`select ${n}`));
    expect(all.map((_, n) => names.find(`select ${n}`))).toEqual(all);
    all.forEach(parse);
    // Used once each: the search passes by all of them, a part at a time.
    for (let n = 0; n < 4; n++) parse(names.add(`values (${n})`));
    const left = all.filter((_, n) => names.find(`select ${n}`) !== undefined);
    expect(left.length).toBeLessThan(MOST);
  });

  it('are given up at their age, and when the schema may have changed', () => {
    let now = 0;
    const schema = new Schema(1_000, () => now);
    const names = new PreparedNames(new TextHashes(), schema);
    const first = names.add('select 1');
    // It is being parsed: its age counts when it can be used.
    now = 5_000;
    expect(names.find('select 1')).toBe(first);
    parse(first);
    expect(names.find('select 1')).toBeUndefined();
    expect(names.takeObsolete()).toEqual([first.name]);

    const second = names.add('select 1');
    parse(second);
    now = 5_999;
    expect(names.find('select 1')).toBe(second);
    schema.changed();
    expect(names.find('select 1')).toBeUndefined();
    expect(second.name).not.toBe(first.name);
  });

  it('of one text are given up on all connections once one of them is found to be of an old schema', () => {
    let now = 0;
    const schema = new Schema(0, () => now);
    const [mine, other] = [
      new PreparedNames(new TextHashes(), schema),
      new PreparedNames(new TextHashes(), schema),
    ];
    for (const names of [mine, other]) for (const text of ['select 1', 'select 2']) parse(names.add(text));
    now = 10;
    schema.noteStale('select 1');
    for (const names of [mine, other]) {
      expect(names.find('select 1')).toBeUndefined();
      expect(names.find('select 2')).toBeDefined();
    }
    now = 11;
    const anew = other.add('select 1');
    parse(anew);
    expect(other.find('select 1')).toBe(anew);
  });

  it('are kept for ever if that is asked for', () => {
    let now = 0;
    const names = new PreparedNames(new TextHashes(), new Schema(0, () => now));
    const one = names.add('select 1');
    parse(one);
    now = Number.MAX_SAFE_INTEGER;
    expect(names.find('select 1')).toBe(one);
  });
});
