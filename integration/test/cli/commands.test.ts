import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { createCluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CliRun, cli, cliCommand, startCli } from '../../src/cli.ts';
import { TerminalRun } from '../../src/cli-terminal.ts';
import { allCaughtUp, nameOf, restore } from '../../src/support.ts';

let cluster: TestCluster;

beforeAll(async () => {
  // A standby confirms each commit: without one a primary that is killed takes along what was acknowledged last.
  cluster = await createTestCluster({ standbys: 2, synchronous: { commit: 'on', any: 1 } });
});
afterEach(() => restore(cluster));
afterAll(() => cluster?.close());

describe('pgherd explain', () => {
  it('says of each server why it serves a target or does not', async () => {
    const { code, out } = await cli(['explain', 'read-write', cluster.url, '--json']);
    const { target, nodes } = JSON.parse(out) as {
      target: string;
      nodes: { node: string; choice: number | null }[];
    };
    expect(target).toBe('read-write');
    expect(nodes.filter(({ choice }) => choice === 1)).toMatchObject([{ node: nameOf(cluster.primary) }]);
    expect(nodes.filter(({ choice }) => choice === null)).toHaveLength(2);
    expect(code).toBe(0);
  });

  it('ends with 1 if no server suits', async () => {
    await cluster.primary.kill();
    const { code, out } = await cli(['explain', 'primary', cluster.url, '--timeout', '3']);
    expect(out).toContain('No node suits primary');
    expect(code).toBe(1);
  });

  it('knows what was meant', async () => {
    const { code, err } = await cli(['explain', 'read-writ', cluster.url]);
    expect(err).toContain('read-write');
    expect(code).toBe(2);
  });
});

const asSuperuser = () => cluster.url.replace('//app@', '//postgres@').replace('//app:app@', '//postgres@');

describe('pgherd accept-epoch', () => {
  const setting = async () =>
    (
      await cluster.primary.sql(
        `select setconfig::text as text from pg_db_role_setting join pg_database on setdatabase = pg_database.oid
         where datname = 'app' and setrole = 0`,
      )
    ).map(({ text }) => String(text));
  const comment = async () =>
    (
      await cluster.primary.sql(
        `select shobj_description(oid, 'pg_database') as text from pg_database where datname = 'app'`,
      )
    )[0]?.['text'];

  it('writes the value as a setting, and removes it', async () => {
    const { code, out } = await cli(['accept-epoch', asSuperuser(), '--yes', '--json']);
    expect(code, out).toBe(0);
    const { written } = JSON.parse(out) as { written: { place: string; value: string }[] };
    expect(written).toMatchObject([{ place: 'setting', value: expect.stringMatching(/^\d+\/\d+\/\d{4}-/) }]);
    expect((await setting()).join()).toContain(String(written[0]?.value));
    const removed = await cli(['accept-epoch', asSuperuser(), '--remove', '--json']);
    expect(JSON.parse(removed.out)).toMatchObject({ written: [] });
    expect(await setting()).toEqual([]);
  });

  it('takes the comment where the role may not set it, and leaves the rest of the comment', async () => {
    await cluster.primary.sql(`comment on database app is 'the shop'`);
    const { code, out, err } = await cli(['accept-epoch', cluster.url, '--yes', '--json']);
    expect(code, out).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ written: [{ place: 'comment' }] });
    expect(err).toContain('the comment on the database has the value');
    expect(await comment()).toMatch(/^the shop pgherd\.accept_epoch=\d+\/\d+\/\S+$/);
    await cli(['accept-epoch', cluster.url, '--remove']);
    expect(await comment()).toBe('the shop');
  });

  it.each([
    ['no', 'no\r', 1],
    ['Ctrl-D', '\u0004', 1],
    ['Ctrl-C', '\u0003', 130],
  ])('writes nothing at %s', async (_what, typed, exitCode) => {
    await using terminal = new TerminalRun(['accept-epoch', asSuperuser()]);
    await terminal.shows(/Write it\?/);
    terminal.type(typed);
    const { code, out } = await terminal.ended;
    expect(code).toBe(exitCode);
    if (exitCode === 1) expect(out).toMatch(/Nothing was written\.\s*$/);
    expect(await setting()).toEqual([]);
  });

  it('writes nothing without a terminal to ask on', async () => {
    const { code, err, out } = await cli(['accept-epoch', asSuperuser()]);
    expect(out).toContain('is given up');
    expect(err).toContain('--yes');
    expect(code).toBe(1);
    expect(await setting()).toEqual([]);
  });
});

interface Report {
  readonly writes: { answered: number; failed: number; gapMs: number; unknown: number };
  readonly reads: { answered: number; failed: number };
  readonly lost: number;
  readonly twice: number;
}

function reportOf(text: string): Report {
  return JSON.parse(String(text.trim().split('\n').at(-1))) as Report;
}

async function drillTables(): Promise<number> {
  const [row] = await cluster.primary.appSql(
    `select count(*)::int as count from pg_tables where tablename like 'pgherd\\_drill\\_%'`,
  );
  return Number(row?.['count']);
}

async function dropDrillTables(): Promise<void> {
  const found = await cluster.primary.appSql(
    `select tablename from pg_tables where tablename like 'pgherd\\_drill\\_%'`,
  );
  for (const { tablename } of found) await cluster.primary.appSql(`drop table ${tablename}`);
}

