/** A slot: what the server keeps of one static invoice of one wallet. */
import { sha256 } from '../../crypto/index.js';
import { type BlindedPath, encodeBlindedPath } from '../../onion/index.js';
import { concat, equalBytes } from '../../wire/bytes.js';
import type { Millis, UnixSeconds } from '../../wire/units.js';

/** Paths for an offer, as they were handed out for a slot. */
export interface IssuedPaths {
  /** 16 bytes for each path, one behind the other. */
  readonly tags: Uint8Array;
  readonly expiry: UnixSeconds;
}

export interface ServedInvoice {
  /** As signed. */
  readonly bytes: Uint8Array;
  readonly offerId: Uint8Array;
  /** Of the offer's paths. */
  readonly tags: Uint8Array;
  readonly createdAt: UnixSeconds;
  /** The last second of invoice and offer. */
  readonly expiresAt: UnixSeconds;
  /** To the wallet: encoded, one path. */
  readonly forwardPath: Uint8Array;
  readonly storedAt: Millis;
}

export interface InvoiceSlot {
  readonly client: number;
  readonly slot: number;
  /** Newest first; a wallet may come back with any of them, so some are kept. */
  readonly issued: readonly IssuedPaths[];
  readonly served?: ServedInvoice;
}

/** Wallets ask again until they are answered, and use the first answer that comes. */
const MOST_ISSUED = 8;
const TAG_LENGTH = 16;

/** Id of a slot's document. */
export const slotId = (client: number, slot: number): string => `${client}/${slot}`;

const tagOf = (path: BlindedPath): Uint8Array => sha256(encodeBlindedPath(path)).slice(0, TAG_LENGTH);

export const tagsOf = (paths: readonly BlindedPath[]): Uint8Array => concat(...paths.map(tagOf));

/** Remembers paths before they are handed out. */
export function issuePaths(slot: InvoiceSlot, paths: IssuedPaths, now: UnixSeconds): InvoiceSlot {
  const valid = slot.issued.filter(({ expiry }) => expiry >= now);
  return { ...slot, issued: [paths, ...valid].slice(0, MOST_ISSUED) };
}

/** Every one of these paths was handed out for the slot, not too long ago. */
export function areOurs({ issued, served }: InvoiceSlot, paths: readonly BlindedPath[], now: UnixSeconds): boolean {
  const known = [
    ...issued.filter(({ expiry }) => expiry >= now).map(({ tags }) => tags),
    ...(served ? [served.tags] : []),
  ];
  const tags = known.flatMap(splitTags);
  return paths.length > 0 && paths.every((path) => tags.some((tag) => equalBytes(tag, tagOf(path))));
}

function splitTags(tags: Uint8Array): Uint8Array[] {
  return Array.from({ length: tags.length / TAG_LENGTH }, (_, i) =>
    tags.subarray(i * TAG_LENGTH, (i + 1) * TAG_LENGTH),
  );
}
