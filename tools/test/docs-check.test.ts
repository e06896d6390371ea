import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DOCS_CHECKS } from '../docs-check.ts';
import type { Finding } from '../lib/findings.ts';
import { CLEAN, type Files, repository } from './fixture.ts';

function findingsOf(changes: Files): Finding[] {
  const root = repository(changes);
  return Object.values(DOCS_CHECKS).flatMap((check) => check(root));
}

const ERRORS_PAGE = CLEAN['docs/errors.md'] ?? '';
const ARCHITECTURE = CLEAN['ARCHITECTURE.md'] ?? '';

const MISTAKES: readonly { name: string; files: Files; file: string; message: string }[] = [
  {
    name: 'an error code without a heading',
    files: { 'docs/errors.md': ERRORS_PAGE.replace('## `PGHERD_TIMEOUT`', '') },
    file: 'docs/errors.md',
    message: 'no heading for PGHERD_TIMEOUT',
  },
  {
    name: 'a heading for a code that is gone',
    files: { 'docs/errors.md': `${ERRORS_PAGE}\n## \`PGHERD_GONE\`\n` },
    file: 'docs/errors.md',
    message: 'PGHERD_GONE is not in ERROR_CODES',
  },
  {
    name: 'codes in another order',
    files: { 'docs/errors.md': '## `PGHERD_TIMEOUT`\n\n## `PGHERD_CLOSED`\n', 'README.md': '' },
    file: 'docs/errors.md',
    message: 'another order',
  },
  {
    name: 'a folder that the architecture does not name',
    files: { 'ARCHITECTURE.md': ARCHITECTURE.replace('`time`', '`tide`') },
    file: 'ARCHITECTURE.md',
    message: 'no row for `time`',
  },
  {
    name: 'a folder that the architecture names in vain',
    files: { 'ARCHITECTURE.md': `${ARCHITECTURE}| \`router\` | a | b |\n` },
    file: 'ARCHITECTURE.md',
    message: 'describes `router`',
  },
  {
    name: 'a folder of which nobody knows what it does not own',
    files: { 'ARCHITECTURE.md': ARCHITECTURE.replace('deeds', '') },
    file: 'ARCHITECTURE.md',
    message: 'leaves open what `model` owns',
  },
  {
    name: 'an architecture without owners',
    files: { 'ARCHITECTURE.md': '# Architecture\n' },
    file: 'ARCHITECTURE.md',
    message: 'no table',
  },
  {
    name: 'an export that the list lacks',
    files: { 'packages/pgherd/src/index.ts': `export { ERROR_CODES as CODES } from './model/errors.ts';\n` },
    file: 'docs/exports.md',
    message: 'is not what the sources say',
  },
  {
    name: 'an event without its page',
    files: {
      'ARCHITECTURE.md': `${ARCHITECTURE}| \`observe\` | a | b |\n`,
      'packages/pgherd/src/observe/events.ts': `/** Events. */\nexport interface ClusterEvents { 'a:b': string }\n`,
    },
    file: 'docs/events.md',
    message: 'is not what the sources say',
  },
  {
    name: 'a channel that no page explains',
    files: {
      'ARCHITECTURE.md': `${ARCHITECTURE}| \`channels\` | a | b |\n`,
      'packages/pgherd/src/channels/channels.ts': `export interface TracingMessages { 'pgherd:query': string }\n`,
    },
    file: 'docs/observing.md',
    message: 'does not explain the channel `pgherd:query`',
  },
  {
    name: 'an example that does not compile',
    files: {
      'docs/page.md': '<!-- compiled with:\ndeclare const n: number;\n-->\n\n```ts\nn.trim();\n```\n',
    },
    file: 'docs/page.md',
    message: "Property 'trim' does not exist",
  },
  {
    name: 'an example that is no longer the copy of its file',
    files: {
      'docs/page.md': '<!-- compiled -->\n\n<!-- copy of a.ts -->\n```ts\nconst n = 1;\n```\n',
      'a.ts': 'const n = 2;\n',
    },
    file: 'docs/page.md',
    message: 'not the text of a.ts',
  },
  {
    name: 'a broken link',
    files: { 'docs/a.md': 'See [b](../docs/b.md).\n' },
    file: 'docs/a.md',
    message: '../docs/b.md: no such file',
  },
  {
    name: 'a broken reference',
    files: { 'docs/a.md': 'See [b].\n\n[b]: ./b.md\n' },
    file: 'docs/a.md',
    message: './b.md: no such file',
  },
  {
    name: 'a link to a heading that is not there',
    files: { 'docs/a.md': '[x](errors.md#pgherd_gone)\n' },
    file: 'docs/a.md',
    message: 'no such heading',
  },
  {
    name: 'a script that does not exist',
    files: { 'README.md': 'Run `npm run chekc`.\n' },
    file: 'README.md',
    message: '"chekc"',
  },
  {
    name: 'a script of a page that does not exist',
    files: { 'docs/a.md': 'Made by `npm run bench:nothing`.\n' },
    file: 'docs/a.md',
    message: '"bench:nothing"',
  },
  {
    name: 'a table of measurements without its command',
    files: { 'docs/performance.md': '# P\n\n| a | ms |\n| --- | --- |\n| `b` | 12 |\n\nSaid `npm test`.\n' },
    file: 'docs/performance.md',
    message: 'a figure without the command',
  },
  {
    name: 'a chart without its command',
    files: { 'docs/performance.md': '# P\n\n![a chart](a.svg)\n', 'docs/a.svg': '<svg/>' },
    file: 'docs/performance.md',
    message: 'a figure without the command',
  },
  {
    name: 'an export without a doc comment',
    files: {
      'packages/pgherd/src/index.ts': `export { bare } from './model/bare.ts';\n`,
      'packages/pgherd/src/model/bare.ts': '\nexport const bare = 1;\n',
      'docs/exports.md': (CLEAN['docs/exports.md'] ?? '').replace(
        '| `ERROR_CODES` | constant | Codes. |',
        '| `bare` | constant |  |',
      ),
    },
    file: 'packages/pgherd/src/model/bare.ts',
    message: `bare, exported from 'pgherd', has no doc comment`,
  },
];

