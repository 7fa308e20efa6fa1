/** Sends payments from an LDK node: the route and its onion are ours, LDK carries the HTLC to the first peer. */
import { sha256, randomBytes } from '../../src/crypto/index.js';
import { decodeReleasePaths, HOLD_HTLC_RECORD, RELEASE_PATHS_TYPE } from '../../src/messages/index.js';
import { type BlindedPath, buildOnion, encodePaymentPayload, unwrapFailure } from '../../src/onion/index.js';
import { payloadsOf } from '../../src/send/index.js';
import type { LookUpAnswer, PartOutcome } from '../../src/send/payment/messages.js';
import type { LookUp, NodeBalances, OutgoingPart, PartTold, SendPort } from '../../src/send/run/ports.js';
import { concat, fromHex, toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { splitTlvStream } from '../../src/wire/tlv.js';
import type { LdkWorld } from './ldk-node-port.js';
import type { LdkEvents } from './ldk-protocol.js';

const UPDATE_ADD = 128;
const FULFILL = 130;
const FAIL = 131;
const REVOKE = 133;
const MALFORMED = 135;
/** Up to its TLVs, with the type. */
const REVOKE_LENGTH = 2 + 32 + 32 + 33;
/** What a channel keeps back: its reserve, and the fee of its commitment. */
const KEPT_MSAT = 60_000_000n;

interface Out {
  readonly sharedSecrets: readonly Uint8Array[];
  readonly told: (told: PartTold) => void;
  readonly end: (outcome: PartOutcome) => void;
  /** Channel and id of the HTLC, once it was seen on the link. */
  htlc?: string;
}

export class LdkSendPort implements SendPort {
  readonly canHoldAtPeer = true;
  readonly maxBlindedParts = 1;
  readonly #world: LdkWorld;
  readonly #name: string;
  readonly #holders: readonly string[];
  /** By payment hash: one part each. */
  readonly #out = new Map<string, Out>();
  readonly #ends = new Map<string, PartOutcome>();

  constructor(world: LdkWorld, name: string, holders: readonly string[]) {
    this.#world = world;
    this.#name = name;
    this.#holders = holders;
    world.ldk.listen((event) => {
      if (event.event === 'message') this.#saw(event);
    });
  }

  async balances(): Promise<NodeBalances> {
    const { channels, height } = await this.#world.ldk.call('channels', { node: this.#name });
    const usable = channels.filter(({ isUsable, scid, peer }) => isUsable && scid !== null && !peer.endsWith('!'));
    return {
      nodeId: this.#idOf(this.#name),
      height,
      channels: usable.map(({ scid, peer, outboundMsat }) => {
        const left = BigInt(outboundMsat) - KEPT_MSAT;
        const holdsHtlcs = this.#holders.includes(peer);
        return {
          scid: BigInt(scid!),
          peer: this.#idOf(peer),
          spendableMsat: left > 0n ? left : 0n,
          slots: 100,
          holdsHtlcs,
        };
      }),
    };
  }

  async send(outgoing: OutgoingPart, accepted: (told?: PartTold) => void): Promise<PartOutcome> {
    const { paymentHash, part, firstHopRecords = [] } = outgoing;
    const payloads = payloadsOf(outgoing);
    if (!payloads) return { kind: 'failed', failure: { kind: 'local', reason: 'node_refuses' } };
    const { onion, sharedSecrets } = buildOnion({
      sessionKey: randomBytes(32),
      hops: payloads.map(({ nodeId, payload }) => ({ nodeId, payload: encodePaymentPayload(payload) })),
      associatedData: paymentHash,
    });
    const hash = toHex(paymentHash);
    const ended = new Promise<PartOutcome>((end) => {
      this.#out.set(hash, { sharedSecrets, end, told: accepted });
    });
    const [first] = part.hops;
    await this.#world.ldk.call('sendOnion', {
      node: this.#name,
      peer: toHex(first!.nodeId),
      paymentHash: hash,
      amountMsat: Number(first!.amountMsat),
      cltvExpiry: first!.expiry,
      onion: toHex(onion),
      hold: firstHopRecords.some(({ type }) => type === HOLD_HTLC_RECORD.type),
      paymentId: toHex(sha256(concat(paymentHash, Uint8Array.of(part.id)))),
    });
    accepted();
    const outcome = await ended;
    this.#out.delete(hash);
    this.#ends.set(hash, outcome);
    return outcome;
  }

  async lookUp({ paymentHash }: LookUp): Promise<LookUpAnswer> {
    const hash = toHex(paymentHash);
    return this.#ends.get(hash) ?? { kind: this.#out.has(hash) ? 'in_flight' : 'never_seen' };
  }

  #idOf(name: string): Uint8Array {
    return fromHex(this.#world.nodes.find((node) => node.name === name)!.nodeId);
  }

  #saw({ from, to, type, hex }: LdkEvents['message']): void {
    if (from === this.#name && type === UPDATE_ADD) {
      // channel_id, id, amount_msat, payment_hash
      const out = this.#out.get(hex.slice(100, 164));
      if (out) out.htlc = hex.slice(4, 84);
      return;
    }
    if (to !== this.#name) return;
    if (type === REVOKE) this.#sawRelease(hex);
    const out = [...this.#out.values()].find(({ htlc }) => htlc === hex.slice(4, 84));
    if (!out) return;
    if (type === FULFILL) out.end({ kind: 'settled', preimage: fromHex(hex.slice(84, 148)) });
    if (type === FAIL) out.end({ kind: 'failed', failure: failureOf(fromHex(hex.slice(84)), out.sharedSecrets) });
    if (type === MALFORMED) {
      const code = Number.parseInt(hex.slice(148, 152), 16);
      out.end({ kind: 'failed', failure: { kind: 'decoded', reporter: 0, code } });
    }
  }

  #sawRelease(hex: string): void {
    const [released] = splitTlvStream(fromHex(hex).subarray(REVOKE_LENGTH));
    if (released?.type !== RELEASE_PATHS_TYPE) return;
    for (const { htlcId, path } of unwrap(decodeReleasePaths(released.value))) {
      this.#toldOf(hex.slice(4, 68), htlcId, path);
    }
  }

  #toldOf(channelId: string, htlcId: bigint, releasePath: BlindedPath): void {
    const name = `${channelId}${htlcId.toString(16).padStart(16, '0')}`;
    for (const { htlc, told } of this.#out.values()) if (htlc === name) told({ releasePath });
  }
}

/** @param rest what follows the id of update_fail_htlc: length and packet, then records */
function failureOf(rest: Uint8Array, sharedSecrets: readonly Uint8Array[]) {
  const length = (rest[0]! << 8) | rest[1]!;
  const failure = unwrapFailure(rest.slice(2, 2 + length), sharedSecrets);
  if (failure?.code === undefined) return { kind: 'unreadable' } as const;
  return { kind: 'decoded', reporter: failure.hop + 1, code: failure.code } as const;
}
