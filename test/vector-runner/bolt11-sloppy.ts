/**
 * What an invoice says even if it must be refused: read field by field, without any of the rules. The vectors print that as
 * `fields_despite_error`. A member is given only if readers cannot disagree on it: its field stands once and has its usual length.
 */
import { type Currency, fallbackAddress } from '../../src/bolt11/index.js';
import { KNOWN_REQUIRED_FEATURES, SIGNATURE_GROUPS, TIMESTAMP_GROUPS } from '../../src/bolt11/invoice.js';
import { isLowS, signatureOf, signingHashOf } from '../../src/bolt11/signature.js';
import { ec } from '../../src/crypto/index.js';
import { BECH32_CHARSET, decodeBech32, groupsToBytes, groupsToText } from '../../src/wire/bech32.js';
import { utf8Text } from '../../src/wire/bytes.js';
import { ByteReader } from '../../src/wire/reader.js';
import { scidText } from '../../src/wire/scid.js';
import type { Members } from './members.js';

export interface SloppyInvoice {
  readonly hrp: string;
  /** Everything behind the separator, signature included. */
  readonly groups: Uint8Array;
  /** Whether the last field ends where the signature begins. */
  readonly whole: boolean;
  /** Letters of the fields in order. */
  readonly tags: string;
  readonly fields: Members;
  /** Even bits that BOLT 11 readers need not know; undefined without a single field 9. */
  readonly unknownRequired: readonly number[] | undefined;
  readonly recovered: Uint8Array | undefined;
}

interface Field {
  readonly letter: string;
  readonly groups: Uint8Array;
}

const NETWORKS: Readonly<Record<Currency, string>> = {
  bc: 'bitcoin',
  tb: 'testnet',
  tbs: 'signet',
  bcrt: 'regtest',
  sb: 'simnet',
};
const PICO: Readonly<Record<string, bigint>> = { '': 10n ** 12n, m: 10n ** 9n, u: 10n ** 6n, n: 1000n, p: 1n };
const PREFIX = /^ln(bcrt|tbs|bc|tb|sb)(?:(\d+)([munp]?))?$/;
const LETTERS_WITH_MEANING = 'pshdnxc9mfr';
const HASH_GROUPS = 52;
const KEY_GROUPS = 53;
const HOP_BYTES = 51;

/** Undefined if the text is no bech32 or too short for a time and a signature. */
export function readSloppily(text: string): SloppyInvoice | undefined {
  const decoded = decodeBech32(text);
  if (!decoded.ok) return undefined;
  const { hrp, groups } = decoded.value;
  if (groups.length < TIMESTAMP_GROUPS + SIGNATURE_GROUPS) return undefined;
  const { fields, whole } = splitFields(groups);
  const once = (letter: string): Uint8Array | undefined => {
    const all = fields.filter((field) => field.letter === letter);
    return all.length === 1 ? all[0]!.groups : undefined;
  };
  const hash = signingHashOf(hrp, groups, groups.length - SIGNATURE_GROUPS);
  const { signature, recoveryId } = signatureOf(groups);
  const recovered = recoveryId > 3 ? undefined : ec.recover(hash, signature, recoveryId);
  const features = once('9') && featureBits(once('9')!);
  return {
    hrp,
    groups,
    whole,
    tags: fields.map(({ letter }) => letter).join(''),
    recovered: recovered ?? undefined,
    unknownRequired: features?.filter((bit) => bit % 2 === 0 && !KNOWN_REQUIRED_FEATURES.has(bit)),
    fields: definedOnly({
      ...prefixMembers(hrp),
      timestamp: numberOf(groups.subarray(0, TIMESTAMP_GROUPS)),
      payment_hash: fixed(once('p'), HASH_GROUPS),
      payment_secret: fixed(once('s'), HASH_GROUPS),
      description_hash: fixed(once('h'), HASH_GROUPS),
      payee_pubkey_field: fixed(once('n'), KEY_GROUPS),
      description: textOf(once('d')),
      expiry: fields.some(({ letter }) => letter === 'x') ? numberOf(once('x')) : 3600n,
      min_final_cltv_expiry_delta: fields.some(({ letter }) => letter === 'c') ? numberOf(once('c')) : 18n,
      features: fields.some(({ letter }) => letter === '9') ? features : [],
      payment_metadata: once('m') && groupsToBytes(once('m')!),
      fallbacks: fallbacksOf(hrp, fields),
      routes: routesOf(fields),
      unknown_tags: fields
        .filter(({ letter }) => !LETTERS_WITH_MEANING.includes(letter))
        .map((field) => ({ tag: field.letter, words: groupsToText(field.groups) })),
      signature,
      recovery_id: recoveryId,
      signing_hash: hash,
      low_s: isLowS(signature),
      payee: once('n') ? undefined : recovered,
    }),
  };
}

