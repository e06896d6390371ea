import { pool } from '../../../lib/db';

export const dynamic = 'force-dynamic';

export async function GET() {
  const { rows } = await pool.query('select id, owner, balance from account order by id');
  return Response.json(rows);
}

export async function POST(request: Request) {
  const { owner, balance } = await request.json();
  const { rows } = await pool.query('insert into account (owner, balance) values ($1, $2) returning id, owner, balance', [owner, balance]);
  return Response.json(rows[0], { status: 201 });
}
