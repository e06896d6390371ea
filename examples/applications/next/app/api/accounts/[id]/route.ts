import { pool } from '../../../../lib/db';

export async function GET(_request: Request, { params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  const { rows } = await pool.query('select id, owner, balance from account where id = $1', [id]);
  if (rows.length === 0) return Response.json({ error: 'no such account' }, { status: 404 });
  return Response.json(rows[0]);
}
