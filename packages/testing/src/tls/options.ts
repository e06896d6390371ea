import type { TestAuthority, TestCertificate } from './authority.ts';

/** How the servers of a test cluster speak TLS. */
export interface TestTlsOptions {
  /** Who signs the servers' certificate, and those of clients that the servers believe. Default: a new one, `cluster.tls.authority`. */
  readonly authority?: TestAuthority | undefined;
  /** The servers' certificate. Default: one for `localhost`, `127.0.0.1` and `::1`. */
  readonly certificate?: TestCertificate | undefined;
  /** Whether the role `app` and others but the superuser need TLS (`hostssl`). Default false. */
  readonly required?: boolean | undefined;
  /** What `clientcert` demands of clients in `pg_hba.conf`; anything but `none` makes TLS required. Default `none`. */
  readonly clientCertificates?: 'none' | 'verify-ca' | 'verify-full' | undefined;
}
