/**
 * Opens messages with what LND tells of its key by `DeriveSharedKey`, so that a virtual node can be behind an LND which shows
 * only what came in. Whoever may ask that can read whatever was encrypted for the node, so it is a right of its own.
 */
import {
  decodeEncryptedData,
  type EncryptedData,
  openHopData,
  type OnionMessage,
  peelOnionMessageBy,
} from '../../../onion/index.js';
import type { ReceivedAtNode, UnforwardedMessage } from '../../../messages/port.js';
import { equalBytes } from '../../../wire/bytes.js';
import type { Millis, NodeId } from '../../../wire/units.js';
import type { LndClient } from '../client.js';
import { LndError } from '../errors.js';
import { deriveSharedKey } from '../rpc/messages.js';

const QUESTION_MS: Millis = 5_000;
/** Hops of the node to itself hide how long a path is; more of them than this are no path of anybody's. */
const MAX_OWN_HOPS = 8;

export type Opened = UnforwardedMessage | ReceivedAtNode;

export class Opener {
  readonly #client: LndClient;
  readonly #nodeId: NodeId;

  constructor(client: LndClient, nodeId: NodeId) {
    this.#client = client;
    this.#nodeId = nodeId;
  }

  /** An opener if LND lets us have one. Rejects when it cannot be asked. */
  static async at(client: LndClient, nodeId: NodeId): Promise<Opener | undefined> {
    const opener = new Opener(client, nodeId);
    try {
      await opener.#share(nodeId); // any point does
      return opener;
    } catch (error) {
      if (error instanceof LndError && (error.kind === 'denied' || error.kind === 'unsupported')) return undefined;
      throw error;
    }
  }

  async #share(point: Uint8Array): Promise<Uint8Array> {
    const { sharedKey } = await this.#client.call(deriveSharedKey, { ephemeralPubkey: point }, QUESTION_MS);
    if (sharedKey.length !== 32) throw new LndError('refused', `LND shares a key of ${sharedKey.length} bytes`);
    return sharedKey;
  }

  /** What the path's maker wrote for the node; undefined if it is not for it. Rejects when LND cannot be asked. */
  async dataOf(pathKey: Uint8Array, encryptedData: Uint8Array): Promise<EncryptedData | undefined> {
    const stream = openHopData(await this.#share(pathKey), encryptedData);
    const data = stream.ok ? decodeEncryptedData(stream.value) : stream;
    return data.ok ? data.value : undefined;
  }

  /** The message without the layers that are for the node; undefined if none is. Rejects when LND cannot be asked. */
  async peel(message: OnionMessage): Promise<Opened | undefined> {
    let current = message;
    for (let hop = 0; hop < MAX_OWN_HOPS; hop++) {
      const peeled = await peelOnionMessageBy((point) => this.#share(point), current);
      if (!peeled.ok) return undefined;
      const { value } = peeled;
      if (value.kind === 'receive') {
        const { payload, data } = value;
        return { payload, ...(data.pathId && { pathId: data.pathId }) };
      }
      if (!('nodeId' in value.to && equalBytes(value.to.nodeId, this.#nodeId))) {
        return { to: value.to, message: value.message };
      }
      current = value.message;
    }
    return undefined;
  }
}
