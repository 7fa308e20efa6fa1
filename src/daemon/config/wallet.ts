/** The section of a wallet that is mostly off. */
import { z } from 'zod';
import { type BlindedPath, decodeBlindedPath } from '../../onion/index.js';
import { fromHex } from '../../wire/bytes.js';
import { unwrap } from '../../wire/result.js';

function isPath(text: string): boolean {
  return /^(?:[0-9a-fA-F]{2})+$/.test(text) && decodeBlindedPath(fromHex(text.toLowerCase())).ok;
}

export const walletSchema = z.strictObject({
  /** Node id of the LSP with which the wallet's node has its channel. */
  lsp: z.string().regex(/^0[23][0-9a-fA-F]{64}$/, 'must be a node id: 66 hex digits that begin with 02 or 03'),
  /** To the server that answers for the wallet while it is off; its operator hands them over. */
  server_paths: z
    .array(
      z.string().max(8_192).refine(isPath, 'must be a blinded path in hex, as the operator of the LSP handed it over'),
    )
    .max(10)
    .default([]),
  /** Whether the LSP is asked to hold payments to payees that sleep, so that the wallet need not wait for them. */
  hold: z.boolean().default(true),
});

export type WalletConfig = z.output<typeof walletSchema>;

export const serverPathsOf = ({ server_paths: paths }: WalletConfig): BlindedPath[] =>
  paths.map((path) => unwrap(decodeBlindedPath(fromHex(path.toLowerCase()))));
