import { describe, expect, it } from 'vitest';
import { Conversation } from '../../src/guests/conversation.ts';
import { type Observed, observeMessage } from '../../src/guests/tap.ts';

/** Observes one message behind which and before which stand bytes that do not belong to it. */
function observe(letter: string, body: Buffer | string, asked = ''): Observed {
  const conversation = new Conversation();
  for (const one of asked) conversation.asked(one.charCodeAt(0), true);
  const contents = Buffer.from(body);
  const bytes = Buffer.concat([Buffer.alloc(7, 0xff), contents, Buffer.alloc(300, 0x41), Buffer.alloc(2)]);
  return observeMessage(conversation, letter.charCodeAt(0), bytes, 7, 7 + contents.length);
}

const report = (severity: string, code: string) => `S${severity}\0V${severity}\0C${code}\0Mwords\0\0`;
const bytes = (...values: number[]) => Buffer.from(values);
const column = (name: string) => Buffer.concat([Buffer.from(`${name}\0`), Buffer.alloc(18)]);

describe('what the tap makes of a message', () => {
  it.each<[string, string, string, string, Observed]>([
    [
      'a parameter',
      'S',
      'in_hot_standby\0on\0',
      '',
      { kind: 'parameter', name: 'in_hot_standby', value: 'on' },
    ],
    ['a write that was refused', 'E', report('ERROR', '25006'), 'Q', { kind: 'write-refused' }],
    ['any other error', 'E', report('ERROR', '23505'), 'Q', { kind: 'nothing' }],
    ['a shutdown in its warning', 'N', report('WARNING', '57P01'), '', { kind: 'shutdown' }],
    ['a notice', 'N', report('NOTICE', '57P01'), '', { kind: 'nothing' }],
    ['another warning', 'N', report('WARNING', '01000'), '', { kind: 'nothing' }],
    ['a tag', 'C', 'SELECT 1\0', 'Q', { kind: 'nothing' }],
    ['a notification', 'A', '\0\0\0\u0001news\0hay\0', '', { kind: 'nothing' }],
  ])('%s', (_what, letter, body, asked, expected) => {
    expect(observe(letter, body, asked)).toEqual(expected);
  });

  it('the end that the server announces, with its fields', () => {
    expect(observe('E', report('FATAL', '57P01'))).toMatchObject({
      kind: 'ending',
      error: { code: '57P01', severity: 'FATAL', message: 'words' },
    });
  });
});

describe('contents that would lead a parser out of the message', () => {
  it.each<[string, string, Buffer | string, string]>([
    ['a row with a value that is too long', 'D', bytes(0, 1, 0, 0, 0, 9, 1), 'E'],
    ['a row with a value of -2 bytes', 'D', bytes(0, 1, 255, 255, 255, 254), 'E'],
    ['a row with a value too few', 'D', bytes(0, 2, 0, 0, 0, 1, 65), 'E'],
    ['a row with bytes to spare', 'D', bytes(0, 1, 0, 0, 0, 1, 65, 66), 'E'],
    ['a row without a count', 'D', '', 'E'],
    ['a tag without an end', 'C', 'SELECT 1', 'E'],
    ['a tag with bytes to spare', 'C', 'SELECT 1\0x', 'E'],
    ['a description without columns', 'T', bytes(0, 3), 'D'],
    ['a name of a column without an end', 'T', Buffer.concat([bytes(0, 1), Buffer.from('id')]), 'D'],
    ['a column that is cut', 'T', Buffer.concat([bytes(0, 1), column('id').subarray(0, 12)]), 'D'],
    ['a column too many', 'T', Buffer.concat([bytes(0, 1), column('id'), column('no')]), 'D'],
    ['a notification without an end', 'A', '\0\0\0\u0001news\0hay', ''],
    ['a notification without a channel', 'A', bytes(0, 0), ''],
    ['an error without an end', 'E', 'SERROR\0Mwords\0', 'Q'],
    ['an error whose field has no end', 'E', 'SERROR\0Mwords', 'Q'],
    ['an error that is empty', 'E', '', 'Q'],
    ['a notice without an end', 'N', 'SNOTICE\0Mhay', ''],
    ['a parameter without a value', 'S', 'x\0', ''],
    ['parameter types that are missing', 't', bytes(0, 2, 0, 0, 0, 23), 'D'],
    ['ReadyForQuery without a status', 'Z', '', 'S'],
    ['ReadyForQuery with two', 'Z', 'II', 'S'],
    ['ParseComplete with contents', '1', 'x', 'P'],
    ['formats of a COPY that are missing', 'G', bytes(0, 0, 2, 0, 0), 'Q'],
    ['a message that there is not', '~', '', 'Q'],
  ])('%s is a broken protocol', (_what, letter, body, asked) => {
    expect(() => observe(letter, body, asked)).toThrow(
      expect.objectContaining({ code: 'PGHERD_PROTOCOL_ERROR' }),
    );
  });

  it.each<[string, string, Buffer | string, string]>([
    ['a row', 'D', bytes(0, 2, 0, 0, 0, 1, 65, 255, 255, 255, 255), 'E'],
    ['a row without columns', 'D', bytes(0, 0), 'E'],
    ['columns', 'T', Buffer.concat([bytes(0, 2), column('id'), column('')]), 'D'],
    ['formats', 'G', bytes(0, 0, 2, 0, 0, 0, 0), 'Q'],
    ['types of parameters', 't', bytes(0, 1, 0, 0, 0, 23), 'D'],
  ])('%s as they should be pass', (_what, letter, body, asked) => {
    expect(observe(letter, body, asked)).toEqual({ kind: 'nothing' });
  });
});
