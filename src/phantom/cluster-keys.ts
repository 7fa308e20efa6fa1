/**
 * Keys of a cluster, all derived from its 32-byte `cross_node_seed`. The LDK part (phantom key, inbound keys) is what LDK's
 * PhantomKeysManager derives, so LDK nodes with the same seed are members; the SCID keys are Manifold's own.
 */
import { ec, hkdfBlocks } from '../crypto/index.js';
import { equalBytes, toHex } from '../wire/bytes.js';
import type { NodeId } from '../wire/units.js';

const NODE_LABEL = 'LDK Inbound and Phantom Payment Key Expansion';
const INBOUND_LABEL = 'LDK Inbound Payment Key Expansion';
const SCID_LABEL = 'Manifold Phantom SCID Key Expansion';
const BLINDED_LABEL = 'Manifold Blinded Path Key Expansion';
const MESSAGE_CONTEXT_LABEL = 'Manifold Message Context Key Expansion';

/** LDK's eight keys for inbound payments; 7 and 8 exist from LDK 0.3 on. Never log one. */
interface InboundKeys {
  /** Encrypts the info block of a payment secret. */
  readonly info: Uint8Array;
  /** Preimages of payments whose hash we choose. */
  readonly ownHash: Uint8Array;
  /** Authenticates secrets for a hash that the merchant chose. */
  readonly userHash: Uint8Array;
  readonly offersBase: Uint8Array;
  readonly offersEncryption: Uint8Array;
  readonly spontaneous: Uint8Array;
  readonly blindedPath: Uint8Array;
  readonly metadata: Uint8Array;
}

interface Secrets extends InboundKeys {
  readonly phantom: Uint8Array;
  readonly inboundKeyMaterial: Uint8Array;
  readonly scidTag: Uint8Array;
  readonly scidMask: Uint8Array;
  readonly blinding: Uint8Array;
  readonly blindedScidTag: Uint8Array;
  readonly blindedScidMask: Uint8Array;
  readonly messageContext: Uint8Array;
}

function deriveSecrets(crossNodeSeed: Uint8Array): Secrets {
  const [inboundKeyMaterial, phantom] = hkdfBlocks(NODE_LABEL, crossNodeSeed, 2);
  const inbound = hkdfBlocks(INBOUND_LABEL, inboundKeyMaterial!, 8);
  const [scidTag, scidMask] = hkdfBlocks(SCID_LABEL, crossNodeSeed, 2);
  const [blinding, blindedScidTag, blindedScidMask] = hkdfBlocks(BLINDED_LABEL, crossNodeSeed, 3);
  return {
    phantom: phantom!,
    inboundKeyMaterial: inboundKeyMaterial!,
    info: inbound[0]!,
    ownHash: inbound[1]!,
    userHash: inbound[2]!,
    offersBase: inbound[3]!,
    offersEncryption: inbound[4]!,
    spontaneous: inbound[5]!,
    blindedPath: inbound[6]!,
    metadata: inbound[7]!,
    scidTag: scidTag!,
    scidMask: scidMask!,
    blinding: blinding!,
    blindedScidTag: blindedScidTag!,
    blindedScidMask: blindedScidMask!,
    messageContext: hkdfBlocks(MESSAGE_CONTEXT_LABEL, crossNodeSeed, 1)[0]!,
  };
}

/**
 * The keys of one seed. Secrets live in a private field, so that neither `JSON.stringify`, `util.inspect`, a logger's
 * serializer nor `structuredClone` sees them; reading one takes its accessor. The byte arrays must not be written to.
 */
export class ClusterKeys {
  readonly #secrets: Secrets;
  /** Compressed public key of the phantom node: payee of all invoices of this seed. */
  readonly phantomNodeId: NodeId;

