import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertComment, type CommentTags } from '../../src/call/call.ts';
import { commented, joinedTags } from '../../src/call/comment.ts';
import { unnamedText } from '../../src/model/statement.ts';

const sent = (text: string, tags: CommentTags) => {
  const statement = commented({ text }, tags);
  return { named: statement.text, unnamed: unnamedText(statement) };
};

describe('the tags of a statement', () => {
  it('are a comment behind the SQL, sorted, as sqlcommenter writes them', () => {
    expect(sent('select 1', { route: '/orders/:id', action: "it's" }).named).toBe(
      "select 1 /*action='it%27s',route='%2Forders%2F%3Aid'*/",
    );
  });

  it('go with a Parse without a name only, if a function returns them', () => {
    const { named, unnamed } = sent('select 1', { route: 'x', traceparent: () => '00-ab-cd-01' });
    expect(named).toBe("select 1 /*route='x'*/");
    expect(unnamed).toBe("select 1 /*route='x'*/ /*traceparent='00-ab-cd-01'*/");
  });

  it('are not swallowed by a comment at the end of the SQL', () => {
    expect(sent('select 1 -- one', { a: 'b' }).named).toBe("select 1 -- one\n/*a='b'*/");
  });

  it.each<[string, CommentTags]>([
    ['returns undefined', { traceparent: () => undefined }],
    [
      'throws',
      {
        traceparent: () => {
          throw new Error('no span');
        },
      },
    ],
  ])('are none for a function that %s', (_what, tags) => {
    const statement = { text: 'select 1' };
    expect(commented(statement, tags)).toBe(statement);
  });

  it('never end the comment, whatever they hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (name, value) => {
        const { named } = sent('select 1', { [name]: value });
        expect(named).toMatch(/^select 1 \/\*[^*'/]*='[^*'/]*'\*\/$/);
      }),
    );
  });

  it('of a call are added to those that it inherits', () => {
    expect(joinedTags({ a: '1', b: '1' }, { b: '2' })).toEqual({ a: '1', b: '2' });
    expect(joinedTags(undefined, { b: '2' })).toEqual({ b: '2' });
    expect(joinedTags({ a: '1' }, undefined)).toEqual({ a: '1' });
  });

  it.each([['a text'], [7], [null], [[]], [{ route: 7 }]])('of a wrong form (%j) are refused', (tags) => {
    expect(() => assertComment(tags)).toThrow(/comment/);
  });
});
