import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { Finding } from '../lib/findings.ts';
import { filesBelow } from '../lib/sources.ts';

/** A heading, its anchor as GitHub makes it, and the line it stands on. */
export interface Heading {
  readonly text: string;
  readonly anchor: string;
  readonly line: number;
}

/** The lines of a Markdown file; those inside code fences are empty, so that examples are not taken for prose. */
export function proseLines(text: string): string[] {
  let fence: string | undefined;
  return text.split('\n').map((line) => {
    const mark = /^\s*(```+|~~~+)/.exec(line)?.[1];
    if (fence !== undefined) {
      if (mark?.startsWith(fence)) fence = undefined;
      return '';
    }
    fence = mark;
    return mark === undefined ? line : '';
  });
}

/** The headings of a Markdown text, in order. */
export function headingsOf(text: string): Heading[] {
  const seen = new Map<string, number>();
  return proseLines(text).flatMap((content, index) => {
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(content)?.[1];
    if (heading === undefined) return [];
    const slug = slugOf(heading);
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return [{ text: heading, anchor: count === 0 ? slug : `${slug}-${count}`, line: index + 1 }];
  });
}

/** The anchor of a heading, as GitHub makes it. */
export function slugOf(heading: string): string {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
    .replaceAll(' ', '-');
}

/** Finds relative links, also with `#anchor`, of every `*.md` that lead nowhere. */
export function checkLinks(root: string): Finding[] {
  return filesBelow(root, '.', ['.md'])
    .filter((file) => !file.endsWith('.api.md'))
    .flatMap((file) => {
      const lines = proseLines(readFileSync(join(root, file), 'utf8'));
      return lines.flatMap((line, index) =>
        targetsIn(line).flatMap((target) => {
          const problem = whyBroken(root, file, target);
          return problem === undefined
            ? []
            : [{ file, line: index + 1, message: `links to ${target}: ${problem}` }];
        }),
      );
    });
}

function targetsIn(line: string): string[] {
  const prose = line.replace(/`[^`]*`/g, '');
  const inline = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+["'][^)]*)?\)/g)];
  const defined = [...prose.matchAll(/^\s{0,3}\[[^\]]+\]:\s*<?([^\s>]+)/g)];
  return [...inline, ...defined].flatMap(([, target]) => (target === undefined ? [] : [target]));
}

function whyBroken(root: string, from: string, target: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined;
  const [path = '', anchor] = target.split('#', 2);
  const file = path === '' ? from : normalize(join(dirname(from), decodeURIComponent(path)));
  if (file.startsWith('..')) return 'it leaves the repository.';
  if (!existsSync(join(root, file))) return 'no such file.';
  if (anchor === undefined || !file.endsWith('.md')) return undefined;
  const known = headingsOf(readFileSync(join(root, file), 'utf8')).some(
    (heading) => heading.anchor === anchor,
  );
  return known ? undefined : 'no such heading.';
}

/** Documents whose commands are those of the root; others have packages and scripts of their own. */
const NAMING = ['README.md', 'CONTRIBUTING.md', 'bench/README.md'];

/** Finds `npm run x` and `npm test` in the documents that no script of the root answers to. */
export function checkScripts(root: string, scripts: Readonly<Record<string, string>>): Finding[] {
  const pages = filesBelow(root, 'docs', ['.md']).filter((file) => !file.startsWith('docs/decisions/'));
  const files = [...NAMING.filter((file) => existsSync(join(root, file))), ...pages];
  return files.flatMap((file) =>
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .flatMap((line, index) =>
        scriptsNamed(line).flatMap((name) => {
          if (Object.hasOwn(scripts, name)) return [];
          return [
            { file, line: index + 1, message: `names the script "${name}", which package.json lacks.` },
          ];
        }),
      ),
  );
}

/** The scripts that a text says to run. */
export function scriptsNamed(text: string): string[] {
  const found = text.matchAll(/\bnpm (?:run (?:--?\S+ )*(\w[\w:-]*)|(test)\b)/g);
  return [...found].map(([, run, test]) => run ?? test ?? '');
}
