import { AddressRun } from './addresses.ts';

/** Plays one rule of addresses that lead to several servers, with one seed; the sentences say where it was broken. */
export type AddressRule = (seed: number) => Promise<string[]>;

/** Changes of mind that a client is allowed before it knows: there and back, twice. */
const SWITCHES = 4;
const MINUTE_MS = 60_000;

/** Two primaries of one system behind a balancer: once that is known, nothing is written, and it is known soon. */
async function twoPrimaries(seed: number): Promise<string[]> {
  const run = new AddressRun(seed, 2, { probe: { redialMs: 2_000 } });
  const findings: string[] = [];
  const { dice } = run;
  run.write(dice.whole(1, 6));
  await run.wait(dice.between(0, 3_000));
  await run.promote(run.server(1));
  let next = 0;
  const takesTurns = dice.chance(0.5);
  run.leadsTo = () => run.server(takesTurns ? next++ % 2 : dice.whole(0, 1));
  const isKnown = () => run.db.nodes()[0]?.several?.barsWrites === true;
  for (let second = 0; second < 60 && !isKnown(); second++) {
    run.cut(0.3);
    await run.wait(1_000, isKnown);
  }
  if (!isKnown())
    findings.push(`after a minute it is not known that two primaries answer (${run.switches} switches)`);
  if (run.switches > SWITCHES) findings.push(`writes went back and forth ${run.switches} times`);
  await run.wait(500);
  const before = run.sent.length;
  await run.wait(20_000);
  const barred = run.sent.slice(before).filter(({ isBarred }) => isBarred);
  if (barred.length > 0) findings.push(`${barred.length} writes were sent although two primaries answer`);
  return [...findings, ...(await run.end())];
}

/** An address moves to the promoted server while the old primary lives: after the first write there none goes to the old one. */
async function moves(seed: number): Promise<string[]> {
  const run = new AddressRun(seed, 2, { probe: { redialMs: 5_000 } });
  const findings: string[] = [];
  run.write(2);
  await run.wait(3_000);
  await run.promote(run.server(1));
  run.leadsTo = () => run.server(1);
  run.write(6);
  const isThere = () => run.sent.at(-1)?.server === run.server(1);
  await run.wait(20_000, isThere);
  if (!isThere()) findings.push('20 s after the address has moved nothing was written there');
  await run.wait(20_000);
  const first = run.sent.findIndex(({ server }) => server === run.server(1));
  const late = first < 0 ? [] : run.sent.slice(first).filter(({ server }) => server !== run.server(1));
  if (late.length > 0)
    findings.push(`${late.length} writes were sent to the old server after the first one to the new`);
  if (run.db.nodes()[0]?.several !== undefined) findings.push('a single move is taken for several servers');
  return [...findings, ...(await run.end())];
}

/** A server that restarts again and again at one address is one server. */
async function restarts(seed: number): Promise<string[]> {
  const run = new AddressRun(seed, 2, { probe: { redialMs: 2_000 } });
  const findings: string[] = [];
  run.write(4);
  await run.wait(1_000);
  let several = 0;
  run.db.on('node:several-servers', () => {
    several += 1;
  });
  for (let round = 0; round < 12; round++) {
    // Some restarts are over before the client has noticed the end.
    const longest = run.dice.chance(0.5) ? 400 : 3;
    run.server(0).crash(run.dice.chance(0.5) ? 'killed' : 'immediate');
    await run.wait(run.dice.between(0, longest));
    run.server(0).start(run.dice.between(0, longest));
    await run.wait(run.dice.between(400, 2_500));
  }
  await run.wait(3_000);
  const before = run.written;
  await run.wait(5_000);
  if (several > 0) findings.push('a server that restarts is taken for several');
  if (run.written === before) findings.push('nothing is written after the restarts');
  return [...findings, ...(await run.end())];
}

/** Two primaries in turn, until the balancer leads to one of them: a minute later it is written to again. */
async function becomesOne(seed: number): Promise<string[]> {
  const run = new AddressRun(seed, 2, { probe: { redialMs: 2_000 } });
  const findings: string[] = [];
  await run.promote(run.server(1));
  let next = 0;
  run.leadsTo = () => run.server(next++ % 2);
  run.write(6);
  const isKnown = () => run.db.nodes()[0]?.several?.barsWrites === true;
  for (let second = 0; second < 60 && !isKnown(); second++) {
    run.cut(0.3);
    await run.wait(1_000, isKnown);
  }
  // What is read meanwhile keeps connections to both in use.
  run.read(6);
  await run.wait(5_000);
  run.leadsTo = () => run.server(1);
  const from = run.sent.length;
  const isBack = () => run.sent.slice(from).some(({ isBarred }) => !isBarred);
  await run.wait(3 * MINUTE_MS, isBack);
  if (!isBack()) findings.push('nothing is written three minutes after one server is left');
  const elsewhere = run.sent.slice(from).filter(({ server }) => server !== run.server(1));
  if (elsewhere.length > 0)
    findings.push(`${elsewhere.length} writes were sent to the server that is left no more`);
  return [...findings, ...(await run.end())];
}