function splitFields(groups: Uint8Array): { fields: Field[]; whole: boolean } {
  const end = groups.length - SIGNATURE_GROUPS;
  const fields: Field[] = [];
  let at = TIMESTAMP_GROUPS;
  while (at + 3 <= end) {
    const start = at + 3;
    const next = start + groups[at + 1]! * 32 + groups[at + 2]!;
    if (next > end) break;
    fields.push({ letter: BECH32_CHARSET.charAt(groups[at]!), groups: groups.slice(start, next) });
    at = next;
  }
  return { fields, whole: at === end };
}

const definedOnly = (members: Members): Members =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== null));

function prefixMembers(hrp: string): Members {
  const [, currency, digits, unit] = PREFIX.exec(hrp) ?? [];
  if (!currency) return {};
  const pico = digits === undefined ? undefined : BigInt(digits) * PICO[unit ?? '']!;
  return {
    currency,
    network: NETWORKS[currency as Currency],
    amount_msat: pico !== undefined && pico % 10n === 0n ? pico / 10n : undefined,
  };
}

const numberOf = (groups: Uint8Array | undefined): bigint | undefined =>
  groups?.reduce((value, group) => value * 32n + BigInt(group), 0n);

const fixed = (groups: Uint8Array | undefined, length: number): Uint8Array | undefined =>
  groups?.length === length ? groupsToBytes(groups) : undefined;

const textOf = (groups: Uint8Array | undefined): string | undefined => groups && utf8Text(groupsToBytes(groups));

/** Bit 0 is the lowest bit of the last group. */
function featureBits(groups: Uint8Array): number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < groups.length * 5; bit++) {
    if ((groups[groups.length - 1 - Math.floor(bit / 5)]! >> (bit % 5)) & 1) bits.push(bit);
  }
  return bits;
}

/** Undefined if one of them is not a possible address. */
function fallbacksOf(hrp: string, fields: readonly Field[]): Members[] | undefined {
  const currency = PREFIX.exec(hrp)?.[1] as Currency | undefined;
  const all = fields.filter(({ letter }) => letter === 'f').map(({ groups }) => groups);
  if (!currency || all.some((groups) => groups.length < 2 || groups[0]! > 18)) return undefined;
  return all.map((groups) => {
    const fallback = { version: groups[0]!, program: groupsToBytes(groups.slice(1)) };
    return { ...fallback, address: fallbackAddress(currency, fallback) };
  });
}

/** Undefined if one of them is not whole hops. */
function routesOf(fields: readonly Field[]): Members[][] | undefined {
  const all = fields.filter(({ letter }) => letter === 'r').map(({ groups }) => groupsToBytes(groups));
  if (all.some(({ length }) => length === 0 || length % HOP_BYTES !== 0)) return undefined;
  return all.map((bytes) => {
    const reader = new ByteReader(bytes);
    const hops: Members[] = [];
    while (reader.left > 0) {
      hops.push({
        pubkey: reader.bytes(33),
        short_channel_id: scidText(reader.scid()),
        fee_base_msat: reader.u32(),
        fee_proportional_millionths: reader.u32(),
        cltv_expiry_delta: reader.u16(),
      });
    }
    return hops;
  });
}
