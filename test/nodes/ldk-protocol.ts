/** What the program in `ldk/` can be asked, and what it tells. Amounts are in msat, bytes in hex, node ids compressed. */

/** Whether the program does by itself what an LDK user has to do, or leaves it to the test. */
type Duty = 'off' | 'auto' | 'manual';

export interface LdkNodeOptions {
  /** Names the node, and seeds its keys unless `seed` does. */
  readonly name: string;
  readonly seed?: string;
  /** Makes it a member of LDK's phantom cluster with this seed. */
  readonly phantomSeed?: string;
  /** Holds HTLCs for payers that are often offline (feature 153). */
  readonly htlcHold?: boolean;
  /** As payer of static invoices, lets its next hop hold. */
  readonly holdAtNextHop?: boolean;
  /** Keeps onion messages for peers that are not connected; `manual` only tells `messageIntercepted`. */
  readonly mailbox?: Duty;
  /** Serves static invoices of others; `manual` wants `acknowledgeStaticInvoice` and `answerStaticInvoiceRequest`. */
  readonly staticInvoices?: Duty;
  /** Claims what it can (default true); false wants `claim`. */
  readonly autoClaim?: boolean;
  /** Does not pay BOLT 12 invoices before `payInvoice`. */
  readonly manualInvoices?: boolean;
  /** Shows HTLCs to unknown channels as `htlc` and leaves them to `settleHtlc`, `failHtlc`, `resumeHtlc`. */
  readonly standIn?: boolean;
  /** Bits of LDK's `HTLCInterceptionFlags`, if not those a stand-in has. */
  readonly intercept?: number;
  readonly feeBaseMsat?: number;
  readonly feePpm?: number;
  readonly cltvDelta?: number;
}

export interface LdkChannelOptions {
  readonly from: string;
  readonly to: string;
  readonly sat: number;
  readonly pushMsat?: number;
  /** Known to everybody; default: private. */
  readonly announced?: boolean;
}

export interface LdkChannel {
  readonly channelId: string;
  readonly peer: string;
  readonly scid: string | null;
  readonly outboundAlias: string | null;
  readonly inboundAlias: string | null;
  readonly isUsable: boolean;
  readonly isAnnounced: boolean;
  readonly outboundMsat: number;
  readonly inboundMsat: number;
  readonly inHtlcs: number;
  readonly outHtlcs: number;
}

interface Of {
  readonly node: string;
}
interface Between {
  readonly from: string;
  readonly to: string;
}
interface PayLimits {
  /** 32 bytes. */
  readonly paymentId: string;
  /** Default 3. */
  readonly retries?: number;
  readonly maxFeeMsat?: number;
  readonly maxParts?: number;
}
type Nothing = Record<string, never>;

/** Arguments and result by command. */
export interface LdkCommands {
  /** Nodes, channels (usable and announced afterwards) and the second it is. Ends an earlier world. */
  build: [
    {
      readonly time: number;
      readonly nodes: readonly LdkNodeOptions[];
      readonly channels: readonly LdkChannelOptions[];
    },
    { readonly nodes: readonly { name: string; nodeId: string; nodeSecret: string }[]; readonly height: number },
  ];
  open: [LdkChannelOptions, Nothing];
  /** `peers`: ids of all it is connected with. */
  channels: [
    Of,
    { readonly channels: readonly LdkChannel[]; readonly height: number; readonly peers: readonly string[] },
  ];
  /** `seconds` is the time from block to block (default 1): LDK knows no other clock here. */
  mine: [{ readonly blocks: number; readonly seconds?: number }, { readonly height: number; readonly time: number }];
  /** The minute timer of one node, or of all. */
  tick: [Partial<Of>, Nothing];
  /** Takes a node off the network and off the chain, until `wake`. */
  sleep: [Of, Nothing];
  /** Blocks first, then the peers it had (not foreign ones). */
  wake: [Of, Nothing];
  /** From what it had written; connected again unless asleep. */
  restart: [Of, Nothing];

