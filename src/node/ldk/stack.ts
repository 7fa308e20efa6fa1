/**
 * The LDK objects that make up one node. LDK holds objects implemented in JavaScript weakly, so all of them stay
 * reachable from the returned record for as long as the node lives.
 */
import type {
  ChannelManager,
  ChannelMonitor,
  KeysManager,
  PhantomKeysManager,
  Router,
  MessageRouter,
  UserConfig,
} from 'lightningdevkit';
import { randomBytes } from '../../crypto/index.js';
import { toHex } from '../../wire/bytes.js';
import { uintOf } from '../../wire/integers.js';
import type { SyntheticChain } from './chain.js';
import { expectOk, type Ldk } from './library.js';
import type { LdkWorld } from './world.js';

/** Everything a node needs to come back after a restart. */
export interface SavedNode {
  readonly manager: Uint8Array;
  /** By funding outpoint in hex. */
  readonly monitors: ReadonlyMap<string, Uint8Array>;
}

export interface StackOptions {
  readonly seed: Uint8Array;
  /** Makes it a member of an LDK phantom cluster. */
  readonly crossNodeSeed?: Uint8Array;
  /** Changes LDK's configuration before the node starts. */
  readonly configure?: (config: UserConfig) => void;
  readonly saved?: SavedNode;
  readonly onLog: (line: string) => void;
}

export type Stack = ReturnType<typeof buildStack>;

export function buildStack(world: LdkWorld, options: StackOptions) {
  const { ldk, chain, graph } = world;
  const monitors = new Map<string, Uint8Array>(options.saved?.monitors);
  const environment = buildEnvironment(ldk, chain, monitors, options.onLog);
  const { logger, feeEstimator, broadcaster, persister } = environment;
  const noFilter = ldk.Option_FilterZ.constructor_none();
  const chainMonitor = ldk.ChainMonitor.constructor_new(noFilter, broadcaster, logger, feeEstimator, persister);
  const keys = buildKeys(ldk, options);
  const entropy = keys.as_EntropySource();
  const nodeSigner = keys.as_NodeSigner();
  const signerProvider = keys.as_SignerProvider();

  const gossip = ldk.P2PGossipSync.constructor_new(graph, ldk.Option_UtxoLookupZ.constructor_none(), logger);
  const decay = ldk.ProbabilisticScoringDecayParameters.constructor_default();
  const scorer = ldk.ProbabilisticScorer.constructor_new(decay, graph, logger);
  const score = ldk.MultiThreadedLockableScore.constructor_new(scorer.as_Score());
  const scoring = ldk.ProbabilisticScoringFeeParameters.constructor_default();
  const router = ldk.DefaultRouter.constructor_new(graph, logger, entropy, score.as_LockableScore(), scoring);
  const messageRouter = ldk.DefaultMessageRouter.constructor_new(graph, entropy);

  const config = buildConfig(ldk);
  options.configure?.(config);
  const parts = { ...environment, monitors, chainMonitor, keys, entropy, nodeSigner, signerProvider, config };
  const routers = { router: router.as_Router(), messageRouter: messageRouter.as_MessageRouter() };
  const manager = options.saved
    ? restoreManager(ldk, parts, routers, options.saved)
    : newManager(ldk, chain, parts, routers);
  return {
    ...parts,
    ...routers,
    gossip,
    scorer,
    score,
    routerOwner: router,
    messageRouterOwner: messageRouter,
    manager,
  };
}

function buildEnvironment(
  ldk: Ldk,
  chain: SyntheticChain,
  monitors: Map<string, Uint8Array>,
  onLog: (line: string) => void,
) {
  const saved = ldk.ChannelMonitorUpdateStatus.LDKChannelMonitorUpdateStatus_Completed;
  const store = (outpoint: Uint8Array, monitor: ChannelMonitor) => {
    monitors.set(toHex(outpoint), monitor.write());
    return saved;
  };
  return {
    feeEstimator: ldk.FeeEstimator.new_impl({ get_est_sat_per_1000_weight: () => 253 }),
    logger: ldk.Logger.new_impl({
      log(record) {
        if (record.get_level() >= ldk.Level.LDKLevel_Debug) onLog(record.get_args());
      },
    }),
    broadcaster: ldk.BroadcasterInterface.new_impl({
      broadcast_transactions: (transactions) => transactions.forEach((transaction) => chain.broadcast(transaction)),
    }),
    persister: ldk.Persist.new_impl({
      persist_new_channel: (outpoint, monitor) => store(outpoint.write(), monitor),
      update_persisted_channel: (outpoint, _update, monitor) => store(outpoint.write(), monitor),
      archive_persisted_channel: () => undefined,
    }),
  };
}

