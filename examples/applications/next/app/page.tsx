import { connection } from 'next/server';
import { db, title } from '../lib/cluster';

export default async function Page() {
  await connection();
  const accounts = await db.read.rows<{ id: number; owner: string; balance: string }>('select id, owner, balance from account order by id');
  return (
    <>
      <h1>{title}</h1>
      <ul>
        {accounts.map(({ id, owner, balance }) => (
          <li key={id}>
            {owner}: {balance}
          </li>
        ))}
      </ul>
    </>
  );
}
