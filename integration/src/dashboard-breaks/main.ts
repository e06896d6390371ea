/**
 * Breaks copies of the dashboard, and says of each break whether the tests in the browser find it: `npm run dashboard:breaks`, with words of
 * their names for some of them: `npm run dashboard:breaks -- phone 'the theme'`.
 */
import { BREAKS } from './breaks.ts';
import { Copy } from './copy.ts';

const words = process.argv.slice(2);
const chosen = BREAKS.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
using copy = new Copy();

const sound = await copy.tested(undefined);
const failed = sound.filter(({ hasPassed }) => !hasPassed);
for (const { name, why } of failed) console.log(`FAILS WITHOUT A BREAK  ${name}: ${why}`);
console.log(`${sound.length} tests of the dashboard as it is, ${failed.length} failed.`);

let missed = 0;
for (const broken of chosen) {
  const ends = await copy.tested(broken, broken.test);
  const end = ends.find(({ hasPassed }) => !hasPassed);
  if (end === undefined) missed++;
  console.log(`${end === undefined ? 'NOT FOUND' : 'found    '}  ${broken.name}${end ? `: ${end.why}` : ''}`);
}
console.log(`${chosen.length - missed} of ${chosen.length} breaks found.`);
process.exitCode = failed.length === 0 && missed === 0 && chosen.length > 0 ? 0 : 1;
