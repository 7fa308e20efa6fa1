/** A node that LDK believes to be a peer, and is only this: a key, with which onion messages and HTLCs are opened. */
import type { PaymentPath } from '../../src/bolt12/index.js';
import { ec, randomBytes } from '../../src/crypto/index.js';
import {
  buildOnionMessage,
  type Content,
  type ContentName,
  type ContentOf,
  decodeContent,
  encodeContent,
  messagePath,
} from '../../src/messages/index.js';
import {
  type BlindedPath,
  buildBlindedPath,
  decodeEncryptedData,
  decodeOnionMessage,
  decodePaymentPayload,
  type EncryptedData,
  encodeEncryptedData,
  encodeOnionMessage,
  peelOnion,
  peelOnionMessage,
  type PaymentPayload,
  unblindHop,
} from '../../src/onion/index.js';
import { equalBytes, fromHex, toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import type { NodeId, ShortChannelId } from '../../src/wire/units.js';
import type { LdkProgram } from './ldk-program.js';
import type { LdkEvents } from './ldk-protocol.js';

/** What a member asks for passing an HTLC on to the virtual node: LDK wants at least its own 48. */
const MEMBER_DELTA = 80;
const FINAL_DELTA = 80;

export interface ReceivedContent<Name extends ContentName> {
  readonly content: ContentOf<Name>;
  readonly replyPath?: BlindedPath;
  readonly pathId?: Uint8Array;
}

export interface OpenedHtlc {
  readonly payload: PaymentPayload;
  readonly sharedSecret: Uint8Array;
  /** Of a blinded hop. */
  readonly data?: EncryptedData;
}

export class LdkVirtualNode {
  readonly nodeId: NodeId;
  readonly #ldk: LdkProgram;
  readonly #member: { readonly name: string; readonly nodeId: NodeId };
  readonly #secret: Uint8Array;

  /** @param member the node of LDK's that it is behind */
  constructor(ldk: LdkProgram, member: { readonly name: string; readonly nodeId: string }, secret: Uint8Array) {
    this.#ldk = ldk;
    this.#member = { name: member.name, nodeId: fromHex(member.nodeId) };
    this.#secret = secret;
    this.nodeId = ec.publicKey(secret);
  }

  get hexId(): string {
    return toHex(this.nodeId);
  }

  async connect(): Promise<void> {
    await this.#ldk.call('connect', { node: this.#member.name, peer: this.hexId });
  }

  /** The messages for it that its member sent it, oldest first. @throws {Error} if one cannot be read */
  received(): ReceivedContent<ContentName>[] {
    return this.#ldk.all('foreignMessage', { to: this.hexId }).map(({ hex }) => {
      const message = unwrap(peelOnionMessage(this.#secret, unwrap(decodeOnionMessage(fromHex(hex)))));
      if (message.kind !== 'receive' || !message.payload.content) throw new Error('a message that is not for us');
      const { content, replyPath } = message.payload;
      return {
        content: unwrap(decodeContent(content)),
        ...(replyPath && { replyPath }),
        ...(message.data.pathId && { pathId: message.data.pathId }),
      };
    });
  }

  /** The first of a kind. LDK sends most messages in several copies. @throws {Error} if there is none */
  got<Name extends ContentName>(name: Name): ReceivedContent<Name> {
    const received = this.received();
    const found = received.find(({ content }) => content.name === name);
    if (!found) throw new Error(`no ${name} among: ${received.map(({ content }) => content.name).join(', ')}`);
    return found as ReceivedContent<Name>;
  }

  /** Sends over a path, through its member. */
  async send(content: Content, path: BlindedPath | undefined, replyPath?: BlindedPath): Promise<void> {
    if (!path) throw new Error('there is no path to send it over');
    const startsAtMember = 'nodeId' in path.firstNode && equalBytes(path.firstNode.nodeId, this.#member.nodeId);
    const plan = {
      target: { path },
      leadIn: startsAtMember ? [] : [this.#member.nodeId],
      content: encodeContent(content),
      ...(replyPath && { replyPath }),
    };
    const message = buildOnionMessage(plan, randomBytes);
    if (!message) throw new Error('the message cannot be built');
    const hex = toHex(encodeOnionMessage(message));
    await this.#ldk.call('deliver', { node: this.#member.name, from: this.hexId, hex });
  }

  /** A path for onion messages from its member to it. */
  messagePath(pathId: Uint8Array): BlindedPath {
    return messagePath({ nodes: [this.#member.nodeId, this.nodeId], pathId }, randomBytes);
  }

  /** A payment path from its member to it, over a channel that does not exist; the member takes no fee. */
  paymentPath(scid: ShortChannelId, pathId: Uint8Array, maxCltvExpiry: number): PaymentPath {
    const paymentConstraints = { maxCltvExpiry, htlcMinimumMsat: 1n };
    const relay = {
      shortChannelId: scid,
      paymentRelay: { cltvExpiryDelta: MEMBER_DELTA, feeProportionalMillionths: 0, feeBaseMsat: 0 },
      paymentConstraints: { ...paymentConstraints, maxCltvExpiry: maxCltvExpiry + MEMBER_DELTA },
    };
    const path = buildBlindedPath(randomBytes(32), [
      { nodeId: this.#member.nodeId, data: encodeEncryptedData(relay) },
      { nodeId: this.nodeId, data: encodeEncryptedData({ pathId, paymentConstraints }) },
    ]);
    const payInfo = {
      feeBaseMsat: 0,
      feeProportionalMillionths: 0,
      cltvExpiryDelta: MEMBER_DELTA + FINAL_DELTA,
      htlcMinimumMsat: 1n,
      htlcMaximumMsat: 1_000_000_000n,
      features: [],
    };
    return { path, payInfo };
  }

  /** Opens its layer of an HTLC that its member would pass on to it. @throws {Error} if it is not for it */
  open({ next, paymentHash }: LdkEvents['htlc']): OpenedHtlc {
    if (!next) throw new Error('the member does not read this HTLC as one to pass on');
    const pathKey = next.pathKey === null ? undefined : fromHex(next.pathKey);
    const peeled = peelOnion({
      nodeSecret: this.#secret,
      onion: fromHex(next.onion),
      associatedData: fromHex(paymentHash),
      ...(pathKey && { pathKey }),
    });
    if (!peeled.ok) throw new Error(peeled.error.message);
    const context = { final: !peeled.value.next, updateAddHasPathKey: pathKey !== undefined };
    const payload = unwrap(decodePaymentPayload(peeled.value.payload, context));
    const { sharedSecret } = peeled.value;
    if (!pathKey || !payload.encryptedRecipientData) return { payload, sharedSecret };
    const hop = unwrap(unblindHop(this.#secret, pathKey, payload.encryptedRecipientData));
    return { payload, sharedSecret, data: unwrap(decodeEncryptedData(hop.data)) };
  }
}
