import { readFileSync } from 'node:fs';
import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startCli } from '../../src/cli.ts';
import { TerminalRun } from '../../src/cli-terminal.ts';
import { allCaughtUp, nameOf, restore } from '../../src/support.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2 });
  await allCaughtUp(cluster);
});
afterEach(() => restore(cluster));
afterAll(() => cluster?.close());

/** The first child of a process. */
function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0]);
}

/** Without the password, which servers of the kit do not ask for. */
const url = (): string => cluster.url.replace(':app@', '@');

const CTRL_C = '\u0003';
const CTRL_Z = '\u001a';
const DOWN = '\u001b[B';

const escaped = (text: string): string => text.replaceAll(/[.[\]]/g, String.raw`\$&`);
/** The line of a node in the table, with what it is. */
const row = (node: string, ...parts: readonly string[]): RegExp =>
  new RegExp(`${escaped(node)} +${parts.map(escaped).join(' +')}`);

async function failover(): Promise<{ before: string; after: string }> {
  const before = nameOf(cluster.primary);
  await cluster.primary.kill();
  await cluster.failover();
  return { before, after: nameOf(cluster.primary) };
}

describe('pgherd watch on a terminal', () => {
  it('follows a failover, and leaves the last picture when it ends', async () => {
    await using terminal = new TerminalRun(['watch', url(), '--no-color'], { columns: 130 });
    for (const standby of cluster.standbys)
      await terminal.shows(row(nameOf(standby), 'standby', 'ok', 'current'));
    await terminal.shows(row(nameOf(cluster.primary), 'primary', 'ok', 'current'));
    await terminal.shows(/up: writes go to .*lag, last 15 s +round trip +connections +tx\/s/s);
    expect(terminal.isFullScreen).toBe(true);
    const { before, after } = await failover();
    await terminal.shows(row(after, 'primary', 'ok', 'current'));
    await terminal.shows(new RegExp(`degraded: writes go to ${escaped(after)}`));
    await terminal.shows(new RegExp(`${escaped(before)} is offline`));
    await terminal.shows(
      new RegExp(`\\d\\d:\\d\\d:\\d\\d {2}writes go to ${escaped(after)} on timeline \\d+`),
    );
    terminal.type('q');
    const { code } = await terminal.ended;
    expect(terminal.isFullScreen).toBe(false);
    const left = terminal.lines.join('\n');
    expect(left).toMatch(row(after, 'primary'));
    expect(left).toContain(`writes go to ${after} on timeline`);
    expect(left).not.toContain('q quit');
    expect(code).toBe(1);
  });

  it('selects a node, shows its details and the help, and pauses', async () => {
    await using terminal = new TerminalRun(['watch', url(), '--no-color']);
    const [first, second] = cluster.nodes.map(nameOf);
    await terminal.shows(new RegExp(`▸.*${escaped(String(first))}`));
    terminal.type(DOWN);
    await terminal.shows(new RegExp(`▸.*${escaped(String(second))}`));
    terminal.type('k');
    await terminal.shows(new RegExp(`▸.*${escaped(String(first))}`));
    terminal.type('\r');
    await terminal.shows(/up since \d{4}-/);
    terminal.type('?');
    await terminal.shows(/Ctrl-L +draw the screen anew/);
    terminal.type('\u001b');
    await waitUntil(() => !terminal.lines.join().includes('Ctrl-L'), { what: 'the help to close' });
    terminal.type('p');
    await terminal.shows(/paused/);
    terminal.type('p');
    await waitUntil(() => !terminal.lines.join().includes('paused'), { what: 'it to go on' });
    terminal.type('q');
    expect((await terminal.ended).code).toBe(0);
  });

  it('fits a terminal that gets another size, says when it is too small, and comes back', async () => {
    await using terminal = new TerminalRun(['watch', url(), '--no-color'], { columns: 130 });
    await terminal.shows(/tx\/s/);
    const clears = (): number => terminal.run.out.split('\u001b[2J').length;
    const before = clears();
    terminal.resize({ columns: 70, rows: 12 });
    await waitUntil(() => clears() > before, { what: 'the screen to be cleared' });
    await waitUntil(() => !terminal.lines.join().includes('tx/s'), { what: 'columns to be left out' });
    for (const node of cluster.nodes)
      await terminal.shows(row(nameOf(node), node === cluster.primary ? 'primary' : 'standby'));
    await terminal.shows(/q quit/);
    terminal.resize({ columns: 30, rows: 4 });
    await terminal.shows(/30 × 4 is too small/);
    terminal.resize({ columns: 130, rows: 30 });
    await terminal.shows(/tx\/s/);
    terminal.type('q');
    expect((await terminal.ended).code).toBe(0);
  });

  it('gives the terminal back at Ctrl-C, as it was', async () => {
    await using terminal = new TerminalRun(['watch', url(), '--no-color'], {
      before: 'stty -a | grep -o -e "[-]*icanon" -e "[-]*echo " | sed s/^/was:/',
      after: 'stty -a | grep -o -e "[-]*icanon" -e "[-]*echo " | sed s/^/is:/',
    });
    await terminal.shows(/q quit/);
    terminal.type(CTRL_C);
    const { out, code } = await terminal.ended;
    const settings = (of: string) =>
      [...out.matchAll(new RegExp(`^${of}:(.*?) *\\r?$`, 'gm'))].map(([, set]) => set);
    // `script` has turned the echo off before.
    expect(settings('was')).toEqual(['icanon', '-echo']);
    expect(settings('is')).toEqual(settings('was'));
    // The cursor is shown, and lines wrap again.
    expect(out.lastIndexOf('\u001b[?25h')).toBeGreaterThan(out.lastIndexOf('\u001b[?25l'));
    expect(out.lastIndexOf('\u001b[?7h')).toBeGreaterThan(out.lastIndexOf('\u001b[?7l'));
    expect(terminal.isFullScreen).toBe(false);
    expect(code).toBe(0);
  });

  it.each(['SIGTERM', 'SIGHUP'] as const)('gives the terminal back at %s', async (signal) => {
    await using terminal = new TerminalRun(['watch', url(), '--no-color'], {
      before: 'echo "shell $$"',
      after: 'true',
    });
    await terminal.shows(/q quit/);
    const shell = Number(/shell (\d+)/.exec(terminal.run.out)?.[1]);
    process.kill(childOf(shell), signal);
    const { out, code } = await terminal.ended;
    expect(out.lastIndexOf('\u001b[?1049l')).toBeGreaterThan(out.lastIndexOf('\u001b[?1049h'));
    expect(code).toBe(0);
  });

  it('survives Ctrl-Z where there is no shell to go back to', async () => {
    await using terminal = new TerminalRun(['watch', url(), '--no-color']);
    await terminal.shows(/q quit/);
    const before = terminal.run.out.split('\u001b[?1049h').length;
    terminal.type(CTRL_Z);
    await waitUntil(() => terminal.run.out.split('\u001b[?1049h').length > before, {
      what: 'it to come back',
    });
    await terminal.shows(/q quit/);
    terminal.type('q');
    expect((await terminal.ended).code).toBe(0);
  });

  it('has no colours with NO_COLOR, and has them without', async () => {
    for (const env of [{ NO_COLOR: '1' }, {}]) {
      await using terminal = new TerminalRun(['watch', url()], { env });
      await terminal.shows(/q quit/);
      terminal.type('q');
      const { out } = await terminal.ended;
      // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what colours are.
      expect(/\u001b\[\d*m/.test(out)).toBe(!('NO_COLOR' in env));
    }
  });

  it('writes a plain line for each change on a dumb terminal', async () => {
    await using terminal = new TerminalRun(['watch', url()], { env: { TERM: 'dumb' } });
    await terminal.shows(/up: writes go to/);
    const { after } = await failover();
    await terminal.shows(
      new RegExp(`\\d\\d:\\d\\d:\\d\\d {2}writes go to ${escaped(after)} on timeline \\d+`),
    );
    terminal.type(CTRL_C);
    const { out, code } = await terminal.ended;
    expect(out).not.toContain('\u001b');
    expect(code).toBe(1);
  });
});

describe('pgherd watch without a terminal', () => {
  it('writes JSON, one object for each change', async () => {
    const run = startCli(['watch', url(), '--json']);
    await run.says(/"type":"status".*"status":"up"/);
    const { after } = await failover();
    await run.says(new RegExp(`"type":"status".*"writable":"${escaped(after)}"`));
    run.process.kill('SIGINT');
    const { out, code } = await run.ended;
    const objects = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; at: string; text?: string });
    expect(objects[0]?.type).toBe('status');
    for (const { at } of objects) expect(new Date(at).toISOString()).toBe(at);
    const texts = objects.filter(({ type }) => type === 'event').map(({ text }) => text);
    expect(texts.join('\n')).toContain(`writes go to ${after} on timeline`);
    expect(code).toBe(1);
  });

  it('ends by itself after --seconds', async () => {
    const { code, out } = await startCli(['watch', url(), '--seconds', '1']).ended;
    expect(out).toContain('up: writes go to');
    expect(code).toBe(0);
  });

  it('ends quietly if what reads its output goes away', async () => {
    const run = startCli(['watch', url()]);
    await run.says(/up: writes go to/);
    run.process.stdout?.destroy();
    await failover();
    const { code, err } = await run.ended;
    expect(err).toBe('');
    expect(code).toBe(141);
  });

  it('says what is unreachable, and ends with 3', async () => {
    const args = ['watch', 'postgres://app@127.0.0.1:1/app', '--seconds', '1', '--timeout', '2'];
    const { code, out } = await startCli(args).ended;
    expect(out).toContain('127.0.0.1:1');
    expect(code).toBe(3);
  });
});
