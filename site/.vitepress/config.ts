import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, type MarkdownRenderer } from 'vitepress';
import { slugOf } from '../../tools/docs/markdown.ts';
import { linkOnSite, type Page } from '../../tools/site/pages.ts';

/** Made by `tools/site.ts`, which gathers the documents. */
interface About {
  readonly root: string;
  readonly repository: string;
  readonly pages: readonly Page[];
  readonly navigation: never[];
}

const folder = dirname(fileURLToPath(import.meta.url));
const about = JSON.parse(readFileSync(join(folder, '../temp/pages/about.json'), 'utf8')) as About;

const repository = {
  address: about.repository,
  has: (file: string): boolean => existsSync(join(about.root, file)),
};

/** Links lead to the pages that the documents have become; drawings stand in the page, so that they follow its colours. */
function asOnSite(md: MarkdownRenderer): void {
  const pageOf = (env: { readonly relativePath?: string }): Page | undefined =>
    about.pages.find(({ path }) => path === env.relativePath);
  md.core.ruler.push('links of documents', (state) => {
    const page = pageOf(state.env);
    if (page === undefined) return;
    for (const token of state.tokens.flatMap(({ children }) => children ?? [])) {
      if (token.type !== 'link_open') continue;
      const href = linkOnSite(about.pages, page, token.attrGet('href') ?? '', repository);
      if (href !== undefined) token.attrSet('href', href);
    }
  });
  const image = md.renderer.rules.image;
  md.renderer.rules.image = (tokens, index, options, env, self) => {
    const token = tokens[index];
    const page = pageOf(env);
    const file = join(about.root, dirname(page?.source ?? ''), token?.attrGet('src') ?? '');
    if (!file.endsWith('.svg') || !existsSync(file)) return image?.(tokens, index, options, env, self) ?? '';
    const text = readFileSync(file, 'utf8');
    const drawing = text.replace(/<style>[\s\S]*?<\/style>/, '');
    // One without a style has its own colours and letters, as those of a terminal.
    const kind = drawing === text ? 'picture' : 'drawing';
    return `<span class="${kind}" v-pre>${drawing.replace('<svg ', '<svg role="img" ')}</span>`;
  };
}

function isSignature(env: { readonly relativePath: string }): boolean {
  return env.relativePath.startsWith('api/');
}

const policy = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
].join('; ');

export default defineConfig({
  srcDir: 'temp/pages',
  base: (process.env['SITE_BASE'] ?? '/') as '/',
  lang: 'en',
  title: 'pgherd',
  description: 'A high-availability PostgreSQL client for Node.js',
  head: [
    ['meta', { 'http-equiv': 'Content-Security-Policy', content: policy }],
    ['link', { rel: 'icon', href: 'data:,' }],
  ],
  vite: { server: { fs: { allow: [about.root] } } },
  markdown: { config: asOnSite, anchor: { slugify: slugOf } },
  themeConfig: {
    search: {
      provider: 'local',
      // Signatures would crowd out the pages that explain them.
      options: {
        _render: (text, env, md) => (isSignature(env) ? '' : md.render(text, env)),
      },
    },
    outline: [2, 3],
    externalLinkIcon: true,
    nav: [
      { text: 'Start', link: '/start.md' },
      { text: 'Concepts', link: '/concepts.md' },
      { text: 'Options', link: '/options.md' },
      { text: 'Errors', link: '/errors.md' },
      { text: 'Runbook', link: '/runbook.md' },
      { text: 'Source', link: about.repository },
    ],
    sidebar: about.navigation,
  },
});
