import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { markStaleName, PgHerdError } from '../../src/model/errors.ts';
import { classifyError } from '../../src/retry/classify.ts';
import {
  type BackoffSettings,
  backoffMs,
  type Decision,
  decideStatement,
  decideTransaction,
  type FailedAttempt,
} from '../../src/retry/decide.ts';
import type { Phase } from '../../src/retry/rules.ts';

const ERRORS = {
  bareClose: new Error('Connection terminated unexpectedly'),
  refusedToConnect: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
  shutdown: server('57P01', 'FATAL'),
  startingUp: server('57P03', 'FATAL'),
  tooMany: server('53300', 'FATAL'),
  readOnly: server('25006'),
  serialization: server('40001'),
  staleName: staleName(),
  deadlock: server('40P01'),
  authentication: server('28P01', 'FATAL'),
  databaseMissing: server('3D000', 'FATAL'),
  constraint: server('23505'),
  outcomeUnknown: server('40003'),
  cancelled: server('57014'),
  lockNotAvailable: server('55P03'),
  unavailable: new PgHerdError('PGHERD_NO_SUITABLE_NODE', 'nobody'),
  syntax: server('42601'),
  panic: server('XX000', 'PANIC'),
  unexpected: new Error('something else'),
};

function server(code: string, severity = 'ERROR'): Error {
  return Object.assign(new Error(code), { code, severity });
}

function staleName(): Error {
  const error = server('0A000');
  markStaleName(error);
  return error;
}

const FIRST: Omit<FailedAttempt, 'classification'> = {
  phase: 'sent',
  readOnlyConnection: false,
  idempotent: false,
  atomic: true,
  attempts: 1,
  maxAttempts: 3,
  movedBefore: false,
  refusalConfirmed: false,
};

function attempt(error: unknown, change: Partial<FailedAttempt> = {}): FailedAttempt {
  return { ...FIRST, classification: classifyError(error), ...change };
}

/** What happens next, or what the caller gets. */
function said({ next, ending }: Decision): string {
  return next === 'end' ? ending : next;
}

type Name = keyof typeof ERRORS;
type Row = readonly [Name, Partial<FailedAttempt>, string];

describe('a statement that failed', () => {
  const TABLE: readonly Row[] = [
    ['bareClose', {}, 'unknown'],
    ['bareClose', { phase: 'not-handed' }, 'move-free'],
    ['bareClose', { phase: 'not-handed', atomic: false }, 'move-free'],
    ['bareClose', { readOnlyConnection: true }, 'move-free'],
    ['bareClose', { idempotent: true }, 'move-free'],
    ['bareClose', { idempotent: true, movedBefore: true, attempts: 2 }, 'move'],
    ['bareClose', { idempotent: true, movedBefore: true, attempts: 3 }, 'error'],
    ['bareClose', { attempts: 3 }, 'unknown'],
    ['bareClose', { phase: 'behind-fatal' }, 'move-free'],
    ['bareClose', { phase: 'behind-fatal', atomic: false }, 'move-free'],
    ['refusedToConnect', { phase: 'not-handed' }, 'move-free'],
    ['refusedToConnect', {}, 'unknown'],
    ['shutdown', {}, 'move-free'],
    ['shutdown', { movedBefore: true }, 'move'],
    ['shutdown', { movedBefore: true, attempts: 3 }, 'error'],
    ['shutdown', { atomic: false }, 'unknown'],
    ['shutdown', { atomic: false, idempotent: true }, 'move-free'],
    ['startingUp', {}, 'move-free'],
    ['tooMany', {}, 'back-off'],
    ['tooMany', { attempts: 3 }, 'error'],
    ['readOnly', {}, 'error'],
    ['readOnly', { refusalConfirmed: true }, 'move-free'],
    ['readOnly', { refusalConfirmed: true, movedBefore: true }, 'move'],
    ['readOnly', { refusalConfirmed: true, readOnlyConnection: true }, 'error'],
    ['readOnly', { refusalConfirmed: true, atomic: false }, 'error'],
    ['serialization', {}, 'back-off'],
    ['serialization', { attempts: 2 }, 'back-off'],
    ['staleName', {}, 'error'],
    ['serialization', { attempts: 3 }, 'error'],
    ['serialization', { atomic: false }, 'error'],
    // A conflict with replay on a standby: another node is not in the same position.
    ['serialization', { readOnlyConnection: true }, 'move-free'],
    ['deadlock', {}, 'back-off'],
    ['authentication', { phase: 'not-handed' }, 'move-free'],
    ['authentication', {}, 'unknown'],
    ['authentication', { readOnlyConnection: true }, 'move-free'],
    ['databaseMissing', { phase: 'not-handed' }, 'move-free'],
    ['databaseMissing', { phase: 'behind-fatal' }, 'error'],
    ['outcomeUnknown', {}, 'unknown'],
    ['outcomeUnknown', { idempotent: true }, 'move-free'],
    ['outcomeUnknown', { readOnlyConnection: true }, 'move-free'],
    ['constraint', {}, 'error'],
    ['constraint', { idempotent: true }, 'error'],
    ['cancelled', {}, 'error'],
    ['lockNotAvailable', { idempotent: true }, 'error'],
    ['unavailable', { phase: 'not-handed' }, 'error'],
    ['syntax', {}, 'error'],
    ['syntax', { readOnlyConnection: true }, 'error'],
    ['unexpected', {}, 'unknown'],
    ['unexpected', { phase: 'not-handed' }, 'error'],
    ['unexpected', { readOnlyConnection: true }, 'error'],
    ['panic', {}, 'unknown'],
    ['panic', { readOnlyConnection: true }, 'move-free'],
  ];

  it.each(TABLE)('by %s, %o: %s', (name, change, expected) => {
    expect(said(decideStatement(attempt(ERRORS[name], change)))).toBe(expected);
  });
});

