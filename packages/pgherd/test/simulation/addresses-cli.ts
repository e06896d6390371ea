import { ADDRESS_RULES } from './addresses-rules.ts';
import { playRules } from './rules-cli.ts';

await playRules(ADDRESS_RULES, process.argv.slice(2));
