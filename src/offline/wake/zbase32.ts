/** z-base-32, in which nodes write signatures of messages. */
import { toHex } from '../../wire/bytes.js';

const ALPHABET = 'ybndrfg8ejkmcpqxot1uwisza345h769';
const VALUES = new Map(Array.from(ALPHABET, (character, value) => [character, value]));

export function toZbase32(bytes: Uint8Array): string {
  const bits = bytes.length * 8;
  const characters = Math.ceil(bits / 5);
  if (characters === 0) return '';
  let number = BigInt(`0x${toHex(bytes)}`) << BigInt(characters * 5 - bits);
  let text = '';
  for (let i = 0; i < characters; i++) {
    text = ALPHABET[Number(number & 31n)]! + text;
    number >>= 5n;
  }
  return text;
}

/** Bytes of a text of either case; undefined if it is not exactly `length` bytes, padding bits zero. */
export function fromZbase32(text: string, length: number): Uint8Array | undefined {
  if (text.length !== Math.ceil((length * 8) / 5)) return undefined;
  let number = 0n;
  for (const character of text.toLowerCase()) {
    const value = VALUES.get(character);
    if (value === undefined) return undefined;
    number = (number << 5n) | BigInt(value);
  }
  const padding = BigInt(text.length * 5 - length * 8);
  if (number & ((1n << padding) - 1n)) return undefined;
  number >>= padding;
  const bytes = new Uint8Array(length);
  for (let i = length - 1; i >= 0; i--, number >>= 8n) bytes[i] = Number(number & 0xffn);
  return bytes;
}
