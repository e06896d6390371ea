import { createCluster, optionsFromEnv } from 'pgherd';

export const db = createCluster(optionsFromEnv());

/** Moves money from Ann to Bob. The same `id` a second time changes nothing. */
export async function pay(id: string, amount: number): Promise<void> {
  await db.transaction(async (tx) => {
    const { rowCount } = await tx.query(
      'insert into payment (id, amount) values ($1, $2) on conflict do nothing',
      [id, amount],
    );
    if (rowCount === 0) return; // it was paid before
    await tx.query("update account set balance = balance - $1 where name = 'ann'", [amount]);
    await tx.query("update account set balance = balance + $1 where name = 'bob'", [amount]);
  });
}