  /** @throws {RangeError} if the seed is not 32 bytes */
  constructor(crossNodeSeed: Uint8Array) {
    if (crossNodeSeed.length !== 32) throw new RangeError('a cross_node_seed is 32 bytes');
    this.#secrets = deriveSecrets(crossNodeSeed);
    this.phantomNodeId = ec.publicKey(this.#secrets.phantom);
  }

  /** secp256k1 secret that signs invoices and opens inner onions. */
  get phantomSecret(): Uint8Array {
    return this.#secrets.phantom;
  }

  get inboundKeyMaterial(): Uint8Array {
    return this.#secrets.inboundKeyMaterial;
  }

  get infoKey(): Uint8Array {
    return this.#secrets.info;
  }

  get ownHashKey(): Uint8Array {
    return this.#secrets.ownHash;
  }

  get userHashKey(): Uint8Array {
    return this.#secrets.userHash;
  }

  get offersBaseKey(): Uint8Array {
    return this.#secrets.offersBase;
  }

  get offersEncryptionKey(): Uint8Array {
    return this.#secrets.offersEncryption;
  }

  get spontaneousKey(): Uint8Array {
    return this.#secrets.spontaneous;
  }

  get blindedPathKey(): Uint8Array {
    return this.#secrets.blindedPath;
  }

  get metadataKey(): Uint8Array {
    return this.#secrets.metadata;
  }

  /** Binds a phantom SCID to its member. */
  get scidTagKey(): Uint8Array {
    return this.#secrets.scidTag;
  }

  /** Hides the variant of a phantom SCID. */
  get scidMaskKey(): Uint8Array {
    return this.#secrets.scidMask;
  }

  /** Seals the path ids of our blinded paths for onion messages. */
  get messageContextKey(): Uint8Array {
    return this.#secrets.messageContext;
  }

  /** Makes the session keys of blinded payment paths, so that nobody has to remember one. */
  get blindingKey(): Uint8Array {
    return this.#secrets.blinding;
  }

  /** Binds the phantom SCID of a blinded path to its member. */
  get blindedScidTagKey(): Uint8Array {
    return this.#secrets.blindedScidTag;
  }

  /** Hides the variant of a blinded path's phantom SCID. */
  get blindedScidMaskKey(): Uint8Array {
    return this.#secrets.blindedScidMask;
  }

  toJSON(): { phantomNodeId: string; secrets: string } {
    return { phantomNodeId: toHex(this.phantomNodeId), secrets: '[redacted]' };
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `ClusterKeys { phantomNodeId: ${toHex(this.phantomNodeId)}, secrets: [redacted] }`;
  }
}

/** One seed in the life of a cluster. */
export interface KeyEpoch {
  /** Stable number given by the operator; recorded with payments. */
  readonly id: number;
  readonly keys: ClusterKeys;
}

/**
 * All seeds that still count: the current one makes new invoices, every one recognises and verifies payments, so a seed
 * can be replaced while invoices of the old one stay payable.
 */
export class KeyRing {
  /** Newest (current) first. */
  readonly epochs: readonly KeyEpoch[];
  readonly current: KeyEpoch;

  /** @throws {RangeError} if two epochs share an id or a seed */
  constructor(current: KeyEpoch, retired: readonly KeyEpoch[] = []) {
    this.current = current;
    this.epochs = [current, ...retired];
    this.epochs.forEach((epoch, i) => {
      for (const other of this.epochs.slice(i + 1)) {
        if (other.id === epoch.id) throw new RangeError(`key epoch ${epoch.id} is given twice`);
        if (equalBytes(other.keys.phantomNodeId, epoch.keys.phantomNodeId)) {
          throw new RangeError(`key epochs ${epoch.id} and ${other.id} have the same seed`);
        }
      }
    });
  }

  epoch(id: number): KeyEpoch | undefined {
    return this.epochs.find((epoch) => epoch.id === id);
  }

  /** The epoch whose invoices name this payee. */
  epochOfPayee(phantomNodeId: NodeId): KeyEpoch | undefined {
    return this.epochs.find(({ keys }) => equalBytes(keys.phantomNodeId, phantomNodeId));
  }
}
