/** The client's side of LSPS0 with one LSP: which requests wait for an answer, as a plain value. */
import { toHex } from '../../../wire/bytes.js';
import type { Millis } from '../../../wire/units.js';
import { decodeRpc, encodeRequest, type JsonObject, type RpcError } from './message.js';

/** bLIP-50 wants at least 80 bits of randomness in an id. */
const MIN_ID_BYTES = 10;
const MOST_WAITING = 32;

export interface WaitingRequest {
  readonly id: string;
  readonly method: string;
  readonly deadline: Millis;
}

export interface LspsSession {
  readonly waiting: readonly WaitingRequest[];
  /** The LSP sent something that is not LSPS0: nothing more is asked until it is connected again. */
  readonly isSilenced: boolean;
}

export const NEW_LSPS_SESSION: LspsSession = { waiting: [], isSilenced: false };

export interface LspsCall {
  readonly method: string;
  readonly params: JsonObject;
}

export type Asked =
  | { readonly kind: 'asked'; readonly session: LspsSession; readonly id: string; readonly bytes: Uint8Array }
  | { readonly kind: 'refused'; readonly reason: 'silenced' | 'too_many_waiting' };

/**
 * The message to send. @param random at least {@link MIN_ID_BYTES} unpredictable bytes, new ones each time
 * @throws {RangeError} with fewer
 */
export function askLsp(
  session: LspsSession,
  { method, params }: LspsCall,
  { random, now, timeoutMs }: { readonly random: Uint8Array; readonly now: Millis; readonly timeoutMs: number },
): Asked {
  if (random.length < MIN_ID_BYTES) throw new RangeError(`the id of a request needs ${MIN_ID_BYTES} random bytes`);
  if (session.isSilenced) return { kind: 'refused', reason: 'silenced' };
  if (session.waiting.length >= MOST_WAITING) return { kind: 'refused', reason: 'too_many_waiting' };
  const id = toHex(random);
  const waiting = [...session.waiting, { id, method, deadline: now + timeoutMs }];
  return { kind: 'asked', session: { ...session, waiting }, id, bytes: encodeRequest({ id, method, params }) };
}

export type LspsAnswer =
  | { readonly kind: 'result'; readonly request: WaitingRequest; readonly result: unknown }
  | { readonly kind: 'error'; readonly request: WaitingRequest; readonly error: RpcError }
  | { readonly kind: 'notification'; readonly method: string; readonly params: JsonObject }
  /** Not for us: a late, repeated or made-up answer, or a request. */
  | { readonly kind: 'ignored'; readonly reason: string };

/** Takes what the LSP sent. One answer per request; answers after the deadline are ignored. */
export function hearLsp(
  session: LspsSession,
  payload: Uint8Array,
  now: Millis,
): { readonly session: LspsSession; readonly answer: LspsAnswer } {
  const decoded = decodeRpc(payload);
  if (!decoded.ok) {
    const answer: LspsAnswer = { kind: 'ignored', reason: decoded.error.message };
    return { session: { ...session, isSilenced: true }, answer };
  }
  const message = decoded.value;
  switch (message.kind) {
    case 'notification':
      return { session, answer: { kind: 'notification', method: message.method, params: message.params } };
    case 'request':
      return { session, answer: { kind: 'ignored', reason: 'a request, and we are the client' } };
    case 'result':
    case 'error': {
      const request = session.waiting.find(({ id, deadline }) => id === message.id && deadline > now);
      if (!request) return { session, answer: { kind: 'ignored', reason: 'an answer to nothing that we wait for' } };
      const left = { ...session, waiting: session.waiting.filter(({ id }) => id !== request.id) };
      return {
        session: left,
        answer:
          message.kind === 'result'
            ? { kind: 'result', request, result: message.result }
            : { kind: 'error', request, error: message.error },
      };
    }
  }
}

/** Forgets requests whose time is over: treat them as a passing failure of the LSP. */
export function expireLspsRequests(
  session: LspsSession,
  now: Millis,
): { readonly session: LspsSession; readonly expired: readonly WaitingRequest[] } {
  const expired = session.waiting.filter(({ deadline }) => deadline <= now);
  if (expired.length === 0) return { session, expired };
  return { session: { ...session, waiting: session.waiting.filter(({ deadline }) => deadline > now) }, expired };
}

/** After a new connection: it may be asked again, and answers to what was asked before may still come. */
export function lspConnected(session: LspsSession): LspsSession {
  return session.isSilenced ? { ...session, isSilenced: false } : session;
}
