import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLUSTER_RULES, RULE_NAMES } from '../src/doctor/examine.ts';
import { type Commands, createProgram } from '../src/program.ts';
import { EXIT } from '../src/shell/exit.ts';

const page = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');
const program = createProgram({} as Commands, () => undefined);

const EVERYWHERE = ['--json', '--no-color'];

function sectionOf(name: string): string {
  const [, after = ''] = page.split(`\n## ${name}\n`);
  return after.split('\n## ', 1)[0] ?? '';
}

/** What is off unless it is given has no default to be shown. */
function shownDefault(value: unknown): string {
  return value === undefined || value === false ? '' : String(value);
}

it('the README leads to the page, in its table of guides', () => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  const [, guides = ''] = readme.split('\n## Guides\n');
  expect(guides.split('\n## ', 1)[0]).toMatch(/^\|.*\]\(docs\/cli\.md\)/m);
});

describe('docs/cli.md', () => {
  it('has a row and a section for each command, in the order of the page, and no other section of a command', () => {
    const rows = [...page.matchAll(/^\| \[`([a-z-]+)[^`]*`\]\(#[a-z-]+\)/gm)].map(([, name]) => name);
    const names = program.commands.map((command) => command.name());
    expect(rows.toSorted()).toEqual(names.toSorted());
    for (const name of names) expect(page).toContain(`\n## ${name}\n`);
  });

  it.each(
    program.commands,
  )('has the options of $_name with their defaults, as its help has them', (command) => {
    const rows = [...sectionOf(command.name()).matchAll(/^\| `(--[^`]+)` \| ([^|]*) \|/gm)];
    const own = command.options.filter(({ long }) => !EVERYWHERE.includes(String(long)));
    expect(rows.map(([, flags, value]) => [flags, value?.trim()])).toEqual(
      own.map(({ flags, defaultValue }) => [flags, shownDefault(defaultValue)]),
    );
  });

  it('has the options that all commands have', () => {
    for (const option of EVERYWHERE) expect(page).toContain(`\`${option}\``);
    const without = program.commands.filter(({ options }) => !options.some(({ long }) => long === '--json'));
    expect(without.map((command) => command.name())).toEqual(['completion']);
  });

  it('has every exit code', () => {
    const rows = [...page.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
    expect(rows).toEqual(Object.values(EXIT));
  });

  it('has every rule of the doctor, and no other', () => {
    expect(Object.keys(CLUSTER_RULES).length).toBeGreaterThan(0);
    const [, table = ''] = sectionOf('doctor').split('\n| rule |');
    const named = [...table.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, names = '']) => names.split(', '));
    expect(named.map((name) => name.replaceAll('`', '')).sort()).toEqual([...RULE_NAMES].sort());
  });
});