describe('a transaction that failed', () => {
  const inside = { phase: 'in-transaction' } as const;
  const committing = { phase: 'commit-sent' } as const;
  const TABLE: readonly Row[] = [
    ['bareClose', inside, 'move-free'],
    ['bareClose', { ...inside, movedBefore: true }, 'move'],
    ['bareClose', { ...inside, movedBefore: true, attempts: 3 }, 'error'],
    ['bareClose', committing, 'unknown'],
    ['bareClose', { ...committing, idempotent: true }, 'unknown'],
    ['shutdown', inside, 'move-free'],
    ['shutdown', committing, 'move-free'],
    ['startingUp', { phase: 'not-handed' }, 'move-free'],
    ['tooMany', { phase: 'not-handed' }, 'back-off'],
    ['serialization', inside, 'back-off'],
    ['staleName', inside, 'back-off'],
    ['staleName', { ...inside, attempts: 3 }, 'error'],
    ['serialization', committing, 'back-off'],
    ['serialization', { ...inside, attempts: 3 }, 'error'],
    ['deadlock', inside, 'back-off'],
    ['readOnly', inside, 'error'],
    ['readOnly', { ...inside, refusalConfirmed: true }, 'move-free'],
    ['readOnly', { ...inside, refusalConfirmed: true, readOnlyConnection: true }, 'error'],
    ['outcomeUnknown', inside, 'error'],
    ['outcomeUnknown', committing, 'unknown'],
    ['authentication', { phase: 'not-handed' }, 'move-free'],
    ['authentication', inside, 'error'],
    ['constraint', inside, 'error'],
    ['constraint', committing, 'error'],
    ['unexpected', inside, 'error'],
    ['unexpected', committing, 'unknown'],
  ];

  it.each(TABLE)('by %s, %o: %s', (name, change, expected) => {
    expect(said(decideTransaction(attempt(ERRORS[name], change)))).toBe(expected);
  });
});

it('nothing is run again that may have been executed, unless it does no harm', () => {
  const phases: readonly Phase[] = ['not-handed', 'sent', 'in-transaction', 'commit-sent'];
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(ERRORS)),
      fc.constantFrom(...phases),
      fc.record({
        atomic: fc.boolean(),
        attempts: fc.integer({ min: 1, max: 5 }),
        movedBefore: fc.boolean(),
        refusalConfirmed: fc.boolean(),
      }),
      (error, phase, change) => {
        const failed = attempt(error, { ...change, phase });
        const { next, ending } = decideStatement(failed);
        const runs = next !== 'end';
        if (runs) expect(ending).toBe('error');
        if (runs) expect(failed.classification.safeToRetry(phase)).toBe(true);
        if (runs && !failed.atomic) expect(phase).toBe('not-handed');
        const whole = decideTransaction({ ...failed, phase: 'commit-sent' }).next;
        if (whole !== 'end') {
          expect(failed.classification.safeToRetry('commit-sent')).toBe(true);
        }
      },
    ),
  );
});

it('nothing is run again for ever', () => {
  fc.assert(
    fc.property(fc.constantFrom(...Object.values(ERRORS)), fc.boolean(), (error, readOnlyConnection) => {
      let [attempts, movedBefore, rounds] = [0, false, 0];
      for (;;) {
        attempts++;
        const decision = decideStatement(
          attempt(error, {
            attempts,
            movedBefore,
            readOnlyConnection,
            idempotent: true,
            refusalConfirmed: true,
          }),
        );
        if (decision.next === 'end') break;
        if (decision.next === 'move-free') attempts--;
        movedBefore ||= decision.next !== 'back-off';
        rounds++;
        expect(rounds).toBeLessThanOrEqual(FIRST.maxAttempts);
      }
    }),
  );
});

describe('the pause before another attempt', () => {
  const settings: BackoffSettings = { baseMs: 50, factor: 2, maxMs: 2_000 };

  it.each([
    [1, 50],
    [2, 100],
    [3, 200],
    [7, 2_000],
    [50_000, 2_000],
  ])('after %i attempts is anything up to %i ms', (attempts, ceiling) => {
    expect(backoffMs(attempts, settings, 0)).toBe(0);
    expect(backoffMs(attempts, settings, 0.5)).toBe(ceiling / 2);
    expect(backoffMs(attempts, settings, 1 - Number.EPSILON)).toBeLessThan(ceiling);
  });

  it('is a number between nothing and the longest, whatever the settings', () => {
    const some = fc.record({
      baseMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
      factor: fc.double({ min: 1, max: 1e6, noNaN: true }),
      maxMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
    });
    const dice = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), some, dice, (attempts, drawn, thrown) => {
        const pause = backoffMs(attempts, drawn, thrown);
        expect(pause).toBeGreaterThanOrEqual(0);
        expect(pause).toBeLessThanOrEqual(drawn.maxMs);
      }),
      { examples: [[5_000, { baseMs: 0, factor: 2, maxMs: 2_000 }, 0.5]] },
    );
  });
});
