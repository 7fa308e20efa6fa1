/** What LND or the way to it answered instead of a result, in words that say what to do. */
import { GrpcCode, type GrpcStatus } from './grpc/status.js';

export type LndErrorKind =
  /** Nobody answers, or not as LND does. */
  | 'unreachable'
  /** The certificate is not the one we were given. */
  | 'certificate'
  /** The macaroon is missing, wrong, or grants too little. */
  | 'denied'
  | 'not-found'
  /** The node has the call switched off, or does not know it. */
  | 'unsupported'
  /** LND is still starting, or its wallet is locked. */
  | 'not-ready'
  | 'timeout'
  | 'cancelled'
  /** The stream ended without a word. */
  | 'ended'
  /** LND refused; its own words are in the message. */
  | 'refused';

export class LndError extends Error {
  override readonly name = 'LndError';
  readonly kind: LndErrorKind;
  /** How the call ended, where it is a call's end. */
  readonly status: GrpcStatus | undefined;

  constructor(kind: LndErrorKind, message: string, status?: GrpcStatus) {
    super(message);
    this.kind = kind;
    this.status = status;
  }
}

/** @param path of the call that ended so, with or without `ok` */
export function lndErrorOf(status: GrpcStatus, path: string, address: string): LndError {
  const { kind, message } = inWords(status, path, address);
  return new LndError(kind, message, status);
}

function inWords({ code, details }: GrpcStatus, path: string, address: string): LndError {
  const call = path.slice(path.lastIndexOf('/') + 1);
  switch (code) {
    case GrpcCode.ok:
      return new LndError('ended', `LND at ${address} ended the stream`);
    case GrpcCode.unavailable:
      return unavailable(details, call, address);
    case GrpcCode.unauthenticated:
    case GrpcCode.permissionDenied:
      return denied(details, path, address);
    case GrpcCode.notFound:
      return new LndError('not-found', `LND at ${address} does not know what ${call} asks for: ${details}`);
    case GrpcCode.unimplemented:
      return new LndError('unsupported', `LND at ${address} has no ${call}: ${details}`);
    case GrpcCode.deadlineExceeded:
      return new LndError('timeout', `LND at ${address} did not answer ${call} in time; check that it runs`);
    case GrpcCode.cancelled:
      return new LndError('cancelled', `${call} was cancelled: ${details}`);
    default:
      return refused(details, path, address);
  }
}

/** LND gives most of its refusals no code of their own, so its words have to tell them apart. */
function refused(details: string, path: string, address: string): LndError {
  const call = path.slice(path.lastIndexOf('/') + 1);
  if (/wallet not created/i.test(details)) {
    return new LndError('not-ready', `LND at ${address} has no wallet yet; make one: lncli create`);
  }
  if (/wallet locked|store is locked/i.test(details)) {
    return new LndError('not-ready', `the wallet of LND at ${address} is not open (${details}); open it: lncli unlock`);
  }
  if (/starting|waiting to start|not yet ready|not active/i.test(details)) {
    return new LndError('not-ready', `LND at ${address} is still starting (${details}); it needs no help, only time`);
  }
  if (/permission denied|macaroon|verification failed/i.test(details)) return denied(details, path, address);
  if (call === 'HtlcInterceptor' && /interceptor already exists/i.test(details)) {
    return new LndError(
      'refused',
      `another program intercepts the HTLCs of LND at ${address} (${details}); stop it, or wait until LND has noticed that it is gone`,
    );
  }
  return new LndError('refused', `LND at ${address} refused ${call}: ${details}`);
}

const BAKE = '`manifold doctor` prints the line that bakes the right one; put its file in place and restart the daemon';

function denied(details: string, path: string, address: string): LndError {
  if (/expected 1 macaroon/.test(details)) {
    return new LndError('denied', `LND at ${address} wants a macaroon; ${BAKE}`);
  }
  if (/permission denied/i.test(details)) {
    return new LndError('denied', `the macaroon for LND at ${address} does not grant ${path}; ${BAKE}`);
  }
  return new LndError(
    'denied',
    `LND at ${address} does not accept the macaroon (${details}): it is of another node, revoked, expired or damaged; ${BAKE}`,
  );
}

function unavailable(details: string, call: string, address: string): LndError {
  if (/certificate|altnames/i.test(details)) {
    return new LndError(
      'certificate',
      `LND at ${address} shows another TLS certificate than the one given (${details}); copy its tls.cert again and restart the daemon, or name the host as the certificate does`,
    );
  }
  if (call === 'LookupHtlcResolution' && /store-final-htlc-resolutions/.test(details)) {
    return new LndError(
      'unsupported',
      `LND at ${address} keeps no final results; set store-final-htlc-resolutions=true in its lnd.conf and restart it`,
    );
  }
  return new LndError(
    'unreachable',
    `LND at ${address} cannot be reached (${details}); check address, port and firewall`,
  );
}
