/** What Manifold asks of an LND, call by call, and the macaroon that grants exactly that. */
import { addInvoice, closeChannel, getChanInfo, listChannels, lookupHtlcResolution } from './rpc/channels.js';
import { describeGraph, subscribeChannelGraph } from './rpc/graph.js';
import { htlcInterceptor, subscribeHtlcEvents } from './rpc/intercept.js';
import {
  deriveSharedKey,
  sendCustomMessage,
  sendOnionMessage,
  signMessage,
  subscribeCustomMessages,
  subscribeOnionMessages,
} from './rpc/messages.js';
import { getInfo, getVersion, registerBlockEpochNtfn } from './rpc/node.js';
import { sendToRouteV2, trackPaymentV2 } from './rpc/payments.js';
import { connectPeer, getNodeInfo, listPeers, subscribePeerEvents } from './rpc/peers.js';

/** What a macaroon is for. Whatever it is, the calls that tell the node's identity and height belong to it. */
export type LndPurpose =
  | 'receive'
  | 'send'
  | 'register-preimages'
  | 'force-close'
  /** Onion messages: offers, static invoices. */
  | 'messages'
  /**
   * Messages for the virtual node and for sleeping clients behind the node. Whoever has this right can read whatever was
   * encrypted for the node.
   */
  | 'open-messages'
  /** Wallets that are clients of the node: peer messages, and signatures under wake-ups. */
  | 'wallets';

/** What Manifold does without a word in the configuration wherever the macaroon allows it. */
export const OPTIONAL_PURPOSES = ['messages', 'open-messages', 'wallets'] as const satisfies readonly LndPurpose[];

/** A call with what LND asks for it besides its own name: `entity:action`, all of them. */
export interface Permission {
  /** `/package.Service/Name` */
  readonly uri: string;
  readonly broad: readonly string[];
}

const permission = ({ path }: { readonly path: string }, ...broad: string[]): Permission => ({
  uri: path,
  broad,
});

const ALWAYS: readonly Permission[] = [permission(getInfo, 'info:read'), permission(getVersion, 'info:read')];

const BY_PURPOSE: Readonly<Record<LndPurpose, readonly Permission[]>> = {
  receive: [
    permission(registerBlockEpochNtfn, 'onchain:read'),
    permission(listChannels, 'offchain:read'),
    permission(getChanInfo, 'info:read'),
    permission(htlcInterceptor, 'offchain:write'),
    permission(subscribeHtlcEvents, 'offchain:read'),
    permission(lookupHtlcResolution, 'offchain:read'),
  ],
  send: [
    permission(listChannels, 'offchain:read'),
    permission(getChanInfo, 'info:read'),
    permission(sendToRouteV2, 'offchain:write'),
    permission(trackPaymentV2, 'offchain:read'),
    permission(describeGraph, 'info:read'),
    permission(subscribeChannelGraph, 'info:read'),
  ],
  'register-preimages': [permission(addInvoice, 'invoices:write')],
  'force-close': [
    permission(listChannels, 'offchain:read'),
    permission(closeChannel, 'onchain:write', 'offchain:write'),
  ],
  messages: [
    permission(sendOnionMessage, 'offchain:write'),
    permission(subscribeOnionMessages, 'offchain:read'),
    permission(listPeers, 'peers:read'),
    permission(subscribePeerEvents, 'peers:read'),
    permission(connectPeer, 'peers:write'),
    permission(getNodeInfo, 'info:read'),
    permission(getChanInfo, 'info:read'),
    permission(describeGraph, 'info:read'),
    permission(subscribeChannelGraph, 'info:read'),
  ],
  'open-messages': [permission(deriveSharedKey, 'signer:generate')],
  wallets: [
    permission(sendCustomMessage, 'offchain:write'),
    permission(subscribeCustomMessages, 'offchain:read'),
    permission(signMessage, 'message:write'),
  ],
};

export function permissionsFor(purposes: readonly LndPurpose[]): readonly Permission[] {
  const all = [...ALWAYS, ...purposes.flatMap((purpose) => BY_PURPOSE[purpose])];
  return [...new Map(all.map((one) => [one.uri, one])).values()];
}

/** The command, to be run where LND runs, that writes `manifold.macaroon`. */
export function bakeLine(purposes: readonly LndPurpose[]): string {
  const uris = permissionsFor(purposes).map(({ uri }) => `uri:${uri}`);
  return ['lncli bakemacaroon --save_to manifold.macaroon', ...uris].join(' ');
}
