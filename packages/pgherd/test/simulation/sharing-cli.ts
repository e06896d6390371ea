import { SHARING_RULES } from './sharing-rules.ts';

/** Plays one rule with the seeds 1 to N: `sharing-cli.ts RULE N`; exit code 1 and the findings when one is broken. */
const [name = '', seeds = '1'] = process.argv.slice(2);
const rule = SHARING_RULES[name];
if (rule === undefined)
  throw new Error(`there is no rule "${name}", only ${Object.keys(SHARING_RULES).join(', ')}`);
for (let seed = 1; seed <= Number(seeds); seed++) {
  const findings = await rule(seed);
  if (findings.length === 0) continue;
  process.stdout.write(`${name}, seed ${seed}: ${findings.join('; ')}\n`);
  process.exitCode = 1;
  break;
}
