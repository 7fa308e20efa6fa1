/**
 * Onion messages as a service (BOLT 4, "Onion Messages"; contents of BOLT 12, bolts#1149 as LDK ships it, and LightningRod).
 *
 * A {@link Messenger} speaks for the cluster's virtual node over all members. What arrives for the virtual node is peeled here;
 * the path it came over is known again by its path id ({@link PathContext}), and the handler of the content's name and the
 * context's kind gets it. What is for others (a client that sleeps) goes to `onStray`. Sending finds its way: a peer of any
 * member, a new connection, or announced relays before the path. A message is never sure to arrive, and nobody tells.
 *
 *     const messenger = new Messenger({ virtualNodes, graph, clock, random: randomBytes });
 *     await messenger.addMember('a', nodeId, port);
 *     messenger.handle('held_htlc_available', 'inbound_payment', async ({ replyPath }) => {
 *       if (replyPath) await messenger.send({ name: 'release_held_htlc' }, { path: replyPath });
 *     });
 *     const [path] = messenger.pathsToVirtual(messenger.pathId({ kind: 'inbound_payment', reference, expiry }));
 *
 * A path that begins at a member is peeled by that member's node where it can (`peelOwn`); where it cannot, the message goes
 * to a peer of the member, which sends it back.
 */
export { messagePath, buildOnionMessage, MAX_MESSAGE_HOPS } from './build.js';
export type { MessagePlan, MessageTarget, PathPlan, Random } from './build.js';
export { CONTEXT_KINDS, openContext, PATH_ID_LENGTH, sealContext } from './context.js';
export type { ContextKind } from './context.js';
export { isExpired, openPathContext, sealPathContext } from './contexts.js';
export type { ContextFields, ContextOf, PathContext } from './contexts.js';
export { MAX_STATIC_INVOICE_LENGTH } from './contents/async.js';
export type { OfferPaths, OfferPathsRequest, ServeStaticInvoice } from './contents/async.js';
export { CONTENT_NAMES, decodeContent, encodeContent } from './contents/content.js';
export type { Content, ContentName, ContentOf } from './contents/content.js';
export { innerStream } from './contents/framing.js';
export { MAX_ROD_HASHES, rodIdOf } from './contents/rod.js';
export type {
  RodCancel,
  RodHoldRequest,
  RodHoldResponse,
  RodHoldStatus,
  RodNotice,
  RodState,
  RodStatus,
  RodUnblock,
} from './contents/rod.js';
export { decodeRodPeerMessage, encodeRodPeerMessage, ROD_PEER_MESSAGE_TYPE } from './contents/rod-peer.js';
export type { RodContent } from './contents/rod-peer.js';
export { COPIES_SPAN } from './handlers.js';
export type { HandlerOptions, MessageHandler, Received, SourceOf } from './handlers.js';
export { decodeReleasePaths, encodeReleasePaths, HOLD_HTLC_RECORD, RELEASE_PATHS_TYPE } from './hold-records.js';
export type { ReleasePath } from './hold-records.js';
export { DEFAULT_INBOX_LIMITS, STUCK_AFTER } from './inbox.js';
export type { DropReason, InboxLimits, MessageClock, Stray, VirtualNode } from './inbox.js';
export { Recent, TokenBuckets } from './limits.js';
export type { Rate } from './limits.js';
export { Messenger } from './messenger.js';
export type { MessengerOptions } from './messenger.js';
export type { SendOptions, SendOutcome } from './outbox.js';
export type { PathOptions } from './paths.js';
export type {
  MessageGraph,
  MessageHandlers,
  MessagePort,
  MessageSession,
  PeerMessage,
  PeerMessagePort,
  ReceivedAtNode,
  UnforwardedMessage,
} from './port.js';
export { farRoutes, nearRoutes, otherEnd, resolveFirstNode } from './router.js';
export type { MessageRoute, RoutingMember, SearchLimits } from './router.js';
