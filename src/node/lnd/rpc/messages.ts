/** LND's calls about onion messages, direct peer messages and signed messages, what of them we use. */
import { bytes, field, map, message, type Of, optional, repeated, string, uint32, uint64 } from './codec.js';
import { serverStream, unary } from './method.js';

const empty = message({});

/** To a connected peer only; LND finds no path and dials nobody. From 0.21 on. */
export const sendOnionMessage = unary(
  '/lnrpc.Lightning/SendOnionMessage',
  message({ peer: field(1, bytes), pathKey: field(2, bytes), onion: field(3, bytes) }),
  empty,
);

const blindedPath = message({
  /** Always a node id; empty where there is no path. */
  introductionNode: field(1, bytes),
  blindingPoint: field(2, bytes),
  blindedHops: repeated(3, message({ blindedNode: field(1, bytes), encryptedData: field(2, bytes) })),
});

const onionMessageUpdate = message({
  peer: field(1, bytes),
  /** As the node got it. */
  pathKey: field(2, bytes),
  /** As the node got it, its own layer included. */
  onion: field(3, bytes),
  replyPath: optional(4, blindedPath),
  /** Still encrypted for the node. */
  encryptedRecipientData: field(5, bytes),
  /** From 64 on, of a last hop. */
  customRecords: map(6, uint64, bytes),
});
export type OnionMessageUpdate = Of<typeof onionMessageUpdate>;

/** Every message that the node could read, those it passes on included, whether or not the next node was there. */
export const subscribeOnionMessages = serverStream(
  '/lnrpc.Lightning/SubscribeOnionMessages',
  empty,
  onionMessageUpdate,
);

const customMessage = message({ peer: field(1, bytes), type: field(2, uint32), data: field(3, bytes) });
export type CustomMessage = Of<typeof customMessage>;

export const sendCustomMessage = unary('/lnrpc.Lightning/SendCustomMessage', customMessage, empty);

export const subscribeCustomMessages = serverStream('/lnrpc.Lightning/SubscribeCustomMessages', empty, customMessage);

/** Signs SHA-256 twice over `Lightning Signed Message:` and the message, in zbase32. */
export const signMessage = unary(
  '/lnrpc.Lightning/SignMessage',
  message({ msg: field(1, bytes) }),
  message({ signature: field(1, string) }),
);

/** SHA-256 of the compressed product of the point and the node's key. */
export const deriveSharedKey = unary(
  '/signrpc.Signer/DeriveSharedKey',
  message({ ephemeralPubkey: field(1, bytes) }),
  message({ sharedKey: field(1, bytes) }),
);