  /** `peer`: a node's name, or the id of a foreign node that this test plays. */
  connect: [Of & { readonly peer: string; readonly htlcHold?: boolean }, Nothing];
  disconnect: [Of & { readonly peer: string }, Nothing];
  /** Lets all nodes know a foreign node from gossip, as a neighbour of `node`. */
  announceForeign: [Of & { readonly peer: string }, { readonly scid: string }];
  /** Wire message 513, type first, from a foreign peer. */
  deliver: [Of & { readonly from: string; readonly hex: string }, Nothing];
  /** Sends a kept message on to a peer that is back. */
  forwardMessage: [Of & { readonly to: string; readonly hex: string }, Nothing];
  /** How LDK reads a message 513 that is for a node. */
  peel: [
    Of & { readonly hex: string },
    { readonly kind: 'forward' | 'offers' | 'async' | 'other'; readonly content?: string; readonly hasReply?: boolean },
  ];
  benchPeel: [
    Of & { readonly hex: string; readonly count: number },
    { readonly seconds: number; readonly peeled: number },
  ];

  /** From now on shows messages of these types as `message`: 128, 130 to 133, 135, 136, 258, 513. */
  watch: [{ readonly types: readonly number[] }, Nothing];
  /** Keeps what a node sends another one, until `release`. */
  withhold: [Between, Nothing];
  release: [Between & { readonly lose?: boolean }, { readonly messages: number }];

  /** With the preimage of an `htlc` event; its payer's side of the channel learns it at once. */
  settleHtlc: [Of & { readonly interceptId: string; readonly preimage: string }, Nothing];
  /** `reason`: as the next hop would send it; `malformed` and `onionHash`: as update_fail_malformed_htlc; neither: LDK's choice. */
  failHtlc: [
    Of & {
      readonly interceptId: string;
      readonly reason?: string;
      readonly malformed?: number;
      readonly onionHash?: string;
    },
    Nothing,
  ];
  /** Passes the HTLC on unchanged to a node it has a channel with. */
  resumeHtlc: [Of & { readonly interceptId: string; readonly to: string; readonly amountMsat?: number }, Nothing];

  /**
   * An HTLC to a direct peer with an onion made here, one for each hash; `hold` asks the peer to hold it. What becomes of it comes as
   * `paymentSent` or `paymentFailed`, and on the link (see `watch`).
   */
  sendOnion: [
    Of & {
      readonly peer: string;
      readonly paymentHash: string;
      readonly amountMsat: number;
      readonly cltvExpiry: number;
      readonly onion: string;
      readonly pathKey?: string;
      readonly hold?: boolean;
      readonly paymentId: string;
    },
    Nothing,
  ];

  createOffer: [
    Of & {
      readonly amountMsat?: number;
      readonly description?: string;
      readonly issuer?: string;
      readonly absoluteExpiry?: number;
      readonly quantityMax?: number;
    },
    { readonly offer: string },
  ];
  createPhantomOffer: [
    Of & { readonly members: readonly string[]; readonly paths?: number; readonly amountMsat?: number },
    { readonly offer: string },
  ];
  /** Paths to a static invoice server, made for one recipient. */
  serverPaths: [
    Of & { readonly recipientId: string; readonly expirySeconds?: number },
    { readonly paths: readonly string[] },
  ];
  /** Gives a recipient such paths, of an LDK server or ours. */
  useServer: [Of & { readonly paths: readonly string[] }, Nothing];
  /** Fails until the server has stored an invoice. */
  asyncOffer: [Of, { readonly offer: string }];
  acknowledgeStaticInvoice: [{ readonly token: number }, Nothing];
  answerStaticInvoiceRequest: [
    { readonly token: number; readonly invoice: string; readonly requestPath: string },
    Nothing,
  ];

  payOffer: [
    Of &
      PayLimits & {
        readonly offer: string;
        readonly amountMsat?: number;
        readonly quantity?: number;
        readonly payerNote?: string;
      },
    Nothing,
  ];
  payInvoice: [{ readonly token: number }, Nothing];
  createRefund: [
    Of & PayLimits & { readonly amountMsat: number; readonly absoluteExpiry: number },
    { readonly refund: string },
  ];
  takeRefund: [Of & { readonly refund: string }, { readonly invoice: string }];
  /** BOLT 11. */
  createInvoice: [
    Of & { readonly amountMsat?: number; readonly description?: string; readonly paymentHash?: string },
    { readonly invoice: string; readonly paymentHash: string },
  ];
  payBolt11: [Of & PayLimits & { readonly invoice: string; readonly amountMsat?: number }, Nothing];
  claim: [Of & { readonly preimage: string }, Nothing];
  refuse: [Of & { readonly paymentHash: string }, Nothing];
  abandon: [Of & { readonly paymentId: string }, Nothing];
  payments: [
    Of,
    { readonly payments: readonly { paymentId: string; state: LdkPaymentState; paymentHash: string | null }[] },
  ];

