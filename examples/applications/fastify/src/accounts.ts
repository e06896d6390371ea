import type { FastifyInstance } from 'fastify';
import { pool } from './db.ts';

export async function accounts(app: FastifyInstance): Promise<void> {
  app.get('/accounts', async () => {
    const { rows } = await pool.query('select id, owner, balance from account order by id');
    return rows;
  });

  app.get<{ Params: { id: string } }>('/accounts/:id', async (request, reply) => {
    const { rows } = await pool.query('select id, owner, balance from account where id = $1', [request.params.id]);
    if (rows.length === 0) return reply.code(404).send({ error: 'no such account' });
    return rows[0];
  });

  app.post<{ Body: { owner: string; balance: number } }>('/accounts', async (request, reply) => {
    const { owner, balance } = request.body;
    const { rows } = await pool.query('insert into account (owner, balance) values ($1, $2) returning id, owner, balance', [owner, balance]);
    return reply.code(201).send(rows[0]);
  });

  app.post<{ Body: { key: string; from: number; to: number; amount: number } }>('/transfers', async (request, reply) => {
    const { key, from, to, amount } = request.body;
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
    return reply.code(201).send({ key });
  });
}
