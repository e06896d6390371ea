import { describe, expect, it } from 'vitest';
import { ownParameters, readFirstPacket, refusal, welcome } from '../../src/guests/startup.ts';
import { readServerError, ServerError } from '../../src/wire/content/server-error.ts';

function packet(number: number, body: Buffer | string = ''): Buffer {
  const contents = Buffer.from(body);
  const head = Buffer.alloc(8);
  head.writeInt32BE(contents.length + 8, 0);
  head.writeInt32BE(number, 4);
  return Buffer.concat([head, contents]);
}
const STARTUP = packet(196_608, 'user\0app\0application_name\0shop\0\0');
const KEY = Buffer.from([0, 0, 0, 7, 1, 2, 3, 4]);

describe('the first packet of a guest', () => {
  it.each<[string, Buffer, object]>([
    ['nothing', Buffer.alloc(0), { kind: 'incomplete' }],
    ['a head', STARTUP.subarray(0, 8), { kind: 'incomplete' }],
    ['all but the last byte', STARTUP.subarray(0, -1), { kind: 'incomplete' }],
    [
      'a startup packet',
      STARTUP,
      {
        kind: 'startup',
        length: STARTUP.length,
        parameters: new Map([
          ['user', 'app'],
          ['application_name', 'shop'],
        ]),
      },
    ],
    ['one with more behind it', Buffer.concat([STARTUP, Buffer.from('more')]), { length: STARTUP.length }],
    ['SSLRequest', packet(80_877_103), { kind: 'encryption', length: 8 }],
    ['GSSENCRequest', packet(80_877_104), { kind: 'encryption', length: 8 }],
    [
      'CancelRequest',
      packet(80_877_102, KEY),
      { kind: 'cancel', length: 16, processId: 7, secretKey: KEY.subarray(4) },
    ],
  ])('%s', (_what, bytes, expected) => {
    expect(readFirstPacket(bytes)).toMatchObject(expected);
  });

  it.each<[string, Buffer, string]>([
    ['another version', packet(196_610), 'PGHERD_UNSUPPORTED'],
    ['another protocol', Buffer.from('GET / HTTP/1.1\r\n'), 'PGHERD_INVALID_ARGUMENT'],
    ['a packet that is too short', Buffer.from([0, 0, 0, 7, 0, 3, 0, 0]), 'PGHERD_INVALID_ARGUMENT'],
    ['a request to cancel without a key', packet(80_877_102), 'PGHERD_INVALID_ARGUMENT'],
  ])('not %s', (_what, bytes, code) => {
    expect(() => readFirstPacket(bytes)).toThrow(expect.objectContaining({ code }));
  });
});

describe('user and database of a guest', () => {
  const cluster = { user: 'app', database: 'shop' };
  it.each<[string, [string, string][]]>([
    ['none', []],
    ['empty, where the system has no name', [['user', '']]],
    [
      "the cluster's",
      [
        ['user', 'app'],
        ['database', 'shop'],
      ],
    ],
    [
      'those of the environment',
      [
        ['user', 'jo'],
        ['database', 'main'],
      ],
    ],
    [
      'a database named as the user',
      [
        ['user', 'jo'],
        ['database', 'jo'],
      ],
    ],
  ])('%s: are left to the cluster', (_what, asked) => {
    const own = ownParameters(new Map([...asked, ['TimeZone', 'UTC']]), cluster, ['jo', undefined, 'main']);
    expect([...own]).toEqual([['TimeZone', 'UTC']]);
  });

  it.each([
    ['user', 'postgres'],
    ['database', 'other'],
  ])('another %s is refused', (name, asked) => {
    const refuse = () => ownParameters(new Map([[name, asked]]), cluster, ['jo']);
    expect(refuse).toThrow(expect.objectContaining({ code: 'PGHERD_INVALID_ARGUMENT' }));
    expect(refuse).toThrow(asked);
  });
});

describe('what a guest gets', () => {
  it('a welcome with parameters and key', () => {
    const bytes = welcome({
      parameters: new Map([['server_version', '18.4']]),
      processId: 7,
      secretKey: Buffer.from([1, 2, 3, 4]),
    });
    expect(bytes.toString('latin1')).toBe(
      'R\0\0\0\x08\0\0\0\0' +
        'S\0\0\0\x18server_version\x0018.4\0' +
        'K\0\0\0\x0c\0\0\0\x07\x01\x02\x03\x04' +
        'Z\0\0\0\x05I',
    );
  });

  it("a server's refusal with all its fields", () => {
    const body = Buffer.from(
      'SFATAL\0VFATAL\0C3D000\0Mno such database\0Dgone\0Hmake it\0Fpostinit.c\0L9\0RInitPostgres\0\0',
    );
    const { error } = readServerError(body, 0, body.length);
    expect(error).toBeInstanceOf(ServerError);
    const bytes = refusal(error);
    expect(bytes.readInt32BE(1)).toBe(bytes.length - 1);
    const again = readServerError(bytes, 5, bytes.length);
    expect(again.fatal).toBe(true);
    expect(again.error).toEqual(error);
  });
});
