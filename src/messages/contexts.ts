/** What our path ids say, kind by kind: 16 bytes each, zero behind the last member. */
import { concat } from '../wire/bytes.js';
import { u16, u32, uintBytes, uintOf } from '../wire/integers.js';
import { ByteReader } from '../wire/reader.js';
import { Refusal } from '../wire/result.js';
import type { UnixSeconds } from '../wire/units.js';
import { CONTEXT_BODY_LENGTH, type ContextKind, openContext, sealContext } from './context.js';

/** A client of ours and the time after which its path counts no more. */
interface ClientFields {
  /** Number of the client's row. */
  readonly client: number;
  readonly expiry: UnixSeconds;
}

/** A client's slot for a static invoice. */
interface SlotFields extends ClientFields {
  readonly slot: number;
}

export interface ContextFields {
  /** In paths that a static invoice server hands out, out of band, to those who may register. */
  readonly offer_paths_request: ClientFields;
  /** In the paths of a client's offer: whoever asks over them gets the static invoice of the slot. */
  readonly static_invoice_requested: SlotFields;
  /** In the reply path of `offer_paths`: takes invoices for the slot. */
  readonly serve_static_invoice: SlotFields;
  /** In the reply path of `offer_paths_request`. */
  readonly offer_paths: { readonly slot: number; readonly expiry: UnixSeconds };
  /** In the reply path of `serve_static_invoice`. */
  readonly static_invoice_persisted: {
    readonly slot: number;
    readonly createdAt: UnixSeconds;
    /** 8 bytes. */
    readonly offerId: Uint8Array;
  };
  /** In the paths of our own offers; 16 bytes. */
  readonly invoice_request: { readonly nonce: Uint8Array };
  /** In the reply path of `invoice_request`; 16 bytes. */
  readonly outbound_payment_for_offer: { readonly paymentId: Uint8Array };
  /** In the message paths of a static invoice; 8 bytes that name slot and offer. */
  readonly inbound_payment: { readonly reference: Uint8Array; readonly expiry: UnixSeconds };
  /** In the reply path of `held_htlc_available` and of what a rod's payer sends; 16 bytes. */
  readonly outbound_payment: { readonly paymentId: Uint8Array };
  /** In the path that releases one held HTLC; 16 bytes. */
  readonly release_held_htlc: { readonly holdId: Uint8Array };
  /** In the path over which a client asks for rods. */
  readonly rod_enrolment: ClientFields;
  /** In the path that releases a rod: the first 16 bytes of its id. */
  readonly rod_release: { readonly rodId: Uint8Array };
}

export type ContextOf<K extends ContextKind> = { readonly [P in K]: { readonly kind: P } & ContextFields[P] }[K];
export type PathContext = ContextOf<ContextKind>;

interface Codec<Fields> {
  write(fields: Fields): Uint8Array;
  read(reader: ByteReader): Fields;
}

const u40 = (value: number): Uint8Array => uintBytes(value, 5);
const readU40 = (reader: ByteReader): number => Number(uintOf(reader.bytes(5)));

function exactBytes(value: Uint8Array, length: number): Uint8Array {
  if (value.length !== length) throw new RangeError(`${length} bytes wanted in the path context, got ${value.length}`);
  return value;
}

const clientCodec: Codec<ClientFields> = {
  write: ({ client, expiry }) => concat(u32(client), u40(expiry)),
  read: (reader) => ({ client: reader.u32(), expiry: readU40(reader) }),
};

const slotCodec: Codec<SlotFields> = {
  write: ({ client, slot, expiry }) => concat(u32(client), u16(slot), u40(expiry)),
  read: (reader) => ({ client: reader.u32(), slot: reader.u16(), expiry: readU40(reader) }),
};

const paymentIdCodec: Codec<{ readonly paymentId: Uint8Array }> = {
  write: ({ paymentId }) => exactBytes(paymentId, 16),
  read: (reader) => ({ paymentId: reader.bytes(16) }),
};

const CODECS: { readonly [K in ContextKind]: Codec<ContextFields[K]> } = {
  offer_paths_request: clientCodec,
  static_invoice_requested: slotCodec,
  serve_static_invoice: slotCodec,
  offer_paths: {
    write: ({ slot, expiry }) => concat(u16(slot), u40(expiry)),
    read: (reader) => ({ slot: reader.u16(), expiry: readU40(reader) }),
  },
  static_invoice_persisted: {
    write: ({ slot, createdAt, offerId }) => concat(u16(slot), u40(createdAt), exactBytes(offerId, 8)),
    read: (reader) => ({ slot: reader.u16(), createdAt: readU40(reader), offerId: reader.bytes(8) }),
  },
  invoice_request: {
    write: ({ nonce }) => exactBytes(nonce, 16),
    read: (reader) => ({ nonce: reader.bytes(16) }),
  },
  outbound_payment_for_offer: paymentIdCodec,
  inbound_payment: {
    write: ({ reference, expiry }) => concat(exactBytes(reference, 8), u40(expiry)),
    read: (reader) => ({ reference: reader.bytes(8), expiry: readU40(reader) }),
  },
  outbound_payment: paymentIdCodec,
  release_held_htlc: {
    write: ({ holdId }) => exactBytes(holdId, 16),
    read: (reader) => ({ holdId: reader.bytes(16) }),
  },
  rod_enrolment: clientCodec,
  rod_release: {
    write: ({ rodId }) => exactBytes(rodId, 16),
    read: (reader) => ({ rodId: reader.bytes(16) }),
  },
};

function writeBody<K extends ContextKind>(kind: K, fields: ContextFields[K]): Uint8Array {
  const body = new Uint8Array(CONTEXT_BODY_LENGTH);
  body.set(CODECS[kind].write(fields));
  return body;
}

/**
 * The path id that says `context`, under the message context key of a key epoch.
 * @throws {RangeError} if a member does not fit its field.
 */
export function sealPathContext(key: Uint8Array, context: PathContext): Uint8Array {
  return sealContext(key, context.kind, writeBody(context.kind, context));
}

/** What a path id of ours says if it is of this kind. Its expiry is not looked at: see {@link isExpired}. */
export function openPathContext<K extends ContextKind>(
  key: Uint8Array,
  kind: K,
  pathId: Uint8Array,
): ContextOf<K> | undefined {
  const body = openContext(key, kind, pathId);
  if (!body) return undefined;
  const reader = new ByteReader(body);
  try {
    const context = { kind, ...CODECS[kind].read(reader) } as ContextOf<K>;
    // Only a later version of ours could have written more; what it means by that is unknown here.
    return reader.rest().every((byte) => byte === 0) ? context : undefined;
  } catch (thrown) {
    if (thrown instanceof Refusal) return undefined;
    throw thrown;
  }
}

/** True for a context whose expiry has passed; one without expiry never is. */
export function isExpired(context: PathContext, now: UnixSeconds): boolean {
  return 'expiry' in context && now > context.expiry;
}
