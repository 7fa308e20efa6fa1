/**
 * LDK's fake SCIDs (rust-lightning `lightning/src/util/scid_utils.rs`): plausible heights of the past, marked as fake by the
 * output index. The key belongs to one LDK node and is not derived from the cross_node_seed, so only that node can tell.
 */
import { chacha20 } from '../crypto/index.js';
import { concat } from '../wire/bytes.js';
import { u32, uintOf } from '../wire/integers.js';
import { scidOf, scidParts } from '../wire/scid.js';
import type { BlockHeight, ShortChannelId } from '../wire/units.js';

export type LdkScidNamespace = 'phantom' | 'outbound_alias' | 'intercept';

const NAMESPACE_BYTE: Record<LdkScidNamespace, number> = { phantom: 0, outbound_alias: 1, intercept: 2 };
/** No fake channel is older than segwit on mainnet. */
const MAINNET_ACTIVATION = 481_824;
/** 30 days: a fake SCID must not name a block that payers have not seen yet. */
const RECENT_BLOCKS = 4320;
const TX_INDEXES = 2500;

const activationHeight = (mainnet: boolean): BlockHeight => (mainnet ? MAINNET_ACTIVATION : 1);

/** Output index, 0–7, that marks `block` and `txIndex` as fake in this namespace. */
export function ldkFakeOutput(
  fakeScidKey: Uint8Array,
  block: BlockHeight,
  txIndex: number,
  namespace: LdkScidNamespace,
): number {
  const iv = concat(u32(0), u32(0), u32(block), u32(txIndex));
  return chacha20(fakeScidKey, iv, Uint8Array.of(NAMESPACE_BYTE[namespace]))[0]! & 7;
}

export interface LdkFakeScidParams {
  /** 32 bytes, `fake_scid_rand_bytes` of the node's ChannelManager. */
  readonly fakeScidKey: Uint8Array;
  readonly mainnet: boolean;
  readonly bestHeight: BlockHeight;
  /** At least 8 fresh random bytes. */
  readonly entropy: Uint8Array;
  readonly namespace: LdkScidNamespace;
}

export function ldkFakeScid(params: LdkFakeScidParams): ShortChannelId {
  const { fakeScidKey, mainnet, bestHeight, entropy, namespace } = params;
  const activation = activationHeight(mainnet);
  const span = Math.max(0, Math.max(0, bestHeight - activation) - RECENT_BLOCKS);
  const block = activation + (Number(uintOf(entropy.subarray(0, 4))) % (span + 1));
  const txIndex = Number(uintOf(entropy.subarray(4, 8))) % TX_INDEXES;
  return scidOf({ block, txIndex, output: ldkFakeOutput(fakeScidKey, block, txIndex, namespace) });
}

/** LDK's `is_valid_phantom` with all 16 bits of the output compared, as its main branch does. */
export function isLdkFakeScid(
  fakeScidKey: Uint8Array,
  mainnet: boolean,
  scid: ShortChannelId,
  namespace: LdkScidNamespace = 'phantom',
): boolean {
  const { block, txIndex, output } = scidParts(scid);
  return block >= activationHeight(mainnet) && output === ldkFakeOutput(fakeScidKey, block, txIndex, namespace);
}
