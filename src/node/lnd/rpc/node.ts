/** LND's services about the node itself, what of them we use: state, version, info, blocks. */
import { bool, bytes, field, int32, int64, map, message, type Of, repeated, string, uint32 } from './codec.js';
import { serverStream, unary } from './method.js';

const empty = message({});

/** `lnrpc.State`, which needs no macaroon. */
export const WalletState = {
  nonExisting: 0,
  locked: 1,
  unlocked: 2,
  rpcActive: 3,
  serverActive: 4,
  waitingToStart: 255,
} as const;

export const getState = unary('/lnrpc.State/GetState', empty, message({ state: field(1, int32) }));

const version = message({
  commit: field(1, string),
  version: field(3, string),
  appMajor: field(4, uint32),
  appMinor: field(5, uint32),
  appPatch: field(6, uint32),
  appPreRelease: field(7, string),
});
export type Version = Of<typeof version>;
export const getVersion = unary('/verrpc.Versioner/GetVersion', empty, version);

const getInfoResponse = message({
  identityPubkey: field(1, string),
  alias: field(2, string),
  blockHeight: field(6, uint32),
  syncedToChain: field(9, bool),
  /** Seconds since 1970. */
  bestHeaderTimestamp: field(13, int64),
  version: field(14, string),
  chains: repeated(16, message({ network: field(2, string) })),
  /** By bit; what the entries say besides is not read. */
  features: map(19, uint32, bytes),
  requireHtlcInterceptor: field(21, bool),
  storeFinalHtlcResolutions: field(22, bool),
});
export type GetInfoResponse = Of<typeof getInfoResponse>;
export const getInfo = unary('/lnrpc.Lightning/GetInfo', empty, getInfoResponse);

const blockEpoch = message({ hash: field(1, bytes), height: field(2, uint32) });
export type BlockEpoch = Of<typeof blockEpoch>;
/** The first answer is the block of now. */
export const registerBlockEpochNtfn = serverStream(
  '/chainrpc.ChainNotifier/RegisterBlockEpochNtfn',
  blockEpoch,
  blockEpoch,
);
