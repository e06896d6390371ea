import xterm from '@xterm/headless';
import { describe, expect, it } from 'vitest';
import { terminalSvg } from '../lib/terminal-svg.ts';
import { captured } from '../pictures/capture.ts';

async function terminalWith(text: string): Promise<InstanceType<typeof xterm.Terminal>> {
  const terminal = new xterm.Terminal({ cols: 20, rows: 4, allowProposedApi: true });
  await new Promise<void>((resolve) => terminal.write(text, resolve));
  return terminal;
}

describe('what a terminal shows', () => {
  it('is captured in runs that look alike, with what has scrolled away', async () => {
    const terminal = await terminalWith(
      '\u001b[1mone\u001b[22m two\r\n\u001b[31mred\u001b[2m dim\u001b[0m\r\n3\r\n4\r\n5',
    );
    const lines = captured(terminal).map((line) =>
      line.map(({ text, ...style }) => ({ text: text.trimEnd(), ...style })),
    );
    const usual = { color: undefined, isBold: false, isFaint: false };
    expect(lines[0]).toEqual([
      { ...usual, column: 0, text: 'one', isBold: true },
      { ...usual, column: 3, text: ' two' },
    ]);
    expect(lines[1]?.slice(0, 2)).toEqual([
      { ...usual, column: 0, text: 'red', color: 1 },
      { ...usual, column: 3, text: ' dim', color: 1, isFaint: true },
    ]);
    expect(lines.map((line) => line[0]?.text)).toEqual(['one', 'red', '3', '4', '5']);
  });

  it('becomes a picture in which texts are escaped, and each run has its column', async () => {
    const terminal = await terminalWith('a  \u001b[32m<b>&\u001b[39m\r\n\r\n');
    const svg = terminalSvg({
      command: 'pgherd status',
      description: 'A <table>.',
      hasPrompt: true,
      lines: captured(terminal),
    });
    expect(svg).toContain('<desc>A &lt;table&gt;.</desc>');
    expect(svg).toContain('<tspan x="18" textLength="8.4">a</tspan>');
    expect(svg).toContain('<tspan x="43.2" textLength="33.6" fill="#7ee787">&lt;b&gt;&amp;</tspan>');
    // The command and one line: what is empty at the end takes no room.
    expect(svg).toContain('height="74"');
  });
});
