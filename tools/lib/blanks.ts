import { type AnyNode, type Program, parse, type Token } from 'acorn';
import { childrenOf } from './syntax.ts';

/** Blanks that separate words stay; so do those around a slash, which may begin a comment or a pattern. */
const WORD = /[\w$\u0080-\uffff]/;
/** Without a blank between them, these would be one token, or a comment of HTML. */
const JOINED: ReadonlySet<string> = new Set(['++', '--', '<!', '->']);
const SPACES = /^ +$/;
const BLANK = /^\s+$/;

/**
 * A program without the blanks that it does not need, and without the semicolons that a closing brace stands for. Each statement keeps a
 * line of its own, so that stacks lead to it; what stands in parentheses moves up to the line on which it begins.
 * @throws Error if the result would not be the same program.
 */
export function withoutBlanks(code: string, sourceType: 'module' | 'script'): string {
  const { tokens: all, program } = read(code, sourceType);
  const empty = emptyStatements(program);
  const tokens = all.filter(
    ({ start, end }, index) =>
      !(
        code[start] === ';' &&
        end === start + 1 &&
        code[all[index + 1]?.start ?? -1] === '}' &&
        !empty.has(start)
      ),
  );
  const parts: string[] = [];
  let at = 0;
  for (const { start, end } of tokens) {
    parts.push(
      shortened(gapOf(code, at, start), code.charAt(at - 1), code.charAt(start)),
      code.slice(start, end),
    );
    at = end;
  }
  const result = parts.join('') + code.slice(at);
  const { tokens: after } = read(result, sourceType);
  const isSame =
    after.length === tokens.length &&
    tokens.every(({ start, end }, index) => {
      const other = after[index];
      return other !== undefined && code.slice(start, end) === result.slice(other.start, other.end);
    });
  if (!isSame) throw new Error('Without its blanks, the bundle is another program.');
  return result;
}

function read(code: string, sourceType: 'module' | 'script'): { tokens: Token[]; program: Program } {
  const tokens: Token[] = [];
  const program = parse(code, { ecmaVersion: 'latest', sourceType, allowHashBang: true, onToken: tokens });
  return { tokens, program };
}

/** Where the statements begin that are a semicolon and nothing else. */
function emptyStatements(node: AnyNode, found = new Set<number>()): ReadonlySet<number> {
  if (node.type === 'EmptyStatement') found.add(node.start);
  for (const child of childrenOf(node)) emptyStatements(child, found);
  return found;
}

/** What stands between two tokens that are kept; a semicolon that is not leaves nothing. */
function gapOf(code: string, from: number, to: number): string {
  const gap = code.slice(from, to);
  return gap.trim() === ';' ? gap.slice(gap.indexOf(';') + 1) : gap;
}

/** What is left of the gap between two tokens. */
function shortened(gap: string, before: string, after: string): string {
  if (!BLANK.test(gap)) return gap;
  if (!SPACES.test(gap)) return '({[,'.includes(before) || ')}]'.includes(after) ? '' : gap;
  return isNeeded(before, after) ? ' ' : '';
}

function isNeeded(before: string, after: string): boolean {
  if (WORD.test(before) && (WORD.test(after) || after === '#' || after === '.')) return true;
  return JOINED.has(before + after) || before === '/' || after === '/';
}
