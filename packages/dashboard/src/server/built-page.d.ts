/** A file of the page, as `npm run build` makes it. */
export interface PageFile {
  readonly type: string;
  readonly text: string;
}

/** The files of the page, by name. */
export const PAGE: Readonly<
  Record<'index.html' | 'page.js' | 'page.css' | 'dark.css' | 'icon.svg', PageFile>
>;
