/**
 * The browser loads nothing from elsewhere, runs no script and applies no style that is written into the page, and shows the page in no
 * frame. The icons of the page are its own.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** Headers of every answer. */
export const HEADERS: Readonly<Record<string, string>> = Object.freeze({
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  // Answers are as old as a sample, and differ by token.
  'cache-control': 'no-store',
});

/** Headers of the stream; no proxy in between may hold it back. */
export const STREAM_HEADERS: Readonly<Record<string, string>> = Object.freeze({
  ...HEADERS,
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
});
