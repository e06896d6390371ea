import { describe, expect, it } from 'vitest';
import { saslprep } from '../../../src/wire/login/saslprep.ts';

describe('saslprep', () => {
  it.each([
    ['plain ASCII', 'pencil', 'pencil'],
    ['a soft hyphen is mapped to nothing (RFC 4013, example 1)', 'I\u00adX', 'IX'],
    ['case is kept (example 3)', 'USER', 'USER'],
    ['the feminine ordinal becomes a (example 4)', '\u00aa', 'a'],
    ['a Roman numeral becomes letters (example 5)', '\u2168', 'IX'],
    ['a space of another kind becomes a space', 'a\u00a0b\u3000c', 'a b c'],
    ['full width letters become plain ones', '\uff41\uff42', 'ab'],
    ['zero width joiners and variation selectors vanish', 'a\u200d\ufe0fb', 'ab'],
    ['a control character is prohibited: as it is', '\u0007\u2168', '\u0007\u2168'],
    ['private use is prohibited: as it is', '\ue000\u00aa', '\ue000\u00aa'],
    ['a tag is prohibited: as it is', '\u{e0041}\u00aa', '\u{e0041}\u00aa'],
    ['a non-character is prohibited: as it is', '\u{1fffe}\u00aa', '\u{1fffe}\u00aa'],
    ['what becomes nothing at all: as it is', '\u00ad', '\u00ad'],
    ['the empty password', '', ''],
  ])('%s', (_what, password, prepared) => {
    expect(saslprep(password)).toBe(prepared);
  });
});
