import type { Output } from '../shell/output.ts';
import type { Finding } from './facts.ts';

/** What several servers have in common. */
export interface SharedFinding extends Omit<Finding, 'node'> {
  /** Empty for the cluster as a whole. */
  readonly nodes: readonly string[];
}

/** Findings that differ in nothing but the server, as one. Pure. */
export function sharedFindings(findings: readonly Finding[]): readonly SharedFinding[] {
  const shared = new Map<string, SharedFinding>();
  for (const { node, ...finding } of findings) {
    const key = JSON.stringify(finding);
    const nodes = node === null ? [] : [node];
    const known = shared.get(key);
    shared.set(
      key,
      known === undefined ? { ...finding, nodes } : { ...known, nodes: [...known.nodes, ...nodes] },
    );
  }
  return [...shared.values()];
}

const INDENT = ' '.repeat(9);

/** Writes findings for people. */
export function writeFindings(output: Output, asked: readonly string[], findings: readonly Finding[]): void {
  for (const { severity, nodes, rule, evidence, remedy, page } of sharedFindings(findings)) {
    output.line(
      { tone: severity === 'error' ? 'bad' : 'warning', text: severity.padEnd(INDENT.length) },
      { tone: 'strong', text: nodes.length === 0 ? 'cluster' : nodes.join(', ') },
      { tone: 'faint', text: `  ${rule}` },
    );
    output.wrapped(INDENT, evidence);
    output.wrapped(INDENT, '→ ', remedy, ' ', { tone: 'faint', text: `docs/${page}` });
    output.line();
  }
  const servers = asked.length === 1 ? '1 server was' : `${asked.length} servers were`;
  const count =
    findings.length === 0 ? 'nothing' : findings.length === 1 ? '1 thing' : `${findings.length} things`;
  output.line(`${servers} asked; ${count} found.`);
}
