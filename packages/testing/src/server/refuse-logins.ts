import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { createUndo, type Undo } from '../undo.ts';
import { PATIENCE_MS, waitUntil } from '../wait.ts';
import type { TestNode } from './node.ts';

/**
 * How a node refuses the logins of the ordinary role `app`, and with which SQLSTATE.
 *
 * - `hba`: `pg_hba.conf` rejects it (28000); on this node alone.
 * - `role`: the role may not log in (28000); on the primary, and soon on its standbys.
 * - `password`: the role has another password (28P01), where logins ask for one; on the primary, and soon on its standbys.
 * - `database`: the database takes no connections (55000); on the primary, and soon on its standbys.
 */
export type LoginRefusal = 'hba' | 'role' | 'password' | 'database';

/** A refusal that is in force, and its repair. */
export interface RefusedLogins extends Undo {
  /** When the first login was seen to be refused, milliseconds of `performance.now()`. */
  readonly since: number;
  /** When the repair was in force; `undefined` before. No login could succeed much earlier. */
  readonly repairedAt: number | undefined;
}

/** What makes and takes back each kind of refusal. */
const MEANS: Readonly<Record<LoginRefusal, (node: TestNode) => Promise<() => Promise<unknown>>>> = {
  hba: rejectInHba,
  role: (node) => bySql(node, 'alter role app nologin', 'alter role app login'),
  password: (node) => bySql(node, `alter role app password 'another'`, `alter role app password 'app'`),
  database: (node) =>
    bySql(node, 'alter database app allow_connections false', 'alter database app allow_connections true'),
};

/**
 * Makes a node refuse new logins of the role `app`; sessions that are open stay. Resolves when a login was refused; the undo resolves
 * when one has succeeded again.
 */
export async function refuseLogins(node: TestNode, by: LoginRefusal): Promise<RefusedLogins> {
  const repair = await MEANS[by](node);
  await waitUntil(async () => !(await letsIn(node)), { what: `${node.name} to refuse logins` });
  const since = performance.now();
  let repairedAt: number | undefined;
  const undo = createUndo(async () => {
    await repair();
    repairedAt = performance.now();
    await waitUntil(() => letsIn(node), { what: `${node.name} to accept logins` });
  });
  return {
    ...undo,
    since,
    get repairedAt() {
      return repairedAt;
    },
  };
}

async function rejectInHba(node: TestNode): Promise<() => Promise<void>> {
  const file = path.join(node.dataDirectory, 'pg_hba.conf');
  const before = await readFile(file, 'utf8');
  const write = async (text: string): Promise<void> => {
    await writeFile(file, text);
    await node.reload();
  };
  await write(`host all app 127.0.0.1/32 reject\nhost all app ::1/128 reject\n${before}`);
  return () => write(before);
}

async function bySql(node: TestNode, text: string, back: string): Promise<() => Promise<unknown>> {
  await node.sql(text);
  return () => node.sql(back);
}

async function letsIn(node: TestNode): Promise<boolean> {
  const client = new pg.Client({
    connectionString: node.directUrl,
    connectionTimeoutMillis: PATIENCE_MS,
    application_name: 'pgherd_testing login',
  });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}
