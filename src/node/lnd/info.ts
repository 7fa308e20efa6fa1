/** What an LND says about itself, in Manifold's terms. */
import type { Network, NodeInfo } from '../../receive/node-port.js';
import { fromHex, isHexOf } from '../../wire/bytes.js';
import type { Millis } from '../../wire/units.js';
import type { LndClient } from './client.js';
import { LndError } from './errors.js';
import { getInfo, type GetInfoResponse, getState, getVersion, WalletState } from './rpc/node.js';
import { judgeVersion } from './versions.js';

/** Of each question on the way to a served node, of which there are three in a row. */
const QUESTION_MS: Millis = 4_500;

const NETWORKS: ReadonlyMap<string, Network> = new Map([
  ['mainnet', 'bitcoin'],
  ['testnet', 'testnet'],
  ['signet', 'signet'],
  ['regtest', 'regtest'],
  ['simnet', 'simnet'],
]);

export const CONF_LINES = {
  requireInterceptor: 'requireinterceptor=true',
  storeFinals: 'store-final-htlc-resolutions=true',
} as const;

/** The node as it is now. Rejects while it starts or its wallet is locked. @throws {LndError} */
export async function askInfo(client: LndClient): Promise<NodeInfo> {
  await assertStarted(client);
  const version = await askVersion(client);
  const info = await client.call(getInfo, {}, QUESTION_MS);
  return nodeInfoOf(info, version ?? info.version, client.address);
}

/** LND answers about its state before it looks at macaroons, and before anything else works. @throws {LndError} */
export async function assertStarted(client: LndClient): Promise<void> {
  const { state } = await client.call(getState, {}, QUESTION_MS);
  const why = stateProblem(state);
  if (why !== undefined) throw new LndError('not-ready', `LND at ${client.address} ${why}`);
}

function stateProblem(state: number): string | undefined {
  switch (state) {
    case WalletState.serverActive:
      return undefined;
    case WalletState.nonExisting:
      return 'has no wallet yet; make one: lncli create';
    case WalletState.locked:
      return 'waits for its wallet to be unlocked: lncli unlock';
    default:
      return 'is still starting; it needs no help, only time';
  }
}

/** Undefined where the macaroon does not grant it: GetInfo names the version as well. */
async function askVersion(client: LndClient): Promise<string | undefined> {
  try {
    return (await client.call(getVersion, {}, QUESTION_MS)).version;
  } catch (error) {
    if (error instanceof LndError && (error.kind === 'denied' || error.kind === 'unsupported')) return undefined;
    throw error;
  }
}

/** @throws {LndError} if it is no answer of an LND on a network that Manifold knows */
export function nodeInfoOf(info: GetInfoResponse, version: string, address: string): NodeInfo {
  const refusals = refusalsOf(info, version);
  return {
    nodeId: nodeIdOf(info, address),
    network: networkOf(info, address),
    alias: info.alias,
    version: version.replace(/ commit=.*$/s, ''),
    height: info.blockHeight,
    synced: info.syncedToChain,
    ...(refusals.length > 0 && { refusals }),
  };
}

/** @throws {LndError} */
export function nodeIdOf({ identityPubkey }: GetInfoResponse, address: string): Uint8Array {
  if (isHexOf(identityPubkey, 33)) return fromHex(identityPubkey);
  throw new LndError('unreachable', `what answers at ${address} gives no node id; check that it is LND's gRPC port`);
}

function networkOf({ chains }: GetInfoResponse, address: string): Network {
  const name = chains[0]?.network ?? 'no network';
  const network = NETWORKS.get(name);
  if (network) return network;
  throw new LndError(
    'unsupported',
    `LND at ${address} is on ${name}; Manifold knows ${[...NETWORKS.keys()].join(', ')}`,
  );
}

function refusalsOf({ requireHtlcInterceptor, storeFinalHtlcResolutions }: GetInfoResponse, version: string): string[] {
  const refusals: string[] = [];
  const verdict = judgeVersion(version);
  if (verdict.type === 'refused') refusals.push(`${verdict.reason}; ${verdict.fix}`);
  if (!requireHtlcInterceptor) {
    refusals.push(
      `LND gives held HTLCs up when Manifold is away; put ${CONF_LINES.requireInterceptor} into lnd.conf and restart LND`,
    );
  }
  if (!storeFinalHtlcResolutions) {
    refusals.push(`LND forgets how HTLCs ended; put ${CONF_LINES.storeFinals} into lnd.conf and restart LND`);
  }
  return refusals;
}
