import { describe, expect, it } from 'vitest';
import { hasColor, outputOn, type Sink } from '../src/shell/output.ts';
import { typedAfter } from '../src/shell/password.ts';
import { jsonText } from '../src/shell/printable.ts';
import { writeTable } from '../src/shell/table.ts';

function written(terminal?: { columns: number }) {
  const texts: string[] = [];
  const sink: Sink = {
    isTTY: terminal !== undefined,
    columns: terminal?.columns,
    write: (text: string) => texts.push(text),
  };
  return { sink, text: () => texts.join('') };
}

describe('output', () => {
  it('escapes what could command a terminal, and paints around it', () => {
    const { sink, text } = written({ columns: 80 });
    const output = outputOn(sink, sink, { json: false, color: true, env: {} });
    output.line('a\u001b[2J', { tone: 'bad', text: 'b\n\u009b\u202e' });
    expect(text()).toBe('a\\u001b[2J\u001b[31mb\\u000a\\u009b\\u202e\u001b[39m\n');
  });

  it('writes JSON that is safe to show and reads back the same', () => {
    const value = { text: 'a\u009b\u202e\u{e0001}"\n', lsn: 12n };
    const text = jsonText(value);
    expect(text).toMatch(/^[\x20-\x7e]*$/);
    expect(JSON.parse(text)).toEqual({ ...value, lsn: '12' });
  });

  it.each([
    [{}, true, true],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ TERM: 'dumb' }, true, false],
    [{}, false, false],
  ])('colours by %j and --no-color', (env, color, expected) => {
    expect(hasColor(written({ columns: 80 }).sink, color, env)).toBe(expected);
    expect(hasColor(written().sink, color, env)).toBe(false);
  });

  it('leaves out the columns that matter least where there is no room', () => {
    const { sink, text } = written({ columns: 12 });
    const output = outputOn(sink, sink, { json: false, color: false, env: {} });
    const columns = [
      { title: 'node', cell: () => 'db1:5432' },
      { title: 'lag', isRight: true, dispensable: 1, cell: () => '5' },
      { title: 'version', dispensable: 2, cell: () => '18.4' },
    ];
    writeTable(output, columns, [0]);
    expect(text()).toBe('node\ndb1:5432\n');
  });
});

describe('a password on the terminal', () => {
  it.each([
    ['abc\r', 'abc', 'entered'],
    ['ab\u007fc\n', 'ac', 'entered'],
    ['abc\u0015x\r', 'x', 'entered'],
    ['ab\u0003', '', 'given-up'],
    ['\u0004', '', 'given-up'],
    ['ab', 'ab', 'typing'],
    ['\u007f\r', '', 'entered'],
  ])('%j', (characters, text, state) => {
    expect(typedAfter({ text: '', state: 'typing' }, characters)).toEqual({ text, state });
  });
});
