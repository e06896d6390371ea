import { describe, expect, it } from 'vitest';
import { HandedOver } from '../../src/node/handed-over.ts';

/** Enters under a name, and writes down when its turn has come. */
function entering(handed: HandedOver, seen: string[]) {
  return (name: string) => {
    const turn = handed.enter();
    if (turn === undefined) seen.push(name);
    else void turn.granted.then(() => seen.push(name));
    return turn;
  };
}

const settled = () => new Promise(setImmediate);

describe('what is handed to a connection', () => {
  it('is handed one at a time, in the order of the calls', async () => {
    const handed = new HandedOver();
    const seen: string[] = [];
    const enter = entering(handed, seen);
    expect(enter('first')).toBeUndefined();
    enter('second');
    enter('third');
    await settled();
    expect(seen).toEqual(['first']);
    handed.leave(undefined);
    // It is no turn for one that comes between the grant and its use.
    enter('fourth');
    await settled();
    expect(seen).toEqual(['first', 'second']);
    handed.leave(undefined);
    handed.leave(undefined);
    await settled();
    expect(seen).toEqual(['first', 'second', 'third', 'fourth']);
  });

  it('is never handed if it was withdrawn, before its turn or when that had just come', async () => {
    const handed = new HandedOver();
    const seen: string[] = [];
    const enter = entering(handed, seen);
    enter('first');
    const withdrawn = enter('withdrawn');
    const late = enter('late');
    enter('last');
    withdrawn?.withdraw();
    handed.leave(undefined);
    late?.withdraw();
    await settled();
    expect(seen).toEqual(['first', 'late', 'last']);
  });

  it('is forgotten when it is answered, and the turn can be left once', async () => {
    const handed = new HandedOver();
    handed.enter();
    const [one, other] = [Promise.resolve(1), Promise.resolve(2)];
    handed.handed(one, 'select 1', false);
    expect([handed.answer, handed.text]).toEqual([one, 'select 1']);
    handed.enter();
    handed.leave(one);
    expect([handed.answer, handed.text]).toEqual([undefined, undefined]);
    handed.handed(other, 'select 2', false);
    handed.leave(one);
    expect(handed.text).toBe('select 2');
  });

  it('keeps its turn, once abandoned, until its end has settled', async () => {
    const handed = new HandedOver();
    const seen: string[] = [];
    const enter = entering(handed, seen);
    enter('abandoned');
    const answer = Promise.resolve();
    handed.handed(answer, 'select 1', false);
    enter('next');
    handed.beginAbandoning(Promise.resolve());
    handed.leave(answer);
    await settled();
    expect([seen, handed.text]).toEqual([['abandoned'], 'select 1']);
    handed.endAbandoning();
    handed.leave(answer);
    await settled();
    expect([seen, handed.text, handed.abandoning]).toEqual([['abandoned', 'next'], undefined, undefined]);
  });

  it('is at rest when nothing runs, waits or is being ended', async () => {
    const handed = new HandedOver();
    expect(handed.rest()).toBeUndefined();
    let rested = false;
    handed.enter();
    handed.enter();
    void handed.rest()?.then(() => {
      rested = true;
    });
    handed.leave(undefined);
    await settled();
    expect(rested).toBe(false);
    handed.leave(undefined);
    await settled();
    expect(rested).toBe(true);
    // What shares a connection has no turn there, and is abandoned all the same.
    handed.beginAbandoning(Promise.resolve());
    expect(handed.rest()).toBeDefined();
    handed.endAbandoning();
    expect(handed.rest()).toBeUndefined();
  });
});
