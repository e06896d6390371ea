import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { makePage } from '../page.ts';
import { REPOSITORY } from './fixture.ts';

/** All files of the page together, compressed, bytes. */
const MOST_BYTES = 150_000;

const files = await makePage(REPOSITORY);

describe('the page of the dashboard', () => {
  test('is small', () => {
    const sizes = Object.values(files).map(({ text }) => gzipSync(text).length);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    expect(total).toBeLessThan(MOST_BYTES);
    // Nothing was forgotten: the plots are in it.
    expect(total).toBeGreaterThan(20_000);
  });

  test('has no script, style or reaction to an event in its markup', () => {
    const { text } = files['index.html'];
    expect(text.match(/<script[^>]*>/g)).toEqual(['<script type="module" src="page.js">']);
    expect(text).not.toMatch(/<style|\sstyle=|\son\w+=/i);
  });

  test('never makes markup or code of a text', () => {
    expect(files['page.js'].text).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/,
    );
  });

  test('names no address outside but those of its namespaces and of the licence', () => {
    const all = Object.values(files)
      .map(({ text }) => text)
      .join('\n');
    const addresses = new Set(all.match(/(?:https?:)?\/\/[\w.-]+\.\w{2,}/g));
    expect([...addresses]).toEqual(['http://www.w3.org']);
  });

  test('keeps the licence of its library', () => {
    expect(files['page.js'].text).toContain('Permission is hereby granted, free of charge');
  });
});