function buildKeys(ldk: Ldk, { seed, crossNodeSeed }: StackOptions): KeysManager | PhantomKeysManager {
  const seconds = BigInt(Math.floor(Date.now() / 1000));
  const nanos = Number(uintOf(randomBytes(4)) % 1_000_000_000n); // LDK: must differ at each start with the same seed
  return crossNodeSeed
    ? ldk.PhantomKeysManager.constructor_new(seed, seconds, nanos, crossNodeSeed)
    : ldk.KeysManager.constructor_new(seed, seconds, nanos);
}

/** One confirmation, private channels that also forward, and no limit on what one channel may have in flight. */
function buildConfig(ldk: Ldk): UserConfig {
  const config = ldk.UserConfig.constructor_default();
  const handshake = config.get_channel_handshake_config();
  handshake.set_minimum_depth(1);
  handshake.set_max_inbound_htlc_value_in_flight_percent_of_channel(100);
  handshake.set_our_max_accepted_htlcs(483);
  config.set_channel_handshake_config(handshake);
  const limits = config.get_channel_handshake_limits();
  limits.set_force_announced_channel_preference(false);
  config.set_channel_handshake_limits(limits);
  config.set_accept_forwards_to_priv_channels(true);
  return config;
}

interface ManagerParts extends ReturnType<typeof buildEnvironment> {
  readonly chainMonitor: ReturnType<Ldk['ChainMonitor']['constructor_new']>;
  readonly entropy: ReturnType<KeysManager['as_EntropySource']>;
  readonly nodeSigner: ReturnType<KeysManager['as_NodeSigner']>;
  readonly signerProvider: ReturnType<KeysManager['as_SignerProvider']>;
  readonly config: UserConfig;
}

interface Routers {
  readonly router: Router;
  readonly messageRouter: MessageRouter;
}

function newManager(ldk: Ldk, chain: SyntheticChain, parts: ManagerParts, routers: Routers): ChannelManager {
  const best = ldk.BestBlock.constructor_new(chain.tip, chain.height);
  return ldk.ChannelManager.constructor_new(
    parts.feeEstimator,
    parts.chainMonitor.as_Watch(),
    parts.broadcaster,
    routers.router,
    routers.messageRouter,
    parts.logger,
    parts.entropy,
    parts.nodeSigner,
    parts.signerProvider,
    parts.config,
    ldk.ChainParameters.constructor_new(ldk.Network.LDKNetwork_Regtest, best),
    chain.time,
  );
}

/** The order is LDK's: monitors, then the manager, then the monitors go to the chain monitor. */
function restoreManager(ldk: Ldk, parts: ManagerParts, routers: Routers, saved: SavedNode): ChannelManager {
  const { entropy, signerProvider } = parts;
  const monitors = [...saved.monitors.values()].map((bytes) =>
    expectOk(
      ldk.UtilMethods.constructor_C2Tuple_ThirtyTwoBytesChannelMonitorZ_read(bytes, entropy, signerProvider),
      ldk.Result_C2Tuple_ThirtyTwoBytesChannelMonitorZDecodeErrorZ_OK,
      'a saved channel monitor',
    ).res.get_b(),
  );
  const restored = expectOk(
    ldk.UtilMethods.constructor_C2Tuple_ThirtyTwoBytesChannelManagerZ_read(
      saved.manager,
      entropy,
      parts.nodeSigner,
      signerProvider,
      parts.feeEstimator,
      parts.chainMonitor.as_Watch(),
      parts.broadcaster,
      routers.router,
      routers.messageRouter,
      parts.logger,
      parts.config,
      monitors,
    ),
    ldk.Result_C2Tuple_ThirtyTwoBytesChannelManagerZDecodeErrorZ_OK,
    'the saved channel manager',
  ).res.get_b();
  for (const monitor of monitors) {
    parts.chainMonitor.as_Watch().watch_channel(monitor.get_funding_txo().get_a(), monitor);
  }
  return restored;
}
