import { readConnection } from '../connection/plan.ts';
import { EXIT, type ExitCode } from '../shell/exit.ts';
import type { Span } from '../shell/line.ts';
import type { Output } from '../shell/output.ts';
import { type CommonOptions, runCommand } from '../shell/run.ts';
import { writeTable } from '../shell/table.ts';
import { placeOf } from './psql.ts';
import { type DsnJson, understood } from './understood.ts';

/** Shows how a connection string is understood, without connecting; resolves with the exit code. */
export function dsnCommand(url: string, options: CommonOptions): Promise<ExitCode> {
  return runCommand(options, async ({ output, env }) => {
    const found = understood(readConnection(url, env), readConnection(url, env, 'libpq').plan, env);
    output.json(found);
    writeUnderstood(output, found);
    return found.warnings.length === 0 ? EXIT.fine : EXIT.finding;
  });
}

function writeUnderstood(output: Output, found: DsnJson): void {
  const facts: readonly (readonly [string, string])[] = [
    ['url', found.url],
    ['servers', found.hosts.map(placeOf).join(', ')],
    ['user', found.user],
    ['password', found.password],
    ['database', found.database],
    ['calls go to', found.target],
    ['tls', tlsText(found)],
  ];
  for (const [name, value] of facts) output.line({ tone: 'faint', text: name.padEnd(13) }, value);
  if (found.parameters.length > 0) {
    output.line();
    writeTable(
      output,
      [
        { title: 'parameter', cell: ({ name }) => name },
        { title: 'value', cell: ({ value }) => value },
        { title: 'set by', cell: ({ origin }) => origin },
        { title: 'support', dispensable: 1, cell: ({ support }) => supportCell(support) },
      ],
      found.parameters,
    );
  }
  writeSection(output, 'warnings', found.warnings);
  writeSection(output, 'psql', found.psql);
}

function writeSection(output: Output, title: string, sentences: readonly string[]): void {
  if (sentences.length === 0) return;
  output.line();
  output.line({ tone: 'strong', text: title });
  for (const sentence of sentences) output.line(`  - ${sentence}`);
}

function tlsText({ tls, hosts }: DsnJson): string {
  if (hosts.every(({ transport }) => transport === 'unix')) return 'none: a Unix socket';
  const authority = tls.rootCert === null ? 'the authorities of Node.js' : tls.rootCert;
  switch (tls.verify) {
    case 'full':
      return `${tls.mode}: authority and name are verified, by ${authority}`;
    case 'ca':
      return `${tls.mode}: the authority is verified, by ${authority}; the name is not`;
    default:
      return tls.mode === 'disable' ? 'disable: nothing is encrypted' : `${tls.mode}: nothing is verified`;
  }
}

function supportCell(support: DsnJson['parameters'][number]['support']): Span {
  return support === 'ignored' ? { tone: 'warning', text: support } : support;
}
