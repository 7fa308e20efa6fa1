/** Self-signed certificates as LND makes them. */
import { generate } from 'selfsigned';

export interface Certificate {
  /** PEM: what LND writes to `tls.cert`. */
  readonly certificate: Uint8Array;
  /** PEM. */
  readonly key: Uint8Array;
}

/** A new one, for 127.0.0.1 and localhost. */
export async function newCertificate(): Promise<Certificate> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'fake lnd' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, keyCertSign: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  const encoder = new TextEncoder();
  return { certificate: encoder.encode(cert), key: encoder.encode(key) };
}

let shared: Promise<Certificate> | undefined;

/** One for the whole process. */
export function sharedCertificate(): Promise<Certificate> {
  return (shared ??= newCertificate());
}
