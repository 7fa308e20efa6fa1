/** Real LDK nodes in this process, for demonstrations and tests. Needs packages that are no production dependencies. */
export type { Block } from './chain.js';
export { channelsReady, openChannel, type OpenChannelOptions } from './channel.js';
export type { MessageHooks } from './hooks.js';
export { onionOf, withOnion } from './htlc-messages.js';
export { type Ldk, LdkMissing, LdkRefused, loadLdk } from './library.js';
export { localChannels } from './local-channels.js';
export { type EventClass, LdkNode, type LdkNodeOptions } from './node.js';
export {
  type DecodedFailure,
  type LdkPayment,
  payInParts,
  payInvoice,
  type PaymentOutcome,
  type PayOptions,
  type PayPartsOptions,
} from './payer.js';
export {
  type HintChannelJson,
  hintsToJson,
  phantomHints,
  type PhantomHintsJson,
  serializedPhantomHints,
} from './phantom-hints.js';
export { createPhantomInvoice, type PhantomInvoiceOptions, phantomNodeId } from './phantom-invoice.js';
export type { SavedNode } from './stack.js';
export { LdkStandIn, type LdkStandInOptions } from './stand-in.js';
export { LdkTimeout, LdkWorld, type LdkWorldOptions } from './world.js';
