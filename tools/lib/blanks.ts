import { parse, type Token } from 'acorn';

/** Blanks that separate words stay; so do those around a slash, which may begin a comment or a pattern. */
const WORD = /[\w$\u0080-\uffff]/;
/** Without a blank between them, these would be one token, or a comment of HTML. */
const JOINED: ReadonlySet<string> = new Set(['++', '--', '<!', '->']);
const SPACES = /^ +$/;
const BLANK = /^\s+$/;

/**
 * A program without the blanks that it does not need. Each statement keeps a line of its own, so that stacks lead to it; what stands in
 * parentheses moves up to the line on which it begins.
 * @throws Error if the result would not be the same program.
 */
export function withoutBlanks(code: string, sourceType: 'module' | 'script'): string {
  const tokens = tokensOf(code, sourceType);
  const parts: string[] = [];
  let at = 0;
  for (const { start, end } of tokens) {
    parts.push(
      shortened(code.slice(at, start), code.charAt(at - 1), code.charAt(start)),
      code.slice(start, end),
    );
    at = end;
  }
  const result = parts.join('') + code.slice(at);
  const after = tokensOf(result, sourceType);
  const isSame =
    after.length === tokens.length &&
    tokens.every(({ start, end }, index) => {
      const other = after[index];
      return other !== undefined && code.slice(start, end) === result.slice(other.start, other.end);
    });
  if (!isSame) throw new Error('Without its blanks, the bundle is another program.');
  return result;
}

function tokensOf(code: string, sourceType: 'module' | 'script'): Token[] {
  const tokens: Token[] = [];
  parse(code, { ecmaVersion: 'latest', sourceType, allowHashBang: true, onToken: tokens });
  return tokens;
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
