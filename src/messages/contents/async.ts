/** Contents of async payments (bolts#1149 and bLIP-66, with the numbers that LDK ships). */
import { type BlindedPath, encodeBlindedPath, readBlindedPath } from '../../onion/index.js';
import { u16, u64 } from '../../wire/integers.js';
import type { UnixSeconds } from '../../wire/units.js';
import { ContentRecords, frameRecords, innerStream } from './framing.js';
import { encodePaths, readPaths } from './values.js';

/** A static invoice above this is not taken (LDK refuses to keep one as well). */
export const MAX_STATIC_INVOICE_LENGTH = 5 * 1024;

export interface OfferPathsRequest {
  /** For which of the recipient's slots the paths are. */
  readonly slot: number;
}

export interface OfferPaths {
  readonly paths: readonly BlindedPath[];
  /** Seconds; absent: they last for ever. */
  readonly absoluteExpiry?: UnixSeconds;
}

export interface ServeStaticInvoice {
  /** Its bytes as signed; not read here. */
  readonly staticInvoice: Uint8Array;
  /** To the recipient: the server also passes invoice requests on to it. */
  readonly forwardPath: BlindedPath;
}

export const offerPathsRequest = {
  write: ({ slot }: OfferPathsRequest): Uint8Array => frameRecords([[0, u16(slot)]]),
  read: (value: Uint8Array): OfferPathsRequest => {
    const records = new ContentRecords(innerStream(value), [0]);
    return { slot: records.required(0, 'invoice_slot', (reader) => reader.u16()) };
  },
};

export const offerPaths = {
  write: ({ paths, absoluteExpiry }: OfferPaths): Uint8Array =>
    frameRecords([
      [0, encodePaths(paths)],
      [2, absoluteExpiry === undefined ? undefined : u64(BigInt(absoluteExpiry))],
    ]),
  read: (value: Uint8Array): OfferPaths => {
    const records = new ContentRecords(innerStream(value), [0, 2]);
    const paths = records.required(0, 'paths', readPaths);
    const expiry = records.optional(2, (reader) => reader.u64());
    // Beyond what a number holds exactly it means the same: never.
    const never = expiry === undefined || expiry > BigInt(Number.MAX_SAFE_INTEGER);
    return { paths, ...(!never && { absoluteExpiry: Number(expiry) }) };
  },
};

export const serveStaticInvoice = {
  write: ({ staticInvoice, forwardPath }: ServeStaticInvoice): Uint8Array =>
    frameRecords([
      [0, staticInvoice],
      [2, encodeBlindedPath(forwardPath)],
    ]),
  /** The length of the invoice is the caller's to judge: see {@link MAX_STATIC_INVOICE_LENGTH}. */
  read: (value: Uint8Array): ServeStaticInvoice => {
    const records = new ContentRecords(innerStream(value), [0, 2]);
    return {
      staticInvoice: records.required(0, 'static_invoice', (reader) => reader.rest()),
      forwardPath: records.required(2, 'forward_invoice_request_path', readBlindedPath),
    };
  },
};

/** `held_htlc_available`, `release_held_htlc`, `static_invoice_persisted`: a content that says all by its type. */
export const empty = {
  write: (): Uint8Array => frameRecords([]),
  read: (value: Uint8Array): object => {
    new ContentRecords(innerStream(value), []);
    return {};
  },
};
