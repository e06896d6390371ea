#!/usr/bin/env node
import { main } from './main.ts';

const exitCode = await main(process.argv.slice(2));
// Output that could not be written has set it already.
process.exitCode ??= exitCode;
