import path from 'node:path';
import { createTestCluster } from '@pgherd/testing';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { inApp } from '../src/app-session.ts';
import { CLIENTS } from '../src/clients.ts';
import { PeerError, PeerProcess } from '../src/peer-process.ts';
import { PEER_PROGRAMS, preparePrograms } from '../src/peer-programs.ts';
import { TABLE } from '../src/throughput-works.ts';

/** A program in JavaScript instead of another language: `answers` gets the words of a line and says the lines to print. */
async function playing(answers: string): Promise<PeerProcess> {
  const program = `console.log('hello fake 1.0, of ' + process.argv[1]);
    require('node:readline').createInterface({ input: process.stdin })
      .on('line', (line) => { for (const one of (${answers})(line.split(' '))) console.log(one) })`;
  const peer = await PeerProcess.start(
    { file: process.execPath, args: ['--eval', program, '--'], last: [] },
    'postgresql://nowhere',
  );
  onTestFinished(() => peer.close());
  return peer;
}

describe('the line protocol', () => {
  test('a peer says what it is, and gets the URL', async () => {
    const peer = await playing('() => []');
    expect(peer.version).toBe('fake 1.0, of postgresql://nowhere');
  });

  test('answers find their calls in any order', async () => {
    // The first line is answered together with the second.
    const peer = await playing('([, id]) => (id === "1" ? [] : ["ok 2 5002", "ok 1 5001"])');
    expect(await Promise.all([peer.write(1), peer.write(2)])).toEqual([5_001, 5_002]);
  });

  test('a failed write is open or closed, with its message', async () => {
    const peer = await playing(
      '([, id]) => [(id === "1" ? "open" : "closed") + " " + id + " gone with the wind"]',
    );
    const errors = await Promise.all([1, 2].map((id) => peer.write(id).catch((error: unknown) => error)));
    expect(errors.map((error) => error instanceof PeerError && [error.open, error.message])).toEqual([
      [true, 'gone with the wind'],
      [false, 'gone with the wind'],
    ]);
  });

  test('a slice comes back as JSON, or as an error', async () => {
    const peer = await playing(
      '([verb, id, work]) => [work === "select" ? "slice " + id + \' {"perSecond":9,"updates":0}\' : "failed " + id + " no"]',
    );
    expect(await peer.slice('select', 2, 0.5)).toEqual({ perSecond: 9, updates: 0 });
    await expect(peer.slice('update', 2, 0.5)).rejects.toThrow('no');
  });

  test('what runs when the peer ends is open for writes, and says what the peer complained of', async () => {
    const peer = await playing('() => { console.error("out of memory"); process.exit(1) }');
    const error = await peer.write(1).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ open: true, message: expect.stringContaining('out of memory') });
    await expect(peer.write(2)).rejects.toMatchObject({ open: false });
  });

  test('a program that is not there fails at the start', async () => {
    const command = { file: path.join(import.meta.dirname, 'nothing'), args: [], last: [] };
    await expect(PeerProcess.start(command, 'postgresql://x')).rejects.toThrow('ENOENT');
  });
});

test('each peer has a client of its name, and one that cannot run is named with what would bring it', async () => {
  const names = PEER_PROGRAMS.map(({ name }) => name);
  expect(CLIENTS.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
  const lines: string[] = [];
  const without = path.join(import.meta.dirname, 'no-python');
  await using programs = await preparePrograms(['hasql'], without, (line) => lines.push(line));
  // hasql may be installed for Debian's Python all the same.
  if (programs.of('hasql') === undefined)
    expect(lines).toEqual([expect.stringMatching(/^hasql is left out: it needs hasql/)]);
  else expect(lines).toEqual([]);
});

const names = PEER_PROGRAMS.map(({ name }) => name);
const programs = await preparePrograms(names, 'python3', () => undefined);
afterAll(() => programs[Symbol.asyncDispose]());

describe.sequential('a client in another language on a real server', () => {
  test.each(
    names.filter((name) => programs.of(name) !== undefined),
  )('%s writes, reads and updates what it says', { timeout: 120_000 }, async (name) => {
    await using cluster = await createTestCluster({ standbys: 0 });
    const { primary } = cluster;
    await inApp(primary, 'create table bench_write (id int primary key)');
    for (const text of TABLE) await inApp(primary, text);
    const command = programs.of(name);
    if (command === undefined) throw new Error(`${name} is not there`);
    const peer = await PeerProcess.start(command, cluster.url);
    onTestFinished(() => peer.close());
    expect(peer.version).toContain(name);
    expect(await peer.write(7)).toBe(primary.directPort);
    // The server's refusal is certain.
    await expect(peer.write(7)).rejects.toMatchObject({
      open: false,
      message: expect.stringContaining('bench_write'),
    });
    const selects = await peer.slice('select', 3, 0.3);
    expect(selects.perSecond).toBeGreaterThan(0);
    expect(selects.p99Ms).toBeGreaterThanOrEqual(selects.p95Ms);
    const { updates } = await peer.slice('update', 3, 0.3);
    expect(await inApp(primary, 'select sum(n)::int as n from bench')).toEqual([{ n: updates }]);
    expect(updates).toBeGreaterThan(0);
  });
});
