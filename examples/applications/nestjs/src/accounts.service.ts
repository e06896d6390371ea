import { Inject, Injectable, NotFoundException } from '@nestjs/common';
import type { Pool } from 'pg';
import { PG_POOL } from './database.module';

export interface Transfer {
  key: string;
  from: number;
  to: number;
  amount: number;
}

@Injectable()
export class AccountsService {
  constructor(@Inject(PG_POOL) private readonly pool: Pool) {}

  async all() {
    const { rows } = await this.pool.query('select id, owner, balance from account order by id');
    return rows;
  }

  async one(id: string) {
    const { rows } = await this.pool.query('select id, owner, balance from account where id = $1', [id]);
    if (rows.length === 0) throw new NotFoundException();
    return rows[0];
  }

  async add(owner: string, balance: number) {
    const { rows } = await this.pool.query('insert into account (owner, balance) values ($1, $2) returning id, owner, balance', [owner, balance]);
    return rows[0];
  }

  async transfer({ key, from, to, amount }: Transfer) {
    const client = await this.pool.connect();
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
    return { key };
  }

  async ping() {
    await this.pool.query('select 1');
    return { ok: true };
  }
}
