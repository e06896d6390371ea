import dns from 'node:dns';

/** As Node itself asks when it connects: no addresses of a family that this machine has not. */
const HINTS = process.platform === 'win32' ? 0 : dns.ADDRCONFIG;

/** The IP addresses of a host name by the resolver of the system, in its order. Rejects with the system's error. */
export function lookUp(host: string): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    dns.lookup(host, { all: true, hints: HINTS }, (error, found) => {
      if (error === null) resolve(found.map(({ address }) => address));
      else reject(error);
    });
  });
}
