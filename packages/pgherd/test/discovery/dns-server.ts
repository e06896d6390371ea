import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** A record, by what it holds. */
export type DnsRecord =
  | { readonly a: string; readonly ttl?: number }
  | { readonly aaaa: string; readonly ttl?: number }
  | {
      readonly srv: { priority: number; weight: number; port: number; target: string };
      readonly ttl?: number;
    };

/** Records, a failure, or nothing at all. */
export type DnsAnswer = readonly DnsRecord[] | 'nxdomain' | 'servfail' | 'silence';

/** What was asked: the kind is that of the record, `A`, `AAAA`, `SRV`, or its number. */
export interface DnsQuestion {
  readonly name: string;
  readonly kind: string;
}

/** A name server on UDP of 127.0.0.1 that answers by a function of the test. */
export interface DnsServer {
  /** As `Resolver.setServers` takes it. */
  readonly address: string;
  readonly questions: readonly DnsQuestion[];
  /** Resolves when the next question comes in. */
  asked(): Promise<unknown>;
  close(): Promise<void>;
}

const KINDS: ReadonlyMap<number, string> = new Map([
  [1, 'A'],
  [28, 'AAAA'],
  [33, 'SRV'],
]);
const CODES = { nxdomain: 3, servfail: 2, records: 0 } as const;
const HEADER_BYTES = 12;

/** Starts the server. */
export async function startDnsServer(answer: (question: DnsQuestion) => DnsAnswer): Promise<DnsServer> {
  const socket = createSocket('udp4');
  const questions: DnsQuestion[] = [];
  socket.on('message', (message, from) => {
    const { question, end } = readQuestion(message);
    const given = answer(question);
    questions.push(question);
    socket.emit('question');
    if (given !== 'silence') reply(socket, from, message.subarray(0, end), given);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${socket.address().port}`,
    questions,
    asked: () => once(socket, 'question'),
    close: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

function readQuestion(message: Buffer): { question: DnsQuestion; end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = message.readUInt8(at); length > 0; length = message.readUInt8(at)) {
    labels.push(message.toString('ascii', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const kind = message.readUInt16BE(at + 1);
  return { question: { name: labels.join('.'), kind: KINDS.get(kind) ?? String(kind) }, end: at + 5 };
}

function reply(
  socket: Socket,
  to: RemoteInfo,
  question: Buffer,
  answer: Exclude<DnsAnswer, 'silence'>,
): void {
  const records = typeof answer === 'string' ? [] : answer;
  const head = Buffer.from(question);
  // A response, recursion available; the rest of the flags and the number come back as they were asked.
  head.writeUInt16BE(0x8180 | CODES[typeof answer === 'string' ? answer : 'records'], 2);
  head.writeUInt16BE(records.length, 6);
  head.writeUInt16BE(0, 8);
  head.writeUInt16BE(0, 10);
  socket.send(Buffer.concat([head, ...records.map(encoded)]), to.port, to.address);
}

function encoded(record: DnsRecord): Buffer {
  const [kind, content] = contentOf(record);
  const head = Buffer.alloc(12);
  // The name is that of the question: a pointer to it.
  head.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  head.writeUInt16BE(kind, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(record.ttl ?? 300, 6);
  head.writeUInt16BE(content.length, 10);
  return Buffer.concat([head, content]);
}

function contentOf(record: DnsRecord): [kind: number, content: Buffer] {
  if ('a' in record) return [1, Buffer.from(record.a.split('.').map(Number))];
  if ('aaaa' in record) return [28, sixteenBytes(record.aaaa)];
  const { priority, weight, port, target } = record.srv;
  const numbers = Buffer.alloc(6);
  [priority, weight, port].forEach((value, index) => {
    numbers.writeUInt16BE(value, index * 2);
  });
  const labels = target.split('.').filter((label) => label !== '');
  const name = labels.map((label) =>
    Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'ascii')]),
  );
  return [33, Buffer.concat([numbers, ...name, Buffer.from([0])])];
}

function sixteenBytes(address: string): Buffer {
  const [left = '', right = ''] = address.split('::');
  const groups = (text: string) => text.split(':').filter((group) => group !== '');
  const missing = 8 - groups(left).length - groups(right).length;
  const all = [...groups(left), ...Array.from({ length: missing }, () => '0'), ...groups(right)];
  const bytes = Buffer.alloc(16);
  all.forEach((group, index) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  });
  return bytes;
}
