import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeDashboardPage } from '../../src/browser.ts';
import { cli, startCli } from '../../src/cli.ts';
import { nameOf } from '../../src/support.ts';

let cluster: TestCluster;

beforeAll(async () => {
  await makeDashboardPage();
  cluster = await createTestCluster({ standbys: 1 });
});
afterAll(() => cluster?.close());

const TOKEN = 'a-token-of-24-characters';

async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), 'pgherd-dashboard-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

describe('pgherd dashboard', () => {
  it('serves the page on this machine until it is interrupted, and ends with 0', async () => {
    const run = startCli(['dashboard', cluster.url, '--no-color']);
    await run.says(/Ctrl-C ends the dashboard/);
    const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(run.out)?.[0] ?? '';
    expect(await (await fetch(url)).text()).toContain('page.js');
    const stream = await fetch(`${url}events`);
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toContain(nameOf(cluster.primary));
    run.process.kill('SIGINT');
    const { code, err } = await run.ended;
    expect(code).toBe(0);
    expect(err).not.toContain('Error');
  });

  it('prints one object as JSON, and takes the token from the environment', async () => {
    const env = { PGHERD_DASHBOARD_TOKEN: TOKEN };
    const run = startCli(['dashboard', cluster.url, '--json', '--host', '0.0.0.0'], { env });
    await run.says(/\n/);
    const { url, token } = JSON.parse(run.out) as { url: string; token: string };
    expect([token, url.endsWith(`#token=${TOKEN}`)]).toEqual([TOKEN, true]);
    const here = `http://127.0.0.1:${new URL(url).port}/`;
    expect((await fetch(`${here}events`)).status).toBe(401);
    const answer = await fetch(`${here}explain?target=any`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    expect(answer.status).toBe(200);
    run.process.kill('SIGTERM');
    expect((await run.ended).code).toBe(0);
  });

  it('makes a token if it is to, and says that one in the argument can be read', async () => {
    const made = startCli(['dashboard', cluster.url, '--json', '--token', 'made']);
    await made.says(/\n/);
    expect((JSON.parse(made.out) as { token: string }).token).toMatch(/^[\w-]{32}$/);
    made.process.kill('SIGINT');
    expect((await made.ended).err).not.toContain('token in the argument');
    const { code, err } = await cli(['dashboard', cluster.url, '--token', 'short']);
    expect(err).toContain('The token in the argument can be read');
    expect(err).toContain('must be a text of 16 to 512');
    expect(err).not.toContain('short,');
    expect(code).toBe(2);
  });

  it('opens the browser if it is to, and goes on where there is none', async () => {
    await using folder = await temporaryFolder();
    const asked = join(folder.path, 'asked');
    await writeFile(
      join(folder.path, 'xdg-open'),
      `#!/bin/sh\necho "$1" > ${asked}.new && mv ${asked}.new ${asked}\n`,
      {
        mode: 0o755,
      },
    );
    const env = { PATH: `${folder.path}:${process.env['PATH']}` };
    const run = startCli(['dashboard', cluster.url, '--json', '--open'], { env });
    await run.says(/\n/);
    const { url } = JSON.parse(run.out) as { url: string };
    await waitUntil(() => existsSync(asked), { what: 'the browser to be opened' });
    expect((await readFile(asked, 'utf8')).trim()).toBe(url);
    run.process.kill('SIGINT');
    expect((await run.ended).err).not.toContain('could not be opened');
    await writeFile(join(folder.path, 'xdg-open'), '#!/bin/sh\nexit 3\n', { mode: 0o755 });
    const without = startCli(['dashboard', cluster.url, '--open'], { env });
    await waitUntil(() => without.err.includes('could not be opened: xdg-open has ended with 3'), {
      what: 'the note',
    });
    without.process.kill('SIGINT');
    expect((await without.ended).code).toBe(0);
  });

  it('ends with 4 if the port is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    const { code, err } = await cli(['dashboard', cluster.url, '--port', String(port)]);
    taken.close();
    expect(err).toContain(`address already in use 127.0.0.1:${port}`);
    expect(code).toBe(4);
  });

  it('shows a cluster of which no server answers', async () => {
    const run = startCli(['dashboard', 'postgres://app@127.0.0.1:1/app', '--json']);
    await run.says(/\n/);
    const { url } = JSON.parse(run.out) as { url: string };
    const reader = (await fetch(`${url}events`)).body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toContain('"status":"down"');
    run.process.kill('SIGINT');
    expect((await run.ended).code).toBe(0);
  });
});
