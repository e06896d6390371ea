/** The server's end of one TCP connection. */
export interface ServerSocket {
  readonly localPort: number;
  readonly remotePort: number;
  /** Bytes that have arrived and were not read. */
  readonly unread: number;
}

const ESTABLISHED = '01';

/** The client has closed; what it sent before is still there. */
const CLOSE_WAIT = '08';

/** The connections in the text of `/proc/net/tcp` from which a server may still read. */
export function parseSockets(text: string): ServerSocket[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', remote = '', state, queues = ''] = line.trim().split(/\s+/);
      if (state !== ESTABLISHED && state !== CLOSE_WAIT) return [];
      const port = (address: string) => Number.parseInt(address.split(':')[1] ?? '', 16);
      const unread = Number.parseInt(queues.split(':')[1] ?? '', 16);
      return [{ localPort: port(local), remotePort: port(remote), unread }];
    });
}
