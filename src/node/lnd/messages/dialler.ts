/** Connects an LND to nodes by the addresses that they announced. */
import { toHex } from '../../../wire/bytes.js';
import type { Millis, NodeId } from '../../../wire/units.js';
import type { LndClient } from '../client.js';
import { LndError } from '../errors.js';
import { connectPeer, getNodeInfo } from '../rpc/peers.js';
import type { ConnectedPeers } from './connected-peers.js';

const QUESTION_MS: Millis = 8_000;
/** LND gives an address up after this. */
const CONNECT_MS: Millis = 7_000;
/** From a connection to a peer that can be sent to. */
const SETTLE_MS: Millis = 5_000;
const MAX_ADDRESSES = 3;
/** A flood of messages to strangers is no flood of connections. */
const MAX_AT_ONCE = 16;

export class Dialler {
  readonly #client: LndClient;
  readonly #peers: ConnectedPeers;
  readonly #underWay = new Map<string, Promise<boolean>>();

  constructor(client: LndClient, peers: ConnectedPeers) {
    this.#client = client;
    this.#peers = peers;
  }

  /** Never rejects. */
  async dial(node: NodeId): Promise<boolean> {
    if (this.#peers.has(node)) return true;
    const key = toHex(node);
    const known = this.#underWay.get(key);
    if (known) return known;
    if (this.#underWay.size >= MAX_AT_ONCE) return false;
    const dialling = this.#dial(node)
      .catch(() => false)
      .finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, dialling);
    return dialling;
  }

  async #dial(node: NodeId): Promise<boolean> {
    const pubKey = toHex(node);
    const { node: found } = await this.#client.call(getNodeInfo, { pubKey }, QUESTION_MS);
    for (const { addr } of (found?.addresses ?? []).slice(0, MAX_ADDRESSES)) {
      if (await this.#connect(pubKey, addr)) return this.#peers.come(node, SETTLE_MS);
    }
    return false;
  }

  async #connect(pubkey: string, host: string): Promise<boolean> {
    const timeout = BigInt(CONNECT_MS / 1000);
    try {
      await this.#client.call(connectPeer, { addr: { pubkey, host }, timeout }, CONNECT_MS + QUESTION_MS);
      return true;
    } catch (error) {
      if (!(error instanceof LndError) || error.kind !== 'refused') throw error;
      return /already connected/i.test(error.message);
    }
  }
}
