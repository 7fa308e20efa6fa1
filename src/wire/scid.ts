/** Short channel ids (BOLT 7): 3 bytes block, 3 bytes transaction index, 2 bytes output. */
import type { ShortChannelId } from './units.js';

export interface ScidParts {
  readonly block: number;
  readonly txIndex: number;
  readonly output: number;
}

export function scidOf({ block, txIndex, output }: ScidParts): ShortChannelId {
  return (BigInt(block) << 40n) | (BigInt(txIndex) << 16n) | BigInt(output);
}

export function scidParts(scid: ShortChannelId): ScidParts {
  return {
    block: Number((scid >> 40n) & 0xff_ffffn),
    txIndex: Number((scid >> 16n) & 0xff_ffffn),
    output: Number(scid & 0xffffn),
  };
}

/** Text form, `539268x845x1`. */
export function scidText(scid: ShortChannelId): string {
  const { block, txIndex, output } = scidParts(scid);
  return `${block}x${txIndex}x${output}`;
}

/** Reads `539268x845x1`; undefined if the text is not a short channel id. */
export function parseScid(text: string): ShortChannelId | undefined {
  const match = /^(\d{1,8})x(\d{1,8})x(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const [block, txIndex, output] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (block > 0xff_ffff || txIndex > 0xff_ffff || output > 0xffff) return undefined;
  return scidOf({ block, txIndex, output });
}
