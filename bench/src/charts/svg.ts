/** Attributes of an element; what is `undefined` is left out. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** An element as text; `inside` is markup. */
export function element(name: string, attributes: Attributes, inside: readonly string[] = []): string {
  const words = Object.entries(attributes).flatMap(([key, value]) => {
    if (value === undefined) return [];
    return [`${key}="${escaped(typeof value === 'number' ? String(rounded(value)) : value)}"`];
  });
  const start = [name, ...words].join(' ');
  return inside.length === 0 ? `<${start}/>` : `<${start}>${inside.join('')}</${name}>`;
}

/** A line of text. */
export function text(words: string, x: number, y: number, style: string): string {
  return element('text', { class: style, x, y }, [escaped(words)]);
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

/** A tenth of a pixel is enough, and keeps the files readable. */
function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

/** That of the drawings, which the site replaces by its theme's; light and dark. */
const STYLE = `
    text { font: 13px system-ui, sans-serif; fill: #24292f }
    .small { font-size: 11.5px; fill: #57606a } .strong { font-weight: 600 } .middle { text-anchor: middle } .end { text-anchor: end }
    .line { fill: none; stroke: #57606a; stroke-width: 1.5 } .dashed { stroke-dasharray: 4 4 } .line.good { stroke: #2f6f4f }
    .grid { stroke: #8c959f; stroke-width: .5; stroke-opacity: .5 } .dot { fill: #57606a } .dot.good { fill: #2f6f4f; stroke: none }
    .bar { stroke: none; fill: #8c959f } .bar.good { fill: #2f6f4f } .bar.bad { fill: #b3372f } .bar.wait { fill: #96660a } .solid { fill-opacity: .7 }
    .words.good { fill: #2f6f4f; stroke: none } .words.bad { fill: #b3372f; stroke: none }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } .small { fill: #9da7b1 } .line { stroke: #9da7b1 } .line.good { stroke: #7cc9a0 }
      .grid { stroke: #6e7681 } .dot { fill: #9da7b1 } .dot.good { fill: #7cc9a0 }
      .bar { fill: #6e7681 } .bar.good { fill: #7cc9a0 } .bar.bad { fill: #f0857c } .bar.wait { fill: #e2b04a }
      .words.good { fill: #7cc9a0 } .words.bad { fill: #f0857c }
    }
  `;

/** A file: `title` is for readers that do not see it. */
export function svg(width: number, height: number, title: string, parts: readonly string[]): string {
  const size = { viewBox: `0 0 ${width} ${Math.ceil(height)}`, width, height: Math.ceil(height) };
  const head = [element('title', {}, [escaped(title)]), element('style', {}, [STYLE])];
  const lines = [...head, ...parts].map((part) => `\n  ${part}`);
  return `${element('svg', { xmlns: 'http://www.w3.org/2000/svg', ...size }, [...lines, '\n'])}\n`;
}
