#!/usr/bin/env node
import { demoCommand } from './demo/command.ts';
import { createProgram } from './program.ts';

const program = createProgram({ demo: demoCommand }, (exitCode) => {
  process.exitCode = exitCode;
});
await program.parseAsync();
