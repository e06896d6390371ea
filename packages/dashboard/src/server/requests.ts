/** A request, as far as a dashboard looks at it. */
export interface AskedFor {
  readonly method: string;
  /** Path and query, such as `/pgherd/explain?target=primary`. */
  readonly url: string;
  /** Where the framework says that the dashboard is mounted. */
  readonly mountedAt?: string | undefined;
  header(name: string): string | undefined;
}

/** What a request is for. */
export type Resource =
  | { readonly kind: 'file'; readonly name: string }
  | { readonly kind: 'events'; readonly has: string | undefined }
  | { readonly kind: 'explain'; readonly target: string; readonly maxLagMs: string | undefined }
  /** The page, without the slash that its links need. */
  | { readonly kind: 'redirect'; readonly to: string }
  | { readonly kind: 'method' }
  | { readonly kind: 'other' };

const FILES: Readonly<Record<string, string>> = {
  '': 'index.html',
  'page.js': 'page.js',
  'page.css': 'page.css',
  'dark.css': 'dark.css',
  'icon.svg': 'icon.svg',
};

/** What a request is for; `basePath` is where the dashboard is mounted. Pure. */
export function resourceOf({ method, url, mountedAt }: AskedFor, basePath: string | undefined): Resource {
  const mark = url.indexOf('?');
  const whole = mark < 0 ? url : url.slice(0, mark);
  const base = basePath ?? mountedAt ?? '';
  if (base !== '' && whole === base)
    return { kind: 'redirect', to: `./${base.slice(base.lastIndexOf('/') + 1)}/` };
  // A framework may have taken the base off already.
  const path = base !== '' && whole.startsWith(`${base}/`) ? whole.slice(base.length) : whole;
  if (!path.startsWith('/')) return { kind: 'other' };
  const resource = named(path.slice(1), new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)));
  if (resource.kind === 'other') return resource;
  return method === 'GET' || method === 'HEAD' ? resource : { kind: 'method' };
}

function named(name: string, query: URLSearchParams): Resource {
  const file = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
  if (file !== undefined) return { kind: 'file', name: file };
  if (name === 'events') return { kind: 'events', has: query.get('has') ?? undefined };
  if (name === 'explain')
    return {
      kind: 'explain',
      target: query.get('target') ?? '',
      maxLagMs: query.get('maxLagMs') ?? undefined,
    };
  return { kind: 'other' };
}
