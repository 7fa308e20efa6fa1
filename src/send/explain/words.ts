/** Amounts, times and names as people read them. */
import { toHex } from '../../wire/bytes.js';
import { scidText } from '../../wire/scid.js';
import { isPathScid, pathNumber } from '../request/blinded-payee.js';
import type { Millis, NodeId, ShortChannelId } from '../../wire/units.js';

/** Who is who. Keys are 66 lower-case hex characters. */
export interface Names {
  /** What the operator's configuration calls an own node. */
  nodeName(id: string): string | undefined;
  /** What a node calls itself; anything may stand there. */
  alias?(id: string): string | undefined;
}

const MOST_ALIAS = 32;
/** Controls, and marks that turn the direction of what follows on a terminal. */
// eslint-disable-next-line no-control-regex -- these are what is taken out
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;

export function nameOf(id: NodeId, names: Names): string | undefined {
  const key = toHex(id);
  const own = names.nodeName(key);
  if (own !== undefined) return own;
  const alias = names.alias?.(key)?.replace(UNSAFE, '').trim().slice(0, MOST_ALIAS);
  return alias === '' ? undefined : alias;
}

/** The name, or the beginning of the id. */
export function called(id: NodeId, names: Names): string {
  return nameOf(id, names) ?? `${toHex(id).slice(0, 10)}…`;
}

export function durationWords(ms: Millis): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}

/** A blinded path has a number instead of a channel id: the payee hides what it consists of. */
export const channelWords = (scid: ShortChannelId): string =>
  isPathScid(scid) ? `blinded path ${pathNumber(scid)}` : scidText(scid);

export const partsWords = (count: number): string => (count === 1 ? 'one part' : `${count} parts`);

export const iso = (at: Millis): string => new Date(at).toISOString();

/** `50 %`, `1.2 %`, `below 0.1 %`. */
export function percentWords(share: number): string {
  const percent = share * 100;
  if (percent < 0.1) return 'below 0.1 %';
  return `${percent >= 10 ? Math.round(percent) : percent.toFixed(1)} %`;
}
