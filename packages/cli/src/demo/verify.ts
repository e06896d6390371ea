import type { Ledger } from './ledger.ts';
import { TOTAL_BALANCE } from './workload.ts';

/** Runs a statement on the final primary, past pgherd. */
export type Sql = (text: string) => Promise<readonly Record<string, unknown>[]>;

/** What reading back has shown. */
export interface Verification {
  /** Acknowledged writes that are not there. */
  readonly lost: number;
  /** Writes, acknowledged or not, that are there more than once. */
  readonly duplicated: number;
  /** Writes of unknown outcome that were executed after all. For information: either is right. */
  readonly unknownExecuted: number;
  /** Writes that were reported as failed and yet are there. */
  readonly failedExecuted: number;
  /** What all balances add up to. */
  readonly balance: number;
}

/** Reads back every write, by a sequential scan of both tables, and compares with the books. */
export async function verify(sql: Sql, ledger: Ledger): Promise<Verification> {
  const rows = await sql(
    `select id::int, count(*)::int as times from (select id from transfer union all select id from entry) as written
     group by id`,
  );
  const [sum] = await sql('select sum(balance)::int as total from account');
  const times = new Map(rows.map((row) => [Number(row['id']), Number(row['times'])]));
  return compare(times, ledger, Number(sum?.['total']));
}

/** Holds what was found (how often each identifier is there) against what was promised. */
export function compare(
  times: ReadonlyMap<number, number>,
  ledger: Pick<Ledger, 'acknowledged' | 'idsOf'>,
  balance: number,
): Verification {
  return {
    lost: ledger.acknowledged.filter((id) => !times.has(id)).length,
    duplicated: [...times.values()].filter((count) => count > 1).length,
    unknownExecuted: ledger.idsOf('unknown').filter((id) => times.has(id)).length,
    failedExecuted: ledger.idsOf('failed').filter((id) => times.has(id)).length,
    balance,
  };
}

/** Whether the accounts still hold together what they held at the start. */
export function balances({ balance }: Verification): boolean {
  return balance === TOTAL_BALANCE;
}
