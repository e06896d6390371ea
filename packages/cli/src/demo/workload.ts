import { setTimeout as pause } from 'node:timers/promises';
import type { ClusterQuerier } from 'pgherd';
import { type Dice, diceOf } from './dice.ts';
import type { Ledger } from './ledger.ts';

/** Accounts of the bank, and what each holds at the start. */
export const ACCOUNTS = 64;
const START_BALANCE = 1_000;
/** What all balances add up to, at any moment. */
export const TOTAL_BALANCE = ACCOUNTS * START_BALANCE;

/**
 * Longest pause of a writer between two writes, milliseconds; the pause is random. Leaves room on two
 * processor cores.
 */
const WRITER_PAUSE_MS = 40;
/** The same for readers. */
const READER_PAUSE_MS = 30;

/**
 * Tables of the workload. No unique constraint on the identifiers of writes: a write that was done twice is
 * to be seen.
 */
export const SCHEMA: readonly string[] = Object.freeze([
  'create table account (id int primary key, balance bigint not null)',
  `insert into account select n, ${START_BALANCE} from generate_series(0, ${ACCOUNTS - 1}) as n`,
  'create table transfer (id bigint not null, debit int not null, credit int not null, amount bigint not null)',
  'create table entry (id bigint not null, account int not null)',
]);

/** What the workload needs of a cluster. */
export interface Bank {
  readonly query: ClusterQuerier['query'];
  readonly transaction: ClusterQuerier['transaction'];
  readonly read: Pick<ClusterQuerier, 'one'>;
}

/** How much is asked of the bank. */
export interface WorkloadOptions {
  readonly writers: number;
  readonly readers: number;
  readonly seed: number;
}

/** A workload that runs. */
export interface Workload {
  /** Resolves when the calls that run now have ended; others go on to begin. */
  settled(): Promise<unknown>;
  /** Begins no further call; resolves when all have ended. */
  stop(): Promise<void>;
  /** Begins no further call and enters no further result. */
  abandon(): void;
}

/**
 * Writers that in turn transfer money in a transaction and insert an entry outside one, and readers that add
 * up all balances. Enters every call into the ledger; `now` returns milliseconds since the workload began.
 */
export function startWorkload(
  bank: Bank,
  ledger: Ledger,
  options: WorkloadOptions,
  now: () => number,
): Workload {
  const state = { running: true, entering: true, lastId: 0 };
  const write = async (dice: Dice): Promise<void> => {
    state.lastId++;
    const id = state.lastId;
    const startedAt = now();
    try {
      await (dice.next() < 0.5 ? transfer(bank, id, dice) : insertEntry(bank, id, dice));
      if (state.entering) ledger.writeAcknowledged(id, now(), now() - startedAt);
    } catch (error) {
      if (state.entering) ledger.callFailed('write', id, error, now(), now() - startedAt);
    }
  };
  const read = async (): Promise<void> => {
    const startedAt = now();
    try {
      await addUp(bank);
      if (state.entering) ledger.readAnswered(now(), now() - startedAt);
    } catch (error) {
      if (state.entering) ledger.callFailed('read', undefined, error, now(), now() - startedAt);
    }
  };
  const underWay = new Set<Promise<void>>();
  const loop = async (call: (dice: Dice) => Promise<void>, pauseMs: number, dice: Dice): Promise<void> => {
    while (state.running) {
      const one = call(dice);
      underWay.add(one);
      await one;
      underWay.delete(one);
      await pause(dice.next() * pauseMs);
    }
  };
  const dice = diceOf(options.seed);
  const own = (): Dice => diceOf(dice.below(2 ** 32));
  const loops = [
    ...Array.from({ length: options.writers }, () => loop(write, WRITER_PAUSE_MS, own())),
    ...Array.from({ length: options.readers }, () => loop(read, READER_PAUSE_MS, own())),
  ];
  return {
    settled: () => Promise.all(underWay),
    stop: async () => {
      state.running = false;
      await Promise.all(loops);
    },
    abandon: () => {
      state.running = false;
      state.entering = false;
    },
  };
}

async function transfer(bank: Bank, id: number, dice: Dice): Promise<void> {
  const debit = dice.below(ACCOUNTS);
  const credit = (debit + 1 + dice.below(ACCOUNTS - 1)) % ACCOUNTS;
  const amount = 1 + dice.below(20);
  // Always the lower account first: no two transfers wait for each other in a circle.
  const changes: readonly (readonly [number, number])[] =
    debit < credit
      ? [
          [debit, -amount],
          [credit, amount],
        ]
      : [
          [credit, amount],
          [debit, -amount],
        ];
  await bank.transaction(async (tx) => {
    for (const [account, change] of changes) {
      await tx.query('update account set balance = balance + $2 where id = $1', [account, change]);
    }
    await tx.query('insert into transfer (id, debit, credit, amount) values ($1, $2, $3, $4)', [
      id,
      debit,
      credit,
      amount,
    ]);
  });
}

async function insertEntry(bank: Bank, id: number, dice: Dice): Promise<void> {
  await bank.query('insert into entry (id, account) values ($1, $2)', [id, dice.below(ACCOUNTS)]);
}

/** A read with a wrong sum would have seen half a transfer: it counts as failed. */
async function addUp(bank: Bank): Promise<void> {
  const row = await bank.read.one<{ total: string }>('select sum(balance)::bigint as total from account');
  if (Number(row.total) === TOTAL_BALANCE) return;
  throw new Error(`The balances added up to ${row.total}, but must be ${TOTAL_BALANCE} at any moment.`);
}
