import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BackendObserver, BackendReader } from '../../src/wire/backend-reader.ts';

function message(type: string, body: string): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, Buffer.from(body, 'latin1')]);
}

/** Writes down what a reader tells. */
function recorder(): { readonly told: string[]; readonly observer: BackendObserver } {
  const told: string[] = [];
  const observer: BackendObserver = {
    authentication: (kind) => {
      told.push(`authentication ${kind}`);
      return kind !== 7;
    },
    key: (pid) => told.push(`key ${pid}`),
    parameter: (name, value) => told.push(`${name}=${value}`),
    rows: () => told.push('rows'),
    complete: (tag) => told.push(tag),
    error: ({ severity, sqlState, message: said }) => told.push(`${severity} ${sqlState} ${said}`),
    notice: ({ severity, routine }) => told.push(`${severity} by ${routine}`),
    copy: () => false,
    notification: (channel, payload, pid) => told.push(`${channel}: ${payload} from ${pid}`),
    ready: (status) => told.push(`ready ${status}`),
  };
  return { told, observer };
}

const COLUMN = `n\0${'\0'.repeat(18)}`;
const CONVERSATION = Buffer.concat([
  message('R', '\0\0\0\0'),
  message('S', 'in_hot_standby\0off\0'),
  message('K', '\0\0\x01\x02\0\0\0\x09'),
  message('Z', 'I'),
  message('T', `\0\x01${COLUMN}`),
  message('D', '\0\x01\0\0\0\x017'),
  message('D', `\0\x01\0\0\x01\0${'x'.repeat(256)}`),
  message('C', 'SELECT 2\0'),
  message('N', 'SWARNUNG\0VWARNING\0C01000\0Mhay\0Rsource\0\0'),
  message('A', '\0\0\0\x05news\0first\0'),
  message('E', 'SERROR\0C22012\0Mdivision by zero\0\0'),
  message('Z', 'E'),
]);
const TOLD = [
  'authentication 0',
  'in_hot_standby=off',
  'key 258',
  'ready I',
  'rows',
  'SELECT 2',
  'WARNING by source',
  'news: first from 5',
  'ERROR 22012 division by zero',
  'ready E',
];

describe('BackendReader', () => {
  it('tells the same of a conversation, however it is cut', () => {
    const cuts = fc.array(fc.integer({ min: 0, max: CONVERSATION.length }), { maxLength: 40 });
    fc.assert(
      fc.property(cuts, (places) => {
        const { told, observer } = recorder();
        const reader = new BackendReader(observer);
        const ends = [...places.sort((a, b) => a - b), CONVERSATION.length];
        let from = 0;
        for (const end of ends) {
          expect(reader.take(CONVERSATION.subarray(from, end))).toBe(end - from);
          from = end;
        }
        expect(told).toEqual(TOLD);
      }),
    );
  });

  it.each([
    ['a description without its columns', message('T', '\0\x09')],
    ['a description without the end of a name', message('T', '\0\x01name')],
    ['a notification without its payload', message('A', '\0\0\0\x05news\0')],
    ['a parameter without its value', message('S', 'name\0')],
    ['a demand without its number', message('R', '\0')],
    ['a key without its bytes', message('K', '\0')],
    ['a status without its letter', message('Z', '')],
    ['an unknown message', message('~', 'what?')],
  ])('keeps %s from the driver, and passes what came before', (_what, bad) => {
    const reader = new BackendReader(recorder().observer);
    const good = message('Z', 'I');
    const passed = reader.take(Buffer.concat([good, bad]));
    expect(passed).toBeGreaterThanOrEqual(good.length);
    expect(passed).toBeLessThan(good.length + bad.length);
    expect(reader.complaint).not.toBe('');
  });

  it('passes nothing on of what is refused', () => {
    const reader = new BackendReader(recorder().observer);
    expect(reader.take(message('R', '\0\0\0\x07'))).toBe(0);
    expect(reader.take(message('G', '\0\0\0'))).toBe(0);
  });
});
