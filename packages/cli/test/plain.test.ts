import { describe, expect, it } from 'vitest';
import { jsonView, plainView } from '../src/demo/plain.ts';
import { sampleFrame, sampleReport } from './samples.ts';

function recorder(): { readonly write: (text: string) => void; readonly text: () => string } {
  const written: string[] = [];
  return { write: (text) => written.push(text), text: () => written.join('') };
}

describe('plainView', () => {
  it('writes lines as things happen, and numbers every two seconds', () => {
    const out = recorder();
    const view = plainView(out.write);
    view.progress('Servers are up.');
    view.said({ atMs: 1_500, by: 'demo', text: 'node2 is killed' });
    view.frame(sampleFrame({ atMs: 1_900 }));
    view.frame(sampleFrame({ atMs: 2_100 }));
    view.frame(sampleFrame({ atMs: 2_300 }));
    expect(out.text()).toBe(
      'Servers are up.\n' +
        '   1.5 s  ▸ node2 is killed\n' +
        '   2.1 s    writes 100/s (p50 4.0 ms, p99 4.0 ms), reads 200/s (p50 1.0 ms, p99 1.0 ms); ' +
        'node1 primary, node2 standby, node3 offline\n',
    );
  });
});

describe('jsonView', () => {
  it('writes one JSON object and nothing else, all the rest aside', () => {
    const out = recorder();
    const aside = recorder();
    const view = jsonView(out.write, aside.write);
    view.progress('Servers are up.');
    view.said({ atMs: 1_500, by: 'pgherd', text: 'node2 is offline' });
    view.frame(sampleFrame());
    view.report(sampleReport());
    view.close();
    expect(JSON.parse(out.text())).toMatchObject({ lost: 0, duplicated: 0, acknowledged: 8_000 });
    expect(aside.text()).toContain('node2 is offline');
    expect(aside.text()).toContain('All promises kept');
  });
});
