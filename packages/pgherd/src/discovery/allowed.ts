import { BlockList, isIP } from 'node:net';
import { quoted } from '../model/foreign.ts';

/** Domains, networks and sockets: the items of `allowDiscovered`, read once. */
export interface HostList {
  readonly items: readonly string[];
  /** Whether an item covers a host name, an address, or the directory of a Unix socket. */
  covers(host: string): boolean;
}

const MAX_BITS = { ipv4: 32, ipv6: 128 } as const;

type Item =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'network'; readonly address: string; readonly bits: number }
  | { readonly kind: 'domain'; readonly name: string; readonly below: boolean };

/** The rule for an item, for errors. */
export const HOST_LIST_ITEM =
  'a domain ("db.example.com", or "*.example.com" for all names below it), an address, a network ("10.0.0.0/8") or the directory of a Unix socket';

/** The items that are invalid, as an error may show them. */
export function invalidItems(items: readonly unknown[]): string[] {
  return items.filter((item) => typeof item !== 'string' || readItem(item) === undefined).map(quoted);
}

/** Reads a list whose items are valid. */
export function hostList(items: readonly string[]): HostList {
  const read = items.flatMap((item) => readItem(item) ?? []);
  const networks = new BlockList();
  for (const item of read) {
    if (item.kind === 'network') networks.addSubnet(item.address, item.bits, familyOf(item.address));
  }
  return Object.freeze({
    items: Object.freeze([...items]),
    covers: (host: string) => {
      if (isSocket(host)) return read.some((item) => item.kind === 'socket' && item.path === host);
      if (isIP(host) !== 0) return networks.check(host, familyOf(host));
      const name = canonical(host);
      return read.some((item) => item.kind === 'domain' && isWithin(name, item.name, item.below));
    },
  });
}

function readItem(text: string): Item | undefined {
  if (isSocket(text)) return text.includes('\0') ? undefined : { kind: 'socket', path: text };
  const [address = '', bits, ...more] = text.split('/');
  if (isIP(address) !== 0) {
    const most = MAX_BITS[familyOf(address)];
    const size = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
    // A zone ("fe80::1%eth0") names an interface of this machine, not a network.
    const fits = more.length === 0 && size <= most && !address.includes('%');
    return fits ? { kind: 'network', address, bits: size } : undefined;
  }
  const below = text.startsWith('*.');
  const name = canonical(below ? text.slice(2) : text);
  const isDomain = name.length <= 253 && /^[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)*$/u.test(name);
  // Digits alone would be a mistyped address.
  return isDomain && !/^[\d.]+$/.test(name) ? { kind: 'domain', name, below } : undefined;
}

function isSocket(host: string): boolean {
  return host.startsWith('/') || host.startsWith('@');
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}

/** DNS ignores case and the dot at the end. */
function canonical(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

function isWithin(name: string, domain: string, below: boolean): boolean {
  return below ? name.length > domain.length + 1 && name.endsWith(`.${domain}`) : name === domain;
}
