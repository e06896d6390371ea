/** Plays one rule with the seeds 1 to N: `RULE N`; exit code 1 and the findings when one is broken. */
export async function playRules(
  rules: Readonly<Record<string, (seed: number) => Promise<string[]>>>,
  [name = '', seeds = '1']: readonly string[],
): Promise<void> {
  const rule = rules[name];
  if (rule === undefined)
    throw new Error(`there is no rule "${name}", only ${Object.keys(rules).join(', ')}`);
  for (let seed = 1; seed <= Number(seeds); seed++) {
    const findings = await rule(seed);
    if (findings.length === 0) continue;
    process.stdout.write(`${name}, seed ${seed}: ${findings.join('; ')}\n`);
    process.exitCode = 1;
    break;
  }
}
