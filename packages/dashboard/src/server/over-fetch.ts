import type { Answer } from './answers.ts';
import { STREAM_HEADERS } from './headers.ts';
import type { AskedFor } from './requests.ts';
import type { Viewer } from './viewers.ts';

/** A request of Fetch. */
export function askedOfFetch(request: Request): AskedFor {
  const { pathname, search } = new URL(request.url);
  return {
    method: request.method,
    url: pathname + search,
    header: (name) => request.headers.get(name) ?? undefined,
  };
}

export function responseOf({ method }: Request, { status, headers, body }: Answer): Response {
  const isEmpty = method === 'HEAD' || status === 304;
  return new Response(isEmpty ? null : body.slice(), { status, headers: { ...headers } });
}

/** A response of Fetch that stays open; `add` gets its viewer. */
export function streamOverFetch(
  { signal }: Request,
  add: (viewer: Viewer) => void,
  onGone: (viewer: Viewer) => void,
): Response {
  let viewer: Viewer | undefined;
  const gone = (): void => {
    if (viewer !== undefined) onGone(viewer);
    viewer = undefined;
  };
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      viewer = {
        get isReady() {
          return (controller.desiredSize ?? 0) > 0;
        },
        send: (bytes) => controller.enqueue(bytes),
        end: () => {
          gone();
          controller.close();
        },
      };
      add(viewer);
      signal.addEventListener('abort', gone, { once: true });
    },
    cancel: gone,
  });
  return new Response(body, { headers: { ...STREAM_HEADERS } });
}
