import { waitUntil } from '@pgherd/testing';
import type { Cluster } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { rejection } from '../../src/support.ts';

const client = oneClient(['done (part text)']);

/** Commits its first part, then runs for longer than any test. */
const body = (part: string) =>
  `begin insert into done values ('${part}'); commit; perform pg_sleep(600); end`;

/** Ends the connection of what runs `part` by a FATAL, once its first part is committed. */
async function terminate(part: string): Promise<void> {
  const question = 'select part from done where part = $1';
  const committed = async () => (await client.db.rows(question, [part])).length > 0;
  await waitUntil(committed, { what: `the first part of ${part} to be committed` });
  const end = `select pg_terminate_backend(pid) from pg_stat_activity
    where pid <> pg_backend_pid() and wait_event = 'PgSleep' and usename = 'app'`;
  const ended = async () => (await client.cluster.primary.sql(end)).length > 0;
  await waitUntil(ended, { what: 'the rest of it to be ended' });
}

const procedure = (db: Cluster, name: string) =>
  db.query(`create procedure ${name}() language plpgsql as $$ ${body(name)} $$`);

describe('a FATAL answers what commits on its way', () => {
  const calls: readonly (readonly [string, (db: Cluster, part: string) => Promise<unknown>])[] = [
    ['called', (db, part) => procedure(db, part).then(() => db.query(`call ${part}()`))],
    ['block', (db, part) => db.query(`/* one */ do $$ ${body(part)} $$`)],
    ['leased', (db, part) => db.use((lease) => lease.query(`do $$ ${body(part)} $$`))],
    [
      'scripted',
      (db, part) => db.script(`insert into done values ('${part}'); commit; select pg_sleep(600)`),
    ],
    [
      'leased_script',
      (db, part) =>
        db.use((lease) => lease.script(`insert into done values ('${part}'); commit; select pg_sleep(600)`)),
    ],
  ];
  it.each(
    calls,
  )('%s: a part may be done, so its outcome is unknown, and it is not run again', async (part, run) => {
    const failed = rejection(run(client.db, part));
    await terminate(part);
    expect(await failed).toMatchObject({ code: 'PGHERD_OUTCOME_UNKNOWN', cause: { code: '57P01' } });
    expect(await client.db.rows('select part from done where part = $1', [part])).toEqual([{ part }]);
  });
});
