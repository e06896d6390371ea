import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Heads } from '../../src/guests/heads.ts';
import { message } from '../wire/hostile-peer.ts';

const stream = fc.array(fc.tuple(fc.constantFrom(...'QPBDESXdcf'), fc.uint8Array({ maxLength: 40 })), {
  maxLength: 8,
});

describe('the heads of what a guest sends', () => {
  it('are the same however the bytes are cut, and every byte passes once', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat({ max: 20 })), (messages, cuts) => {
        const bytes = Buffer.concat(messages.map(([letter, body]) => message(letter, Buffer.from(body))));
        const heads = new Heads();
        const seen: string[] = [];
        const passed: Buffer[] = [];
        let at = 0;
        for (const length of [...cuts, bytes.length]) {
          const result = heads.take(bytes.subarray(at, at + length), (type) => {
            seen.push(String.fromCharCode(type));
            return true;
          });
          expect(result.held).toBeUndefined();
          passed.push(result.passed);
          at = Math.min(bytes.length, at + length);
        }
        expect(seen).toEqual(messages.map(([letter]) => letter));
        expect(Buffer.concat(passed)).toEqual(bytes);
        expect(heads.atEnd).toBe(true);
      }),
    );
  });

  it('what may not pass is held from its head on, and passes when it comes anew', () => {
    const heads = new Heads();
    const [first, second] = [message('Q', 'select 1\0'), message('Q', 'select 2\0')];
    const bytes = Buffer.concat([first, second]);
    let allowed = 1;
    const mayPass = () => allowed-- > 0;
    const cut = heads.take(bytes, mayPass);
    expect(cut).toEqual({ passed: first, held: second });
    expect(heads.atEnd).toBe(true);
    allowed = 1;
    expect(heads.take(second, mayPass)).toEqual({ passed: second, held: undefined });
  });

  it('a head that is cut passes as a whole', () => {
    const heads = new Heads();
    const bytes = message('Q', 'select 1\0');
    expect(heads.take(bytes.subarray(0, 3), () => true).passed).toHaveLength(0);
    expect(heads.atEnd).toBe(false);
    expect(heads.take(bytes.subarray(3, 8), () => true).passed).toEqual(bytes.subarray(0, 8));
    expect(heads.atEnd).toBe(false);
    expect(heads.take(bytes.subarray(8), () => true).passed).toEqual(bytes.subarray(8));
    expect(heads.atEnd).toBe(true);
  });

  it.each<[string, Buffer, boolean]>([
    ['a query', message('Q', 'select 1\0'), false],
    ['a COPY', message('Q', 'begin; CoPy t from stdin\0'), true],
    ['a COPY that is prepared', message('P', 'name\0copy t to stdout\0\0\0'), true],
    ['a statement of replication', message('Q', 'START_REPLICATION SLOT a LOGICAL 0/0\0'), true],
    ['a text that is not whole', message('Q', 'select 1\0').subarray(0, 10), true],
    ['a long text', message('Q', `select '${'x'.repeat(20_000)}'\0`), true],
    ['values', message('B', 'copy\0'), false],
  ])('%s: may it begin a COPY?', (_what, bytes, expected) => {
    const seen: boolean[] = [];
    new Heads().take(bytes, (_type, mayCopy) => seen.push(mayCopy) > 0);
    expect(seen).toEqual([expected]);
  });

  it('a length that is impossible is refused', () => {
    const take = () => new Heads().take(Buffer.from([0x51, 0, 0, 0, 3]), () => true);
    expect(take).toThrow(expect.objectContaining({ code: 'PGHERD_INVALID_ARGUMENT' }));
  });
});
