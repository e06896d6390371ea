import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLUSTER_RULES, RULE_NAMES } from '../src/doctor/examine.ts';
import { type Commands, createProgram } from '../src/program.ts';
import { EXIT } from '../src/shell/exit.ts';

const page = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');
const program = createProgram({} as Commands, () => undefined);

describe('docs/cli.md', () => {
  it('has a row and a section for each command, in the order of the page, and no other section of a command', () => {
    const rows = [...page.matchAll(/^\| \[`([a-z-]+)[^`]*`\]\(#[a-z-]+\)/gm)].map(([, name]) => name);
    const names = program.commands.map((command) => command.name());
    expect(rows.toSorted()).toEqual(names.toSorted());
    for (const name of names) expect(page).toContain(`\n## ${name}\n`);
  });

  it.each(
    program.commands.filter((command) => command.name() !== 'demo'),
  )('has every option of $_name', (command) => {
    for (const { long } of command.options) expect(page).toContain(long);
  });

  it('has every exit code', () => {
    const rows = [...page.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
    expect(rows).toEqual(Object.values(EXIT));
  });

  it('has every rule of the doctor', () => {
    expect(Object.keys(CLUSTER_RULES).length).toBeGreaterThan(0);
    for (const rule of RULE_NAMES) expect(page).toContain(`\`${rule}\``);
  });
});
