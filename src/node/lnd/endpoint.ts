/** Where an LND is, and how a TLS connection to it is begun. */
import { connect, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, type TLSSocket } from 'node:tls';

export interface LndEndpoint {
  /** `host:port` of the gRPC listener. */
  readonly address: string;
  /** PEM of LND's `tls.cert`, the only root that is trusted; without it the system's roots are. */
  readonly certificate: Uint8Array | undefined;
  /** Bytes of the macaroon file; never logged. */
  readonly macaroon: Uint8Array | undefined;
  /** Name in the certificate, where it is not the address's. */
  readonly serverName?: string | undefined;
}

/** What carries the TLS connections. */
const carriers = new WeakMap<TLSSocket, Socket>();

/** @throws {Error} if the address or the certificate cannot be read */
export function dialLnd({ address, certificate, serverName }: LndEndpoint): TLSSocket {
  const target = parseAddress(address);
  if (!target) throw new Error(`"${address}" is not host:port`);
  const name = serverName ?? target.host;
  const carrier = connect(target);
  const socket = connectTls({
    socket: carrier,
    ALPNProtocols: ['h2'],
    // TLS has no way to ask for an IP address, so none is asked for; the certificate has to be for it all the same.
    servername: isIP(name) === 0 ? name : '',
    checkServerIdentity: (_host, presented) => checkServerIdentity(name, presented),
    ...(certificate && { ca: Buffer.from(certificate) }),
  });
  carrier.on('error', (error) => socket.destroy(error));
  carriers.set(socket, carrier);
  return socket;
}

/**
 * Ends a connection so that what was written to it and has not left yet never leaves: a call that we have given up must not
 * reach LND minutes later, when the way to it is open again.
 */
export function abandon(socket: TLSSocket): void {
  const carrier = carriers.get(socket);
  if (carrier && !carrier.destroyed && !carrier.connecting) carrier.resetAndDestroy();
  else carrier?.destroy();
  socket.destroy();
}

/** `host:port`, the host in brackets where it is an IPv6 address. */
function parseAddress(address: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host !== undefined && port > 0 && port < 65_536 ? { host, port } : undefined;
}

/** An attempt at several addresses of one name fails with all their errors, and no words of its own. */
export function wordsOf(error: Error): string {
  const parts: readonly unknown[] = error instanceof AggregateError ? error.errors : [];
  const words = parts.map((part) => (part instanceof Error ? part.message : String(part))).join(', ');
  return error.message || words || ('code' in error ? String(error.code) : error.name);
}
