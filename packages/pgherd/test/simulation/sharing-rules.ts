import { quantile, Sharing, shareOf } from './sharing.ts';

/** Plays one rule of how work is shared, with one seed; the sentences say where it was broken. */
export type SharingRule = (seed: number) => Promise<string[]>;

/** Collects what is not as it must be. */
class Findings {
  readonly list: string[] = [];

  that(holds: boolean, otherwise: string): void {
    if (!holds) this.list.push(otherwise);
  }
}

/** Two equal standbys, one call at a time: each has its half. */
async function even(seed: number): Promise<string[]> {
  const run = new Sharing(seed, 2, {});
  const findings = new Findings();
  await run.begin();
  const stretch = await run.reads(8_000, 1, true);
  const share = shareOf(stretch, run.standby(1));
  findings.that(Math.abs(share - 0.5) < 0.06, `of two equal nodes one gets ${share.toFixed(2)} of the reads`);
  return [...findings.list, ...(await run.end())];
}

/** Of three standbys one becomes slow. All reads take about as long as before, and the budget bounds the attempts. */
async function hedging(seed: number): Promise<string[]> {
  const run = new Sharing(seed, 3, {
    hedge: true,
    policy: 'round-robin',
    retry: { budget: 200, budgetRatio: 0.4 },
  });
  const findings = new Findings();
  await run.begin();
  const before = await run.reads(3_000, 5);
  const slow = run.standby(2);
  slow.link.delayMs = 60;
  const during = await run.reads(4_000, 5);
  const [usual, now] = [quantile(before.reads, 0.99), quantile(during.reads, 0.99)];
  findings.that(
    now < usual + 12,
    `with one slow node, 99 % of the reads take up to ${now} ms, before ${usual} ms`,
  );
  findings.that(run.hedged.length > during.reads.length / 5, `only ${run.hedged.length} reads were hedged`);
  const won = run.hedged.filter(({ node, other, winner }) => winner === other && node !== other);
  findings.that(
    won.length > run.hedged.length * 0.9,
    `only ${won.length} of ${run.hedged.length} hedges won`,
  );
  findings.that(during.failed === 0, `${during.failed} reads failed`);
  return [...findings.list, ...(await run.end())];
}

/** Every node is slow now and then, and there is next to no budget: so many second attempts, and no more. */
async function hedgingWithoutBudget(seed: number): Promise<string[]> {
  const run = new Sharing(seed, 3, {
    hedge: true,
    policy: 'round-robin',
    retry: { budget: 10, budgetRatio: 0, budgetPerSecond: 1 },
  });
  const findings = new Findings();
  await run.begin();
  await run.reads(2_000, 5);
  run.standby(2).link.delayMs = 60;
  await run.reads(4_000, 5);
  const most = 10 + 8;
  findings.that(
    run.hedged.length <= most,
    `${run.hedged.length} second attempts, but the budget allows ${most}`,
  );
  findings.that(run.hedged.length >= 5, `only ${run.hedged.length} second attempts: the budget was not used`);
  return [...findings.list, ...(await run.end())];
}

/** A node that is far slower than the others gets no reads for a time, then for a longer one. */
async function ejection(seed: number): Promise<string[]> {
  const run = new Sharing(seed, 3, { eject: { baseMs: 5_000 }, policy: 'round-robin', slowStartMs: 0 });
  const findings = new Findings();
  await run.begin();
  await run.reads(3_000, 5);
  findings.that(run.ejected.length === 0, 'a node was ejected although all are equal');
  const slow = run.standby(2);
  slow.link.delayMs = 60;
  await run.reads(6_000, 5);
  findings.that(run.ejected.length === 1, `${run.ejected.length} ejections after 6 s`);
  const rest = await run.reads(1_000, 5);
  findings.that(
    shareOf(rest, slow) === 0,
    `an ejected node gets ${shareOf(rest, slow).toFixed(2)} of the reads`,
  );
  for (let second = 0; second < 40 && run.ejected.length < 3; second++) await run.reads(1_000, 5);
  const times = run.ejected.map(({ forMs }) => forMs);
  findings.that(String(times) === '5000,10000,15000', `the ejections took ${times} ms`);
  const ends = run.readmitted.map(({ at }, index) => at - (run.ejected[index]?.at ?? 0));
  findings.that(ends.length >= 2, `${ends.length} ejections ended`);
  findings.that(
    ends.every((ms, index) => Math.abs(ms - (times[index] ?? 0)) <= 1_100),
    `the ejections ended after ${ends} ms`,
  );
  return [...findings.list, ...(await run.end())];
}

/** Two of four nodes are slow: only one may be ejected. Where others are lost, ejections do not count. */
async function ejectionIsBounded(seed: number): Promise<string[]> {
  const run = new Sharing(seed, 4, { eject: { baseMs: 60_000 }, policy: 'round-robin', slowStartMs: 0 });
  const findings = new Findings();
  await run.begin();
  await run.reads(3_000, 5);
  const slow = [run.standby(3), run.standby(4)];
  for (const server of slow) server.link.delayMs = 60;
  await run.reads(10_000, 5);
  findings.that(run.ejected.length === 1, `${run.ejected.length} of 5 nodes were ejected`);
  const out = slow.find(({ name }) => run.ejected[0]?.node === `${name}:5432`);
  run.standby(1).crash();
  run.standby(2).crash();
  await run.reads(12_000, 20);
  const panic = await run.reads(2_000, 20);
  const share = out === undefined ? 0 : shareOf(panic, out);
  findings.that(
    share > 0.3,
    `with two of five nodes lost, an ejected one gets ${share.toFixed(2)} of the reads`,
  );
  findings.that(panic.failed === 0, `${panic.failed} reads failed`);
  return [...findings.list, ...(await run.end())];
}

/** A standby that was down comes back: little at once, its full share in the end. */
async function slowStart(seed: number): Promise<string[]> {
  const run = new Sharing(seed, 3, { policy: 'round-robin', slowStartMs: 10_000 });
  const findings = new Findings();
  await run.begin();
  const start = await run.reads(1_000, 5);
  const back = run.standby(2);
  findings.that(
    shareOf(start, back) > 0.28,
    `at the start a node gets ${shareOf(start, back).toFixed(2)} of the reads`,
  );
  back.crash();
  await run.reads(12_000, 20);
  back.start(50);
  const isOk = () =>
    run.db.nodes().some(({ name, health }) => name === `${back.name}:5432` && health === 'ok');
  for (let step = 0; step < 600 && !isOk(); step++) await run.wait(100);
  findings.that(isOk(), 'the node does not come back');
  const first = await run.reads(1_000, 4);
  const middle = await run.reads(8_000, 8);
  await run.wait(2_000);
  const full = await run.reads(2_000, 4);
  const shares = [first, middle, full].map((stretch) => shareOf(stretch, back));
  const [little = 1, some = 1, all = 0] = shares;
  const shown = shares.map((share) => share.toFixed(2)).join(', then ');
  findings.that(little < 0.12, `a node that came back gets ${shown} of the reads`);
  findings.that(some > little && some < 0.3, `a node that came back gets ${shown} of the reads`);
  findings.that(all > 0.28, `a node that came back gets ${shown} of the reads`);
  return [...findings.list, ...(await run.end())];
}

/** Each rule of how work is shared among nodes. */
export const SHARING_RULES: Readonly<Record<string, SharingRule>> = Object.freeze({
  even,
  hedging,
  'hedging without budget': hedgingWithoutBudget,
  ejection,
  'ejection is bounded': ejectionIsBounded,
  'slow start': slowStart,
});
