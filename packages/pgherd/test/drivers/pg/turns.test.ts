import { expect, it } from 'vitest';
import { PgTurns, type Turn } from '../../../src/drivers/pg/turns.ts';

function recorded(): { readonly told: string[]; turn(name: string, run?: () => void): Turn } {
  const told: string[] = [];
  return {
    told,
    turn: (name, run) => ({
      run: () => {
        told.push(`${name} runs`);
        run?.();
      },
      lost: (error) => told.push(`${name}: ${String(error)}`),
    }),
  };
}

it('each runs when the one before has ended, in order', () => {
  const { told, turn } = recorded();
  const turns = new PgTurns();
  for (const name of ['a', 'b', 'c']) turns.take(turn(name));
  expect(told).toEqual(['a runs']);
  turns.ended();
  expect(told).toEqual(['a runs', 'b runs']);
  turns.ended();
  turns.ended();
  turns.take(turn('d'));
  expect(told).toEqual(['a runs', 'b runs', 'c runs', 'd runs']);
});

it('an end without work under way changes nothing', () => {
  const { told, turn } = recorded();
  const turns = new PgTurns();
  turns.ended();
  turns.take(turn('a'));
  turns.take(turn('b'));
  expect(told).toEqual(['a runs']);
});

it('work that throws is lost, and does not hold up the work behind it', () => {
  const { told, turn } = recorded();
  const turns = new PgTurns();
  const wrong = () => {
    throw new Error('wrong');
  };
  turns.take(turn('a', wrong));
  turns.take(turn('b'));
  turns.take(turn('c', wrong));
  turns.take(turn('d'));
  turns.ended();
  expect(told).toEqual(['a runs', 'a: Error: wrong', 'b runs', 'c runs', 'c: Error: wrong', 'd runs']);
});

it('waiting work is lost once when the connection is gone', () => {
  const { told, turn } = recorded();
  const turns = new PgTurns();
  for (const name of ['a', 'b', 'c']) turns.take(turn(name));
  turns.lost(() => new Error('gone'));
  turns.lost(() => new Error('gone'));
  expect(told).toEqual(['a runs', 'b: Error: gone', 'c: Error: gone']);
});
