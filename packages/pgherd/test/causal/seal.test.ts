import { describe, expect, it } from 'vitest';
import { openToken, sealToken } from '../../src/causal/seal.ts';
import type { CausalToken } from '../../src/model/causal-token.ts';
import { Secret } from '../../src/model/secret.ts';

const token: CausalToken = {
  systemIdentifier: '7',
  timeline: 3,
  lsn: 500n,
  at: 1_800_000_000_000,
  node: 'db1:5432',
};
const OLD = new Secret('the secret of last year');
const NEW = new Secret('the secret of this year');

const codeOf = (fn: () => unknown): unknown => {
  try {
    return fn();
  } catch (error) {
    return error;
  }
};
const REFUSED = { code: 'PGHERD_INVALID_TOKEN', details: { argument: 'after' } };

describe('a token', () => {
  it('without secrets is its plain text, and opens', () => {
    expect(openToken(sealToken(token, []), [])).toEqual(token);
  });

  it('is signed with the first secret and opens with any', () => {
    const sealed = sealToken(token, [NEW, OLD]);
    expect(openToken(sealed, [NEW])).toEqual(token);
    expect(openToken(sealed, [OLD, NEW])).toEqual(token);
    expect(codeOf(() => openToken(sealed, [OLD]))).toMatchObject(REFUSED);
  });

  it('that is signed opens if no signature is required', () => {
    expect(openToken(sealToken(token, [NEW]), [])).toEqual(token);
  });

  it('is refused when any character of it was changed', () => {
    const sealed = sealToken(token, [NEW]);
    for (let at = 0; at < sealed.length; at++) {
      const changed = `${sealed.slice(0, at)}${sealed[at] === '1' ? '2' : '1'}${sealed.slice(at + 1)}`;
      expect(
        codeOf(() => openToken(changed, [NEW])),
        changed,
      ).toMatchObject(REFUSED);
    }
  });

  it('is refused unsigned, with the signature of another, and when it is no text; the secret is not told', () => {
    const other = sealToken({ ...token, lsn: 501n }, [NEW])
      .split('.')
      .at(-1);
    for (const forged of [sealToken(token, []), `${sealToken(token, [])}.${other}`, '', 'x', 7, undefined]) {
      const error = codeOf(() => openToken(forged, [NEW]));
      expect(error).toMatchObject(REFUSED);
      expect(String(error)).not.toContain(NEW.reveal());
    }
  });

  it('of a later version only says that something was written, if it is signed', () => {
    expect(openToken('2.whatever', [])).toBeUndefined();
    expect(codeOf(() => openToken('2.whatever', [NEW]))).toMatchObject(REFUSED);
  });

  it('that is none is refused', () => {
    expect(codeOf(() => openToken('1.2.3', []))).toMatchObject(REFUSED);
  });
});
