import { PLANTED_BUGS } from './planted-bugs.ts';
import { simulateCopy } from './planted-copy.ts';

const only = process.argv[2];
for (const bug of PLANTED_BUGS) {
  if (only !== undefined && !bug.name.includes(only)) continue;
  const t = performance.now();
  try {
    const { failingSeed, violation, output } = await simulateCopy(bug, bug.seeds);
    console.log(
      `${failingSeed === undefined ? 'MISSED' : failingSeed} ${((performance.now() - t) / 1000).toFixed(1)}s | ${bug.name} | ${violation}`,
    );
    if (process.argv[3]) console.log(output);
  } catch (e) {
    console.log(`ERROR ${bug.name}: ${String(e).slice(0, 600)}`);
  }
}
