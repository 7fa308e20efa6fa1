/** An LSP's key and the vectors of its signatures. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ec } from '../../../src/crypto/index.js';
import { signedText, writeStamp } from '../../../src/offline/wake/lsps5/stamp.js';
import { signMessage } from '../../../src/offline/wake/signed-message.js';
import { fromHex, toHex, utf8 } from '../../../src/wire/bytes.js';

interface SignatureVectors {
  readonly lsp_secret_key: string;
  readonly lsp_node_id: string;
  readonly body: string;
  readonly message: string;
  readonly cases: readonly { readonly timestamp: string; readonly note: string; readonly zbase32: string }[];
}

const FILE = join(import.meta.dirname, '../../vectors/static-invoice.json');

export const VECTOR = (JSON.parse(readFileSync(FILE, 'utf8')) as { lsps5_signatures: SignatureVectors })
  .lsps5_signatures;
export const LSP_KEY = fromHex(VECTOR.lsp_secret_key);
export const LSP_ID = fromHex(VECTOR.lsp_node_id);
export const OTHER_KEY = new Uint8Array(32).fill(9);
export const CLIENT = toHex(ec.publicKey(new Uint8Array(32).fill(3)));

const ORDER = 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe_baae_dce6_af48_a03b_bfd2_5e8c_d036_4141n;

/** The other s that fits. */
export function otherS(s: Uint8Array): Uint8Array {
  return fromHex((ORDER - BigInt(`0x${toHex(s)}`)).toString(16).padStart(64, '0'));
}

/** Headers of a call as the LSP makes it. */
export function signedHeaders(body: string, now: number, key = LSP_KEY): Record<string, string> {
  const stamp = writeStamp(now);
  return { 'X-LSPS5-Timestamp': stamp, 'x-lsps5-signature': signMessage(signedText(stamp, utf8(body)), key) };
}
