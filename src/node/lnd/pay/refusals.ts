/** Which errors of SendToRouteV2 prove that LND has sent nothing. Pure. */
import { GrpcCode } from '../grpc/status.js';
import { LndError } from '../errors.js';

/** LND looks at these before it comes to the call itself. */
const CODES: ReadonlySet<number> = new Set([
  GrpcCode.unauthenticated,
  GrpcCode.permissionDenied,
  GrpcCode.unimplemented,
  // The hash is paid, or is being paid without being in parts.
  GrpcCode.alreadyExists,
]);

/** What LND's record of payments answers to a new attempt, which it does before anything is sent. */
const WORDS: readonly string[] = [
  'payment has settled htlcs',
  'payment has failure reason',
  'attempted value exceeds payment amount',
  "attempted value doesn't match payment amount",
  'payment address mismatch',
  'mp payment total amount mismatch',
  'payment has non-MPP attempts',
  'payment has MPP attempts',
];

/** LND says so to every call, with no code of its own, before its server has started or to a macaroon it does not take. */
const DOOR: readonly string[] = [
  'waiting to start, RPC services not available',
  'wallet not created, create one to enable full RPC access',
  'wallet locked, unlock it to enable full RPC access',
  'the RPC server is in the process of starting up, but not yet ready to accept calls',
  'permission denied',
  'verification failed',
  'expected 1 macaroon',
  'cannot get macaroon',
];

/**
 * Everything else leaves it open: LND answers with an error too when it shuts down while the HTLC is under way, or could not
 * write its end down.
 */
export function isCertainRefusal(error: unknown): error is LndError {
  if (!(error instanceof LndError) || !error.status) return false;
  const { code, details } = error.status;
  if (CODES.has(code)) return true;
  if (code !== GrpcCode.unknown) return false;
  return WORDS.some((words) => details.includes(words)) || DOOR.some((words) => details.startsWith(words));
}
