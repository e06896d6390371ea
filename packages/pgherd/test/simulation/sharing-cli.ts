import { playRules } from './rules-cli.ts';
import { SHARING_RULES } from './sharing-rules.ts';

await playRules(SHARING_RULES, process.argv.slice(2));