/** Standbys refuse what a drill asks them after it has made its table; the return value allows it again. */
async function mayNotLookUpTables(): Promise<() => Promise<void>> {
  const lookUp = 'function pg_catalog.to_regclass(text)';
  const change = async (text: string): Promise<void> => {
    await using db = createCluster({ url: asSuperuser(), env: {} });
    await db.query(text);
    await allCaughtUp(cluster);
  };
  await change(`revoke execute on ${lookUp} from public`);
  return () => change(`grant execute on ${lookUp} to public`);
}

/** Waits until the drill has written so many rows. */
async function written(run: CliRun, count: number): Promise<void> {
  const most = () =>
    Math.max(
      0,
      ...[...run.out.matchAll(/"writes":(\d+),"reads":\d+,"failed"/g)].map(([, one]) => Number(one)),
    );
  await waitUntil(() => most() >= count, { what: `${count} writes of the drill`, timeoutMs: 60_000 });
}

describe('pgherd drill', () => {
  it('goes through a failover, loses nothing, and cleans up', async () => {
    const run = startCli(['drill', cluster.url, '--seconds', '60', '--rate', '40', '--json']);
    await written(run, 40);
    await cluster.primary.kill();
    await cluster.failover();
    const before = Number(/"writes":(\d+)(?!.*"writes")/s.exec(run.out)?.[1]);
    await written(run, before + 80);
    run.process.kill('SIGINT');
    const { code, out, err } = await run.ended;
    const report = reportOf(out);
    expect(report, `${out}\n${err}`).toMatchObject({
      lost: 0,
      twice: 0,
      writes: { failed: 0 },
      reads: { failed: 0 },
    });
    expect(report.writes.answered).toBeGreaterThan(100);
    expect(report.writes.gapMs).toBeGreaterThan(0);
    expect(out).toMatch(/"type":"event".*writes go to/);
    expect(code).toBe(0);
    expect(await drillTables()).toBe(0);
  });

  it('leaves no table behind if it fails right after it has made it', async () => {
    const undo = await mayNotLookUpTables();
    try {
      const { code, err } = await cli(['drill', cluster.url, '--seconds', '5']);
      expect(err).toContain('permission denied for function to_regclass');
      expect(code).toBe(4);
      expect(await drillTables()).toBe(0);
    } finally {
      await undo();
    }
  });

  it('says which table is left if a second Ctrl-C ends it at once', async () => {
    const run = startCli(['drill', cluster.url, '--seconds', '60', '--json']);
    await written(run, 1);
    const frozen = await cluster.primary.freeze();
    run.process.kill('SIGINT');
    // Further ones count once it is clear that they are no echo of the first.
    const hasEnded = () => run.process.exitCode !== null || !run.process.kill('SIGINT');
    await waitUntil(hasEnded, { what: 'the drill to end' });
    const { code, err } = await run.ended;
    await frozen.undo();
    await dropDrillTables();
    expect(code).toBe(130);
    expect(err).toMatch(/^pgherd: The table is left: drop table pgherd_drill_\w+\.$/m);
  });

  it('says at once that no server answers, and ends with 3', async () => {
    const { code, out, err } = await cli(['drill', 'postgres://app@127.0.0.1:1/app']);
    expect(err).toMatch(/^pgherd: There is nothing to drill: .*127\.0\.0\.1:1 is offline.*\n$/);
    expect(out).toBe('');
    expect(code).toBe(3);
  });

  it('reports to people, and ends by itself', async () => {
    const { code, out } = await cli(['drill', cluster.url, '--seconds', '2', '--rate', '20']);
    expect(out).toMatch(/writes {2}\d+ answered, longest gap .*, 0 failed/);
    expect(out).toMatch(/rows {4}0 lost, 0 twice/);
    expect(code).toBe(0);
    expect(await drillTables()).toBe(0);
  });
});

describe('a disk that is full', () => {
  it.each([
    [['--help']],
    [['completion', 'bash']],
    [['dsn', 'postgres://app@db1,db2/shop']],
  ])('is one sentence and exit code 4 for %j', async (args) => {
    const { code, err } = await intoFullDisk(args);
    expect(err).toMatch(/^pgherd: The output could not be written: ENOSPC.*\n$/);
    expect(code).toBe(4);
  });

  it('ends a drill, which removes its table', async () => {
    const { code, err } = await intoFullDisk(['drill', cluster.url, '--seconds', '60']);
    expect(err).toMatch(/^pgherd: The output could not be written: ENOSPC.*\n$/m);
    expect(err).not.toContain('    at ');
    expect(code).toBe(4);
    expect(await drillTables()).toBe(0);
  });
});

/** Runs `pgherd` with its output on a disk that takes nothing. */
function intoFullDisk(args: readonly string[]) {
  return new CliRun('sh', ['-c', `exec ${cliCommand(args)} > /dev/full`]).ended;
}

describe('what was typed', () => {
  it('commands no terminal when it is shown as wrong', async () => {
    for (const args of [['status', '--\u001b[31mfoo'], ['explain', '\u001b[2J'], ['\u009b2J']]) {
      const { code, err } = await cli(args);
      expect(code).toBe(2);
      expect(err).toMatch(/\\u00(1|9)b/);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there.
      expect(err).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    }
  });
});