describe('documents', () => {
  test('let a clean repository pass', () => {
    expect(findingsOf({})).toEqual([]);
  });

  test.each(MISTAKES)('object to $name', ({ files, file, message }) => {
    expect(findingsOf(files)).toEqual([
      expect.objectContaining({ file, message: expect.stringContaining(message) }),
      ...(message.startsWith('no row') ? [expect.anything()] : []),
    ]);
  });

  test('look for the parts of another package among its own sources', () => {
    const table = '## `packages/testing`\n\n| part | owns | does not own |\n| --- | --- | --- |\n';
    const rows = '| `proxy/`, `server` | bytes | protocol |\n| `referee` | failover | belief |\n';
    const files = {
      'ARCHITECTURE.md': `${ARCHITECTURE}\n${table}${rows}`,
      'packages/testing/src/proxy/proxy.ts': '',
      'packages/testing/src/server.ts': '',
    };
    expect(findingsOf(files)).toEqual([
      expect.objectContaining({ message: 'describes `referee`, which packages/testing/src lacks.' }),
    ]);
  });

  test('take a folder without files for one that is not there, as a clone would', () => {
    const root = repository({ 'ARCHITECTURE.md': `${ARCHITECTURE}| \`router\` | a | b |\n` });
    mkdirSync(join(root, 'packages/pgherd/src/router'));
    expect(DOCS_CHECKS.architecture(root)).toEqual([
      expect.objectContaining({ message: 'describes `router`, which packages/pgherd/src lacks.' }),
    ]);
  });

  test.each([
    '# P\n\n`npm run bench:a`:\n\n| a | ms |\n| --- | --- |\n| b | 12 |\n',
    '# P\n\n| a | ms |\n| --- | --- |\n| b | 12 |\n\nBy `npm run bench:a`.\n',
    '# P\n\n| a | ms |\n| --- | --- |\n| b (`npm run bench:a`) | 12 |\n',
    '# P\n\n![a](a.svg)\n\n![b](a.svg)\n\nBy `npm run bench:a`.\n',
    '# P\n\n| a | what |\n| --- | --- |\n| b | words |\n',
  ])('find the command of a figure around it: %j', (text) => {
    const manifest = JSON.parse(CLEAN['package.json'] ?? '{}') as { readonly scripts: object };
    const scripts = { ...manifest.scripts, 'bench:a': 'true' };
    const files = {
      'docs/a.svg': '',
      'docs/performance.md': text,
      'package.json': JSON.stringify({ ...manifest, scripts }),
    };
    expect(findingsOf(files)).toEqual([]);
  });

  test('know that a script may follow the flags of npm', () => {
    const files = { 'README.md': 'Run `npm run --silent demo -- --json` or `npm run --silent check`.\n' };
    expect(findingsOf(files)).toEqual([
      expect.objectContaining({ message: expect.stringContaining('"demo"') }),
    ]);
  });

  test('take no example in a code fence, no web address and no inline code for a link', () => {
    const text = '```md\n[x](nowhere.md)\n```\n[y](https://example.org/z) and `[z](gone.md)`\n';
    expect(findingsOf({ 'docs/a.md': text })).toEqual([]);
  });
});
