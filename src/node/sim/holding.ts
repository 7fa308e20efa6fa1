/**
 * Holding HTLCs for a payee who sleeps (bolts#1149 with LDK's numbers): the offerer asks for it in `update_add_htlc`, and learns in
 * `revoke_and_ack` over which path each HTLC will be released.
 */
import { ec, sha256 } from '../../crypto/index.js';
import {
  decodeReleasePaths,
  encodeReleasePaths,
  HOLD_HTLC_RECORD,
  RELEASE_PATHS_TYPE,
} from '../../messages/hold-records.js';
import type { ReleasePath } from '../../messages/hold-records.js';
import type { BlindedPath } from '../../onion/blinded-path.js';
import type { HtlcKey, InterceptHandlers } from '../../receive/node-port.js';
import { u64 } from '../../wire/integers.js';
import type { UpdateAddHtlc } from '../../wire/message-types.js';
import { decodeMessage, encodeMessage } from '../../wire/messages.js';
import { unwrap } from '../../wire/result.js';
import type { SimHtlc } from './htlc.js';
import type { Side, World } from './types.js';

/**
 * What a node does with an HTLC that it is asked to hold. `returns`: it has `option_htlc_hold` (153) and gives a path of release.
 * `refuses`: it fails the HTLC once that is committed, as LDK does where holding is off. `ignores`: it does not know the record,
 * as LND.
 */
export type HoldSupport = 'returns' | 'refuses' | 'ignores';

export const asksToHold = ({ unknownRecords = [] }: Pick<UpdateAddHtlc, 'unknownRecords'>): boolean =>
  unknownRecords.some(({ type }) => type === HOLD_HTLC_RECORD.type);

/** The paths of one channel, from the question for them until the HTLCs are committed. */
export class Holding {
  readonly #channelId: Uint8Array;
  readonly #paths = new Map<SimHtlc, BlindedPath>();

  constructor(channelId: Uint8Array) {
    this.#channelId = channelId;
  }

  /** Undefined takes back what was known. */
  set(htlc: SimHtlc, path: BlindedPath | undefined): void {
    if (path) this.#paths.set(htlc, path);
    else this.#paths.delete(htlc);
  }

  forget(htlc: SimHtlc): void {
    this.#paths.delete(htlc);
  }

  /** The `revoke_and_ack` towards the offerer on this side; undefined if there is nothing to tell in it. */
  revocation(offerer: Side): Uint8Array | undefined {
    if (this.#paths.size === 0) return undefined;
    const entries = [...this.#paths].filter(([{ from }]) => from === offerer);
    const [last] = entries.at(-1) ?? [];
    if (!last) return undefined;
    const secret = sha256(this.#channelId, u64(last.id));
    const value = encodeReleasePaths(entries.map(([{ id: htlcId }, path]) => ({ htlcId, path })));
    return encodeMessage({
      type: 'revoke_and_ack',
      channelId: this.#channelId,
      perCommitmentSecret: secret,
      nextPerCommitmentPoint: ec.publicKey(sha256(secret)),
      unknownRecords: [{ type: RELEASE_PATHS_TYPE, value }],
    });
  }

  /** The message as it arrives at the offerer: HTLCs that are not committed yet, each with its path. */
  acknowledge(offerer: Side): readonly (readonly [htlc: SimHtlc, path: BlindedPath])[] {
    const bytes = this.revocation(offerer);
    if (!bytes) return [];
    const waiting = [...this.#paths.keys()];
    return readRevocation(bytes).flatMap(({ htlcId, path }) => {
      const htlc = waiting.find(({ from, id }) => from === offerer && id === htlcId);
      if (!htlc) return [];
      htlc.hasReleasePath = true;
      return [[htlc, path] as const];
    });
  }
}

/** @throws {Refusal} if the message is not one of {@link Holding.revocation} */
export function readRevocation(bytes: Uint8Array): readonly ReleasePath[] {
  const message = unwrap(decodeMessage(bytes));
  if (message.type !== 'revoke_and_ack') throw new Error(`revoke_and_ack expected, got ${message.type}`);
  const record = message.unknownRecords?.find(({ type }) => type === RELEASE_PATHS_TYPE);
  return record ? unwrap(decodeReleasePaths(record.value)) : [];
}

/** Whoever intercepts in another process cannot answer in the same turn. */
export interface SimInterceptHandlers extends InterceptHandlers {
  /** Takes the place of `releasePath`. */
  readonly releasePathLater?: (key: HtlcKey) => Promise<BlindedPath | undefined>;
}

/** After so long none is sent. */
const ANSWER_MS = 5_000;

/** @param answer called once, at the latest after five seconds */
export function askForPath(
  { clock }: World,
  handlers: SimInterceptHandlers,
  key: HtlcKey,
  answer: (path: BlindedPath | undefined) => void,
): void {
  clock.stir?.();
  if (!handlers.releasePathLater) {
    answer(askNow(handlers, key));
    return;
  }
  let isOpen = true;
  const give = (path: BlindedPath | undefined): void => {
    if (!isOpen) return;
    isOpen = false;
    cancel();
    answer(path);
  };
  const cancel = clock.after(ANSWER_MS, () => give(undefined));
  handlers.releasePathLater(key).then(give, () => give(undefined));
}

function askNow(handlers: InterceptHandlers, key: HtlcKey): BlindedPath | undefined {
  try {
    return handlers.releasePath?.(key);
  } catch {
    return undefined; // its bug holds up nobody's channel
  }
}
