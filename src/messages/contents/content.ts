/** All contents of onion messages by name, to and from the record that carries them. */
import { MessageContent } from '../../onion/index.js';
import { refusable, refuse, type Result } from '../../wire/result.js';
import type { TlvRecord } from '../../wire/tlv.js';
import {
  empty,
  type OfferPaths,
  offerPaths,
  type OfferPathsRequest,
  offerPathsRequest,
  type ServeStaticInvoice,
  serveStaticInvoice,
} from './async.js';
import {
  type RodCancel,
  rodCancel,
  type RodHoldRequest,
  rodHoldRequest,
  type RodHoldResponse,
  rodHoldResponse,
  type RodNotice,
  rodNotice,
  type RodStatus,
  rodStatus,
  type RodUnblock,
  rodUnblock,
} from './rod.js';

/** A content that another folder reads: the record's value as it came. */
interface Raw {
  readonly bytes: Uint8Array;
}

interface ContentFields {
  readonly invoice_request: Raw;
  readonly invoice: Raw;
  /** LDK puts a length before the stream: see `innerStream`. */
  readonly invoice_error: Raw;
  readonly static_invoice: Raw;
  readonly held_htlc_available: object;
  readonly release_held_htlc: object;
  readonly dnssec_query: Raw;
  readonly dnssec_proof: Raw;
  readonly offer_paths_request: OfferPathsRequest;
  readonly offer_paths: OfferPaths;
  readonly serve_static_invoice: ServeStaticInvoice;
  readonly static_invoice_persisted: object;
  readonly rod_hold_request: RodHoldRequest;
  readonly rod_hold_response: RodHoldResponse;
  readonly rod_notice: RodNotice;
  readonly rod_unblock: RodUnblock;
  readonly rod_cancel: RodCancel;
  readonly rod_status: RodStatus;
}

export type ContentName = keyof ContentFields;
export type ContentOf<N extends ContentName> = { readonly [P in N]: { readonly name: P } & ContentFields[P] }[N];
export type Content = ContentOf<ContentName>;

interface Codec<N extends ContentName> {
  readonly type: bigint;
  /** @throws {RangeError} if a member does not fit its field. */
  write(fields: ContentFields[N]): Uint8Array;
  /** @throws Refusal */
  read(value: Uint8Array): ContentFields[N];
}

/** What BOLT 12 and BIP 353 have codecs for. An empty one is none. */
const raw = {
  write: ({ bytes }: Raw): Uint8Array => bytes,
  read: (bytes: Uint8Array): Raw => {
    if (bytes.length === 0) refuse('empty_value', 'the content is empty', 0);
    return { bytes };
  },
};

const CODECS: { readonly [N in ContentName]: Codec<N> } = {
  invoice_request: { type: MessageContent.invoiceRequest, ...raw },
  invoice: { type: MessageContent.invoice, ...raw },
  invoice_error: { type: MessageContent.invoiceError, ...raw },
  static_invoice: { type: MessageContent.staticInvoice, ...raw },
  held_htlc_available: { type: MessageContent.heldHtlcAvailable, ...empty },
  release_held_htlc: { type: MessageContent.releaseHeldHtlc, ...empty },
  dnssec_query: { type: MessageContent.dnssecQuery, ...raw },
  dnssec_proof: { type: MessageContent.dnssecProof, ...raw },
  offer_paths_request: { type: MessageContent.offerPathsRequest, ...offerPathsRequest },
  offer_paths: { type: MessageContent.offerPaths, ...offerPaths },
  serve_static_invoice: { type: MessageContent.serveStaticInvoice, ...serveStaticInvoice },
  static_invoice_persisted: { type: MessageContent.staticInvoicePersisted, ...empty },
  rod_hold_request: { type: MessageContent.rodHoldRequest, ...rodHoldRequest },
  rod_hold_response: { type: MessageContent.rodHoldResponse, ...rodHoldResponse },
  rod_notice: { type: MessageContent.rodNotice, ...rodNotice },
  rod_unblock: { type: MessageContent.rodUnblock, ...rodUnblock },
  rod_cancel: { type: MessageContent.rodCancel, ...rodCancel },
  rod_status: { type: MessageContent.rodStatus, ...rodStatus },
};

export const CONTENT_NAMES = Object.keys(CODECS) as readonly ContentName[];

const NAMES: ReadonlyMap<bigint, ContentName> = new Map(CONTENT_NAMES.map((name) => [CODECS[name].type, name]));

/** @throws {RangeError} if a member does not fit its field. */
export function encodeContent(content: Content): TlvRecord {
  return writeAs(content.name, content);
}

function writeAs<N extends ContentName>(name: N, fields: ContentFields[N]): TlvRecord {
  const codec = CODECS[name];
  return { type: codec.type, value: codec.write(fields) };
}

/**
 * Reads a content by its record's type.
 * Errors: `unknown_content`, `empty_value`, `missing:…`, `unknown_even_type`, `tlv_…`, and those of paths and numbers.
 */
export function decodeContent({ type, value }: TlvRecord): Result<Content> {
  return refusable(() => {
    const name = NAMES.get(type);
    if (!name) refuse('unknown_content', `record ${type} is no content that is known here`);
    return readAs(name, value);
  });
}

function readAs<N extends ContentName>(name: N, value: Uint8Array): Content {
  return { name, ...CODECS[name].read(value) } as Content;
}
