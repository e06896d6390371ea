import { describe, expect, it } from 'vitest';
import { withoutBlanks } from '../lib/blanks.ts';

describe('blanks and semicolons that a program does not need', () => {
  it.each([
    ['const a = 1;\nconst b = a + 2;', 'const a=1;\nconst b=a+2;'],
    ['f( a, {\nb: 1,\nc\n} );', 'f(a,{b:1,c});'],
    ['return_(function name (a) {\nreturn a;\n});', 'return_(function name(a){return a});'],
    // Only what the program does not need.
    ['a + +b; a - --b; a < !--b; 1 .toString(); x-- > y;', 'a+ +b;a- --b;a< !--b;1 .toString();x-- >y;'],
    ['const p = / a b /g, q = a / b;', 'const p= / a b /g,q=a / b;'],
    [`\`a  b \${ c }  d\`; " e  f ";`, `\`a  b \${c}  d\`;" e  f ";`],
    [
      'class A { static #x = 1; get y() { return this.#x; } }',
      'class A{static #x=1;get y(){return this.#x}}',
    ],
    ['/* @__PURE__ */ f(); // why\ng();', '/* @__PURE__ */ f(); // why\ng();'],
    ['let a\nlet b', 'let a\nlet b'],
    // A semicolon before a brace goes, unless it is a statement.
    ['{ a(); }\n{ for (;;); } { while (b); } { if (c); else; }', '{a()}\n{for(;;);}{while(b);}{if(c);else;}'],
    ['class B { x = 1; get; }\nconst o = { f() { return; } };', 'class B{x=1;get}\nconst o={f(){return}};'],
  ])('are taken out of %j', (code, expected) => {
    expect(withoutBlanks(code, 'module')).toBe(expected);
  });

  it('leave each statement its line', () => {
    const code = 'function f() {\n  one();\n  two();\n}\nthree();';
    expect(withoutBlanks(code, 'script')).toBe('function f(){one();\n  two()}\nthree();');
  });

  it('refuses what is no program', () => {
    expect(() => withoutBlanks('const = 1', 'module')).toThrow(SyntaxError);
  });
});
