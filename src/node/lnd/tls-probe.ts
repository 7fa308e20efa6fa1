/** A TLS handshake with an LND's gRPC port, to tell a wrong certificate from a wrong address. */
import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Millis } from '../../wire/units.js';
import { dialLnd, type LndEndpoint, wordsOf } from './endpoint.js';

export type TlsProbe =
  | { readonly type: 'trusted'; readonly validUntil: Millis }
  | {
      readonly type: 'untrusted';
      readonly why: 'unknown' | 'other-name' | 'expired' | 'bad-file';
      readonly detail: string;
    }
  /** Something else listens there. */
  | { readonly type: 'not-lnd'; readonly detail: string }
  | { readonly type: 'unreachable'; readonly detail: string };

const HANDSHAKE_MS: Millis = 5_000;

/** Never rejects. */
export async function probeTls(endpoint: LndEndpoint): Promise<TlsProbe> {
  const badFile = endpoint.certificate && problemOfFile(endpoint.certificate);
  if (badFile !== undefined) return { type: 'untrusted', why: 'bad-file', detail: badFile };
  try {
    return await handshake(dialLnd(endpoint));
  } catch (error) {
    return { type: 'unreachable', detail: error instanceof Error ? wordsOf(error) : String(error) };
  }
}

function handshake(socket: TLSSocket): Promise<TlsProbe> {
  return new Promise((resolve) => {
    const finish = (probe: TlsProbe): void => {
      resolve(probe);
      socket.destroy();
    };
    let isReached = false;
    socket.on('connect', () => {
      isReached = true;
    });
    socket.setTimeout(HANDSHAKE_MS, () => {
      finish({ type: 'unreachable', detail: 'no answer in time' });
    });
    socket.on('error', (error: Error) => {
      finish(problemOf(error, isReached));
    });
    socket.on('end', () => {
      finish({ type: 'not-lnd', detail: 'the connection was closed during the handshake' });
    });
    socket.on('secureConnect', () => {
      finish(
        socket.alpnProtocol === 'h2'
          ? { type: 'trusted', validUntil: Date.parse(socket.getPeerCertificate().valid_to) }
          : { type: 'not-lnd', detail: 'it speaks TLS, but not HTTP/2' },
      );
    });
  });
}

function problemOfFile(certificate: Uint8Array): string | undefined {
  try {
    new X509Certificate(certificate);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** @param isReached there was a connection before */
function problemOf(error: Error, isReached: boolean): TlsProbe {
  const code = 'code' in error ? String(error.code) : '';
  const detail = wordsOf(error);
  if (code === 'CERT_HAS_EXPIRED') return { type: 'untrusted', why: 'expired', detail };
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return { type: 'untrusted', why: 'other-name', detail };
  if (/CERT|SELF_SIGNED|UNABLE_TO/.test(code)) return { type: 'untrusted', why: 'unknown', detail };
  if (/^E(PROTO|RR_SSL)/.test(code) || (isReached && code === 'ECONNRESET')) return { type: 'not-lnd', detail };
  return { type: 'unreachable', detail };
}
