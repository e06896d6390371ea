import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import type { Finding } from '../lib/findings.ts';
import { type PublicEntry, publicEntries } from '../lib/packages.ts';
import { parseSource, walk } from '../lib/sources.ts';
import { exportsOf, namesIn } from './tsdoc.ts';

const EVENTS = 'packages/pgherd/src/observe/events.ts';
const CHANNELS = 'packages/pgherd/src/channels/channels.ts';
const OBSERVING = 'docs/observing.md';
const REMEDY = 'Run `npm run docs:reference`.';

/** Pages that are made of the sources, and how; a repository without the sources has no such page. */
const GENERATED: Readonly<Record<string, (root: string) => string | undefined>> = {
  'docs/events.md': eventsPage,
  'docs/exports.md': exportsPage,
};

/** The pages that are made of the sources say what these say now. */
export function checkReference(root: string): Finding[] {
  return Object.entries(GENERATED).flatMap(([file, make]) => {
    const expected = make(root);
    const present = existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : undefined;
    return expected === present ? [] : [{ file, message: `is not what the sources say. ${REMEDY}` }];
  });
}

/** Writes these pages. */
export function writeReference(root: string): Finding[] {
  for (const [file, make] of Object.entries(GENERATED)) {
    const text = make(root);
    if (text !== undefined) writeFileSync(join(root, file), text);
  }
  return [];
}

/** Every diagnostics channel is explained. */
export function checkChannels(root: string): Finding[] {
  const page = existsSync(join(root, OBSERVING)) ? readFileSync(join(root, OBSERVING), 'utf8') : '';
  return membersOf(root, CHANNELS, 'TracingMessages')
    .filter(({ name }) => !page.includes(`\`${name}\``))
    .map(({ name }) => ({ file: OBSERVING, message: `does not explain the channel \`${name}\`.` }));
}

interface Member {
  readonly name: string;
  /** The comment before it, as one paragraph; empty without one. */
  readonly text: string;
  readonly type: ts.TypeNode | undefined;
}

/** The members of an interface, in order. */
function membersOf(root: string, file: string, name: string): Member[] {
  if (!existsSync(join(root, file))) return [];
  const found: Member[] = [];
  walk(parseSource(root, file).tree, (node) => {
    if (ts.isInterfaceDeclaration(node) && node.name.text === name) found.push(...describe(node.members));
  });
  return found;
}

function describe(members: ts.NodeArray<ts.TypeElement>): Member[] {
  return members.filter(ts.isPropertySignature).map((member) => ({
    name: member.name.getText().replaceAll("'", ''),
    text: ts
      .getJSDocCommentsAndTags(member)
      .map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '')
      .join(' ')
      .replace(/\s+/g, ' ')
      .trim(),
    type: member.type,
  }));
}

function eventsPage(root: string): string | undefined {
  const events = membersOf(root, EVENTS, 'ClusterEvents');
  if (events.length === 0) return undefined;
  return `# Events

<!-- made of ${EVENTS} by npm run docs:reference -->

\`db.on(name, listener, { once, signal })\` subscribes to an event and returns the function that ends the subscription. What a listener throws
cannot affect pgherd or other listeners. Most changes are also a line in the log ([observing.md](observing.md)). Names of nodes are \`host:port\`; times are
milliseconds, where the name ends in \`Ms\`.

${events.map(eventSection).join('\n\n')}
`;
}

function eventSection({ name, text, type }: Member): string {
  const fields = type !== undefined && ts.isTypeLiteralNode(type) ? describe(type.members) : [];
  const rows = fields.map((field) => {
    const shown = (field.type?.getText() ?? '').replace(/\s+/g, ' ');
    return `| \`${field.name}\` | ${codeInCell(shown)} | ${inCell(field.text)} |`;
  });
  const table = rows.length === 0 ? [] : ['', '| field | type | |', '| --- | --- | --- |', ...rows];
  return [`## \`${name}\``, '', text, ...table].join('\n');
}

/** A bar would end the cell. */
function inCell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function codeInCell(text: string): string {
  return `\`${inCell(text)}\``;
}

function exportsPage(root: string): string {
  const entries = publicEntries(root).filter(({ source }) => existsSync(join(root, source)));
  const program = namesIn(root, entries);
  return `# Exports

<!-- made of the sources by npm run docs:reference -->

Everything that can be imported, by entry. The editor shows the whole comment of each name; the signatures are behind the links.

${entries.map((entry) => exportsSection(root, program, entry)).join('\n\n')}
`;
}

function exportsSection(root: string, program: ts.Program, { specifier, source }: PublicEntry): string {
  const rows = exportsOf(program, join(root, source))
    .map(({ name, symbol }) => ({ name, kind: kindOf(symbol), text: summaryOf(program, symbol) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, kind, text }) => `| \`${name}\` | ${kind} | ${inCell(text)} |`);
  const report = `api/${specifier.replaceAll('/', '.')}.api.md`;
  const link = existsSync(join(root, 'docs', report)) ? [`[Signatures](${report})`, ''] : [];
  return [`## \`${specifier}\``, '', ...link, '| name | | |', '| --- | --- | --- |', ...rows].join('\n');
}

const KINDS: readonly (readonly [ts.SymbolFlags, string])[] = [
  [ts.SymbolFlags.Class, 'class'],
  [ts.SymbolFlags.Function, 'function'],
  [ts.SymbolFlags.Variable, 'constant'],
  [ts.SymbolFlags.Interface, 'interface'],
  [ts.SymbolFlags.TypeAlias, 'type'],
];

function kindOf({ flags }: ts.Symbol): string {
  return KINDS.find(([flag]) => (flags & flag) !== 0)?.[1] ?? '';
}

/** The first sentence of the comment, its links as code. */
function summaryOf(program: ts.Program, symbol: ts.Symbol): string {
  const parts = symbol.getDocumentationComment(program.getTypeChecker());
  const text = ts
    .displayPartsToString(parts)
    .replace(/\{@link ([^}|]+?)\s*(?:\|[^}]*)?\}/g, '`$1`')
    .replace(/\s+/g, ' ')
    .trim();
  return /^.*?[.:](?= [A-Z`]|$)/.exec(text)?.[0] ?? text;
}
