/** Checks of what was typed: wrong usage ends with exit code 2 and names the option before anything else happens. */
import { stripLightningUri } from '../bolt11/uri.js';
import { nearestWord } from '../daemon/config/nearest.js';
import { readSmallFile } from '../daemon/small-file.js';
import { CliError, usageError } from './io.js';

export function oneOf<T extends string>(text: string, words: readonly T[], option: string): T {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  const nearest = nearestWord(text, words);
  const guess = nearest === undefined ? '' : `; did you mean ${nearest}?`;
  throw usageError(`${option}: there is no "${text}"${guess} (there are ${words.join(', ')})`);
}

/** Words with commas between them. */
export function listOf<T extends string>(text: string, words: readonly T[], option: string): T[] {
  return text.split(',').map((word) => oneOf(word.trim(), words, option));
}

export function wholeNumber(text: string, [least, most]: readonly [number, number], option: string): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw usageError(`${option} is a whole number from ${least} to ${most}, not "${text}"`);
}

/** 32 bytes. */
export function hex32(text: string, option: string): string {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return text.toLowerCase();
  throw usageError(`${option} is 64 hex digits, not "${text}"`);
}

/** A public key. */
export function nodeId(text: string, option: string): string {
  if (/^0[23][0-9a-fA-F]{64}$/.test(text)) return text.toLowerCase();
  throw usageError(`${option} is a node id, 66 hex digits that begin with 02 or 03, not "${text}"`);
}

/** Names of nodes with commas between them. */
export function names(text: string, option: string): string[] {
  const found = text.split(',').map((name) => name.trim());
  const bad = found.find((name) => !/^[A-Za-z0-9_-]{1,64}$/.test(name));
  if (bad === undefined) return found;
  throw usageError(`${option}: "${bad}" is not the name of a node; \`manifold nodes\` lists them`);
}

/** A payment of ours: its id, its hash, or the invoice that it pays. */
export function paymentId(text: string): string {
  const id = stripLightningUri(text);
  if (/^[0-9a-fA-F]{32}$|^[0-9a-fA-F]{64}$|^ln(bc|tb|sb)[a-z0-9]+$/i.test(id)) return id;
  throw usageError(`"${text}" is no payment: give its id (32 hex digits), its payment hash (64), or the invoice`);
}

export function required(text: string | undefined, option: string): string {
  if (text === undefined) throw usageError(`${option} is missing`);
  return text;
}

/** A payment hash or an invoice, as part of a path of the API. */
export function invoiceId(text: string): string {
  const id = stripLightningUri(text);
  if (/^[0-9a-fA-F]{64}$|^ln(bc|tb|sb)[a-z0-9]+$/i.test(id)) return id;
  throw usageError(`"${text}" is neither a payment hash (64 hex digits) nor an invoice (it begins with ln)`);
}

export function webUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return text;
  throw usageError(`"${text}" is not a web address: write it in full, like https://shop.example/hook`);
}

const MAX_SECRET_BYTES = 64 * 1024;

interface ReadOptions {
  readonly limit?: number;
  /** Called if others than the owner can read or write it. */
  readonly onOpenToOthers?: () => void;
}

/** The content of a file that an option or argument names. */
export async function contentOf(
  path: string,
  option: string,
  { limit = MAX_SECRET_BYTES, onOpenToOthers }: ReadOptions = {},
): Promise<string> {
  try {
    const { content, isOpenToOthers } = await readSmallFile(path, limit);
    if (isOpenToOthers) onOpenToOthers?.();
    if (content) return new TextDecoder('utf-8', { ignoreBOM: true }).decode(content);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw usageError(`${option}: there is no file ${path}`);
    if (code === 'EISDIR') throw usageError(`${option}: ${path} is a folder`);
    throw new CliError('cannot_read', `${option}: ${path} cannot be read: ${message}`);
  }
  throw usageError(`${option}: ${path} has more than ${limit} bytes, so it is not what is wanted here`);
}
