import { pool } from '../../../lib/db';

export async function POST(request: Request) {
  const { key, from, to, amount } = await request.json();
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('update account set balance = balance - $2 where id = $1', [from, amount]);
    await client.query('update account set balance = balance + $2 where id = $1', [to, amount]);
    await client.query('insert into transfer (key, from_id, to_id, amount) values ($1, $2, $3, $4)', [key, from, to, amount]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
  return Response.json({ key }, { status: 201 });
}
