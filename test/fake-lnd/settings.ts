/** How a fake LND is set up, and what is wrong with it. */
import { WalletState } from '../../src/node/lnd/rpc/node.js';
import type { Network } from '../../src/receive/node-port.js';

/** What an operator sets; some of it takes a restart, as in LND. */
export interface FakeLndSettings {
  /** `0.21.2-beta`; takes a restart. */
  version: string;
  network: Network;
  /** Takes a restart. */
  requireInterceptor: boolean;
  /** `store-final-htlc-resolutions`; takes a restart. */
  storeFinals: boolean;
  /** `keep-failed-payment-attempts`. */
  keepFailedAttempts: boolean;
  /** One of {@link WalletState}. */
  walletState: number;
  /** What the macaroon grants: paths of methods, or everything. */
  permissions: 'all' | ReadonlySet<string>;
  /** From which peers LND takes onion messages: those with a channel, or all (`protocol.onion-msg-relay-all`). */
  onionMessages: 'channels' | 'relay-all' | 'off';
  /** Server keepalive: how soon a dead client is noticed, which frees its interceptor. Takes a restart. */
  pingTimeMs: number;
  pingTimeoutMs: number;
}

export const DEFAULT_SETTINGS: FakeLndSettings = {
  version: '0.21.2-beta',
  network: 'regtest',
  requireInterceptor: true,
  storeFinals: true,
  keepFailedAttempts: true,
  walletState: WalletState.serverActive,
  permissions: 'all',
  onionMessages: 'channels',
  pingTimeMs: 10_000,
  pingTimeoutMs: 5_000,
};

/** Lasts until it is changed. */
export interface FakeLndFaults {
  /** Every unary answer comes so much later, ms. */
  slowMs: number;
  /** Paths whose unary answers, and interceptor offers, are bytes that mean nothing. */
  garbage: ReadonlySet<string>;
  /** Some other program has the interceptor. */
  interceptorTaken: boolean;
  /** Every offer is made so many times. */
  offerCopies: number;
  /** Final events of the HTLC event stream are swallowed. */
  loseFinals: boolean;
  /** A part that is to be sent is written down so much later, ms, and sent then. */
  recordDelayMs: number;
  /** Says it is synced however far it is behind. */
  claimsSynced: boolean;
}

export const NO_FAULTS: FakeLndFaults = {
  slowMs: 0,
  garbage: new Set(),
  interceptorTaken: false,
  offerCopies: 1,
  loseFinals: false,
  recordDelayMs: 0,
  claimsSynced: true,
};

/** What LND says to any call but `GetState` before its server is active; undefined if it serves. */
export function notReady(state: number): string | undefined {
  switch (state) {
    case WalletState.waitingToStart:
      return 'waiting to start, RPC services not available';
    case WalletState.nonExisting:
      return 'wallet not created, create one to enable full RPC access';
    case WalletState.locked:
      return 'wallet locked, unlock it to enable full RPC access';
    case WalletState.unlocked:
      return 'the RPC server is in the process of starting up, but not yet ready to accept calls';
    default:
      return undefined;
  }
}