/** Two addresses swap their servers when the standby is promoted, and the old primary lives: it gets no write after the new one. */
async function swap(seed: number): Promise<string[]> {
  const run = new AddressRun(seed, 2, { probe: { redialMs: 5_000 } }, ['x', 'y']);
  const findings: string[] = [];
  const [old, next] = [run.server(0), run.server(1)];
  const swapped = (host: string) => (host === 'x' ? next : old);
  run.leadsTo = (host) => (host === 'x' ? old : next);
  run.write(4);
  run.read(2);
  await run.wait(run.dice.between(500, 3_000));
  const before = run.dice.chance(0.5);
  if (before) run.leadsTo = swapped;
  await run.wait(run.dice.between(0, 4_000));
  await run.promote(next);
  run.leadsTo = swapped;
  run.cut(run.dice.next());
  const isThere = () => run.sent.at(-1)?.server === next;
  await run.wait(20_000, isThere);
  if (!isThere()) findings.push('20 s after the promotion nothing was written to the new primary');
  await run.wait(20_000);
  const first = run.sent.findIndex(({ server }) => server === next);
  const late = first < 0 ? [] : run.sent.slice(first).filter(({ server }) => server !== next);
  if (late.length > 0)
    findings.push(`${late.length} writes were sent to the old primary after the first one to the new`);
  return [...findings, ...(await run.end())];
}

/** Two standbys are copies of a machine that ran: they share their start. Whichever of them is promoted gets the writes, and it alone. */
async function copies(seed: number): Promise<string[]> {
  const run = new AddressRun(seed, 3, {}, ['x', 'y', 'z']);
  const findings: string[] = [];
  const [primary, one, other] = [run.server(0), run.server(1), run.server(2)];
  other.startedAt = one.startedAt;
  const servers = [primary, one, other];
  const turn = run.dice.whole(0, 2);
  run.leadsTo = (host) => servers[('xyz'.indexOf(host) + turn) % servers.length] ?? primary;
  run.write(4);
  run.read(2);
  await run.wait(run.dice.between(1_500, 4_000));
  const promoted = run.dice.pick([one, other]);
  if (run.dice.chance(0.5)) primary.crash();
  await run.promote(promoted);
  const isThere = () => run.sent.at(-1)?.server === promoted;
  await run.wait(20_000, isThere);
  if (!isThere()) findings.push('20 s after the promotion of a copy nothing was written to it');
  const from = run.sent.length;
  await run.wait(20_000);
  const elsewhere = run.sent.slice(from).filter(({ server }) => server !== promoted);
  if (elsewhere.length > 0) findings.push(`${elsewhere.length} writes were sent to another server`);
  if (run.sent.length === from) findings.push('the writes to it have stopped');
  return [...findings, ...(await run.end())];
}

/** The clock of a server is set while statements run for long: none of them is taken for lost. */
async function clockIsSet(seed: number): Promise<string[]> {
  const run = new AddressRun(seed, 1, {});
  const { dice } = run;
  run.write(1);
  await run.wait(dice.between(500, 3_000));
  for (let count = 0; count < 3; count++) run.takeLong(dice.between(4_000, 12_000));
  await run.wait(dice.between(100, 3_000));
  run.server(0).stepClock(dice.between(2_000, MINUTE_MS) * (dice.chance(0.7) ? -1 : 1));
  await run.wait(20_000);
  const failed = [...run.failed].map(
    ([code, count]) => `${count} calls failed by ${code} as the clock was set`,
  );
  return [...failed, ...(await run.end())];
}

/** Each rule of addresses that lead now to one server and now to another, and of servers that say what is not so. */
export const ADDRESS_RULES: Readonly<Record<string, AddressRule>> = Object.freeze({
  'two primaries': twoPrimaries,
  moves,
  restarts,
  'becomes one': becomesOne,
  swap,
  copies,
  'clock is set': clockIsSet,
});