  /** LDK's reading of an object, and in `hex` its own writing of it. Needs no world. */
  decode: [
    { readonly kind: LdkObject; readonly text?: string } | { readonly kind: LdkObject; readonly hex: string },
    { readonly hex: string; readonly text?: string; readonly [field: string]: unknown },
  ];
  log: [Of & { readonly lines?: number }, { readonly lines: readonly string[] }];
}

/** A payment whose static invoice has come and whose HTLC has not left yet counts as awaiting its invoice. */
export type LdkPaymentState = 'awaitingInvoice' | 'pending' | 'fulfilled' | 'abandoned';
export type LdkObject = 'offer' | 'refund' | 'invoiceRequest' | 'invoice' | 'staticInvoice';

/** Fields by event; each has `node`, whose event it is, unless it says otherwise. */
export interface LdkEvents {
  claimable: {
    readonly paymentHash: string;
    readonly amountMsat: number;
    readonly preimage: string | null;
    readonly purpose: 'bolt11' | 'offer' | 'refund' | 'spontaneous';
    readonly payerNote: string | null;
    readonly claimDeadline: number | null;
    readonly totalMsat: number | null;
  };
  claimed: { readonly paymentHash: string; readonly amountMsat: number; readonly parts: number };
  paymentSent: {
    readonly paymentId: string;
    readonly preimage: string;
    readonly paymentHash: string;
    readonly amountMsat: number | null;
    readonly feeMsat: number | null;
    readonly invoiceKind: 'static' | 'bolt12' | null;
    readonly invoice: string | null;
  };
  paymentFailed: { readonly paymentId: string; readonly paymentHash: string | null; readonly reason: string | null };
  /** `failure`: LDK's log line with origin and code; null if the failure came out of a blinded path of several hops. */
  pathFailed: {
    readonly paymentHash: string;
    readonly permanently: boolean;
    readonly scid: string | null;
    readonly failure: string | null;
  };
  pathSuccessful: { readonly paymentId: string; readonly hops: number; readonly holdTimes: readonly number[] };
  /** An HTLC that this node did not pass on, or did not take. */
  htlcFailed: { readonly type: string; readonly reason: string | null };
  forwarded: { readonly amountMsat: number; readonly feeMsat: number | null };
  channelReady: { readonly channelId: string; readonly peer: string };
  channelClosed: { readonly channelId: string; readonly reason: string };
  /** `peer` is a name, or the id of a foreign node; own nodes get connected, foreign ones by `connect`. */
  connectionNeeded: { readonly peer: string; readonly addresses: readonly string[] };
  invoiceReceived: { readonly paymentId: string; readonly invoice: string; readonly token: number };
  persistStaticInvoice: {
    readonly recipientId: string;
    readonly slot: number;
    readonly invoice: string;
    readonly requestPath: string;
    /** Only if it is left to the test. */
    readonly token?: number;
  };
  staticInvoiceRequested: {
    readonly recipientId: string;
    readonly slot: number;
    readonly invoiceRequest: string;
    readonly token?: number;
    readonly answered?: boolean;
  };
  messageIntercepted: {
    readonly previous: string | null;
    readonly next: { readonly nodeId: string } | { readonly scid: string };
    readonly hex: string;
  };
  /** Only of nodes with a mailbox; `peer` is a name, or the id of a foreign node. */
  messagePeerConnected: { readonly peer: string };
  peerGone: { readonly peer: string };
  /** Wire message 513 of `node` for a foreign peer. */
  foreignMessage: { readonly to: string; readonly hex: string };
  /** An HTLC, irrevocably committed, that waits for a verdict. */
  htlc: {
    readonly interceptId: string;
    readonly from: string;
    readonly channelId: string;
    readonly htlcId: number;
    readonly paymentHash: string;
    readonly incomingMsat: number;
    readonly incomingCltv: number;
    readonly requestedScid: string;
    readonly outgoingMsat: number;
    readonly outgoingCltv: number;
    /** update_add_htlc as it came, type first. */
    readonly hex: string;
    /** What the next hop would be given; none: LDK does not read the onion as a forward. */
    readonly next: { readonly onion: string; readonly pathKey: string | null } | null;
  };
  /** A watched message, type first; it has no `node`. */
  message: { readonly from: string; readonly to: string; readonly type: number; readonly hex: string };
  /** It has no `node`. */
  protocolError: { readonly from: string; readonly to: string; readonly error: string };
}

export type LdkEvent = {
  [Kind in keyof LdkEvents]: { readonly event: Kind; readonly node: string } & LdkEvents[Kind];
}[keyof LdkEvents];
