/** Something that is broken in a copy of the dashboard, to see that the tests in the browser find it. */
export interface Break {
  /** What is so then. */
  readonly name: string;
  /** File below `packages/dashboard/src`. */
  readonly file: string;
  /** Text that stands there exactly once. */
  readonly find: string;
  readonly replace: string;
  /** Words of the test of `integration/test/dashboard/page.test.ts` that finds it, which no other test has. */
  readonly test: string;
}

const FAILOVER = 'follows a failover';
const AWAY = 'connects again when the server was away';
const ANEW = 'goes on with a program that was started anew';
const KEYBOARD = 'can be used by keyboard alone';
const DARK = 'WCAG 2.2 AA), dark';
const LIGHT = 'WCAG 2.2 AA), light';
const TOKEN = 'wants the token';
const HOSTILE = 'shows hostile texts of the database';
const POLICY = 'loads and runs nothing that is not its own';

/** Everything that the tests must be able to find. Fragments are short, so that they outlive most changes. */
export const BREAKS: readonly Break[] = Object.freeze([
  {
    name: 'texts become markup',
    file: 'page/dom.ts',
    find: 'element.textContent !== text) element.textContent = text',
    replace: 'element.innerHTML !== text) element.innerHTML = text',
    test: HOSTILE,
  },
  {
    name: 'lines of the log become markup',
    file: 'page/events.ts',
    find: 'words.append(`',
    replace: "words.insertAdjacentHTML('beforeend', `",
    test: HOSTILE,
  },
  {
    name: 'warnings alone are everything',
    file: 'page/events.ts',
    find: "|| level !== 'info'",
    replace: "|| level !== ''",
    test: HOSTILE,
  },
  {
    name: 'there is no policy of content',
    file: 'server/headers.ts',
    find: "'content-security-policy': POLICY,",
    replace: '',
    test: POLICY,
  },
  {
    name: 'the policy lets scripts be written into the page',
    file: 'server/headers.ts',
    find: `"script-src 'self'"`,
    replace: `"script-src 'self' 'unsafe-inline'"`,
    test: POLICY,
  },
  {
    name: 'every site may show the page in a frame',
    file: 'server/headers.ts',
    find: `"frame-ancestors 'none'"`,
    replace: '"frame-ancestors *"',
    test: POLICY,
  },
  {
    name: 'the page wants something of another server',
    file: 'page/index.html',
    find: '<link rel="stylesheet" href="page.css">',
    replace:
      '<link rel="stylesheet" href="page.css"><link rel="stylesheet" href="https://fonts.example/a.css">',
    test: FAILOVER,
  },
  {
    name: 'another node is the one that takes writes',
    file: 'page/picture.ts',
    find: 'node.name === frame.writable)',
    replace: 'node.name !== frame.writable)',
    test: FAILOVER,
  },
  {
    name: 'a standby that is gone still receives',
    file: 'page/layout.ts',
    find: "|| node.health !== 'ok' ||",
    replace: '||',
    test: LIGHT,
  },
  {
    name: 'the time without a primary is not shaded',
    file: 'page/plots.ts',
    find: 'ctx.fillRect(x, bbox.top, end - x, bbox.height);',
    replace: '',
    test: FAILOVER,
  },
  {
    name: 'a new primary is not marked',
    file: 'page/plots.ts',
    find: 'ctx.stroke();',
    replace: '',
    test: FAILOVER,
  },
  {
    name: 'the server sends no marks',
    file: 'sample/event-lines.ts',
    find: 'if (!isChange) return;',
    replace: 'if (isChange) return;',
    test: FAILOVER,
  },
  {
    name: 'the figures stand still',
    file: 'page/plots.ts',
    find: '? values.at(-1) :',
    replace: '? values[0] :',
    test: FAILOVER,
  },
  {
    name: 'the oldest event comes first',
    file: 'page/events.ts',
    find: 'shown.map(lineElement).reverse())',
    replace: 'shown.map(lineElement))',
    test: FAILOVER,
  },
  {
    name: 'events that come later are not shown',
    file: 'page/events.ts',
    find: 'lines.slice(this.#lines.length)',
    replace: 'lines.slice(lines.length)',
    test: FAILOVER,
  },
  {
    name: 'the focus is lost when cards move',
    file: 'page/picture.ts',
    find: 'focused.focus({ preventScroll: true });',
    replace: 'focused.blur();',
    test: FAILOVER,
  },
  {
    name: 'who does not see the picture hears of no failover',
    file: 'page/page.ts',
    find: "setText(byId('announcement'), words.join(' '))",
    replace: "setText(byId('announcement'), '')",
    test: FAILOVER,
  },
  {
    name: 'a stream that was lost is not asked for again',
    file: 'page/stream.ts',
    find: 'window.setTimeout(() => this.connect(), pause);',
    replace: '1;',
    test: AWAY,
  },
  {
    name: 'a page that comes back gets nothing of what it has missed',
    file: 'server/feed.ts',
    find: '? Number(sample) : undefined',
    replace: '? this.#sampler.sample : undefined',
    test: AWAY,
  },
  {
    name: 'the page does not say that it is not connected',
    file: 'page/link.ts',
    find: 'this.#notice.hidden = lostMs < NOTICE_AFTER_MS;',
    replace: '',
    test: AWAY,
  },
  {
    name: 'an old page stays',
    file: 'page/version.ts',
    find: 'location.reload();',
    replace: 'return;',
    test: ANEW,
  },
  {
    name: 'a page is loaded again for nothing',
    file: 'page/version.ts',
    find: '&& own !== present)',
    replace: '&& own === present)',
    test: ANEW,
  },
  {
    name: 'the details are those of another node',
    file: 'page/details.ts',
    find: 'frame.nodes.find(({ name }) => name === this.#node)',
    replace: 'frame.nodes.find(({ name }) => name !== this.#node)',
    test: KEYBOARD,
  },
  {
    name: 'all nodes are the first choice',
    file: 'page/explain.ts',
    find: '({ choice }) => choice === 1)',
    replace: '() => true)',
    test: KEYBOARD,
  },
  {
    name: 'the theme is forgotten',
    file: 'page/theme.ts',
    find: 'localStorage.setItem(KEY, theme);',
    replace: '',
    test: KEYBOARD,
  },
  {
    name: 'a phone shows a part of the page',
    file: 'page/style/phone.css',
    find: '  main {',
    replace: '  body { min-width: 600px; }\n  main {',
    test: KEYBOARD,
  },
  {
    name: 'quiet words can hardly be read',
    file: 'page/style/colors.css',
    find: '--ink-quiet: #56637a;',
    replace: '--ink-quiet: #b0b8c4;',
    test: LIGHT,
  },
  {
    name: 'the dark colours are those of day',
    file: 'page/theme.ts',
    find: "system: '(prefers-color-scheme: dark)',",
    replace: "system: 'not all',",
    test: DARK,
  },
  {
    name: 'a field has no name',
    file: 'page/explain.ts',
    find: "'Largest lag, ms ', this.#limit",
    replace: 'this.#limit',
    test: KEYBOARD,
  },
  {
    name: 'every request may have data',
    file: 'server/token.ts',
    find: 'if (token === undefined) return true;',
    replace: 'if (token !== null) return true;',
    test: TOKEN,
  },
  {
    name: 'the token stays in the address',
    file: 'page/token.ts',
    find: "history.replaceState(null, '', location.pathname + location.search);",
    replace: '',
    test: TOKEN,
  },
  {
    name: 'a wrong token is refused without a word',
    file: 'page/link.ts',
    find: "isAsked && this.#hasTried ? 'That is not the token.' : ''",
    replace: "''",
    test: TOKEN,
  },
]);
