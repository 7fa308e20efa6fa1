/**
 * Domain names as DNSSEC compares them: lower case, label by label (RFC 4034 §6.1). Labels may hold any byte, so that text
 * with dots is for humans and two names are the same if their keys are.
 */
import type { ByteReader } from '../wire/reader.js';
import { refuse } from '../wire/result.js';

const MAX_LABEL_LENGTH = 63;
/** Length bytes and the final zero byte included (RFC 1035 §2.3.4). */
const MAX_NAME_LENGTH = 255;

export interface DnsName {
  /** From the host to the top, without the root; one character per byte, A-Z lowered. */
  readonly labels: readonly string[];
  /** The canonical wire form, one character per byte. */
  readonly key: string;
}

function nameOf(labels: readonly string[]): DnsName {
  return { labels, key: labels.map((label) => String.fromCharCode(label.length) + label).join('') + '\0' };
}

/** ASCII only: other bytes of a label have no case. */
const lower = (label: string): string => label.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** An uncompressed name (RFC 9102 §5). @throws Refusal `malformed_record` */
export function readName(reader: ByteReader): DnsName {
  const start = reader.offset;
  const labels: string[] = [];
  for (let left = MAX_NAME_LENGTH - 1; ;) {
    const length = reader.u8();
    if (length === 0) return nameOf(labels);
    left -= length + 1;
    if (length > MAX_LABEL_LENGTH) refuse('malformed_record', `a label of ${length} bytes; compressed?`, start);
    if (left < 0) refuse('malformed_record', 'a name of more than 255 bytes', start);
    labels.push(lower(String.fromCharCode(...reader.bytes(length))));
  }
}

/** A name in plain text; the final dot may be left out. Undefined if a label or the whole has a bad length. */
export function parseDnsName(text: string): DnsName | undefined {
  const name = nameOf(lower(text.replace(/\.$/, '')).split('.'));
  const isSound = name.labels.every(({ length }) => length > 0 && length <= MAX_LABEL_LENGTH);
  return isSound && name.key.length <= MAX_NAME_LENGTH ? name : undefined;
}

export function nameBytes({ key }: DnsName): Uint8Array {
  return Uint8Array.from(key, (character) => character.charCodeAt(0));
}

/** For messages; bytes that are no plain letters as \ and three digits. */
export function nameText({ labels }: DnsName): string {
  const plain = (label: string): string =>
    label.replace(/[^0-9a-z_*-]/g, (byte) => `\\${String(byte.charCodeAt(0)).padStart(3, '0')}`);
  return labels.length === 0 ? '.' : `${labels.map(plain).join('.')}.`;
}

/** The last `count` labels. */
export function suffixOf({ labels }: DnsName, count: number): DnsName {
  return nameOf(count === 0 ? [] : labels.slice(-count));
}

export function wildcardOf({ labels }: DnsName): DnsName {
  return nameOf(['*', ...labels]);
}

/** True for the name itself and all names under it. */
export function isWithin(name: DnsName, ancestor: DnsName): boolean {
  const above = name.labels.length - ancestor.labels.length;
  return ancestor.labels.every((label, i) => label === name.labels[above + i]);
}

export function isBelow(name: DnsName, ancestor: DnsName): boolean {
  return name.labels.length > ancestor.labels.length && isWithin(name, ancestor);
}

/** `name` with its ending `from` replaced by `to` (RFC 6672 §2.2). Undefined if that gets too long. */
export function renamed(name: DnsName, from: DnsName, to: DnsName): DnsName | undefined {
  const kept = name.labels.slice(0, name.labels.length - from.labels.length);
  const moved = nameOf([...kept, ...to.labels]);
  return moved.key.length <= MAX_NAME_LENGTH ? moved : undefined;
}

/** Canonical order (RFC 4034 §6.1): by the last label first; a missing label sorts before any other. */
export function compareNames(a: DnsName, b: DnsName): number {
  const shared = Math.min(a.labels.length, b.labels.length);
  for (let i = 1; i <= shared; i++) {
    const [left, right] = [a.labels.at(-i)!, b.labels.at(-i)!];
    if (left !== right) return left < right ? -1 : 1;
  }
  return a.labels.length - b.labels.length;
}
