/** What differs between releases of LND, as far as a client of the interceptor can see it. */
import type { HeldSetModel } from '../../src/node/sim/interceptor.js';

export interface ReleasedBehaviour {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** `beta` of `0.21.2-beta`. */
  readonly preRelease: string;
  readonly heldSet: HeldSetModel;
  /** Deadline of an on-chain offer on the wire: its expiry, or 0 in old releases. */
  readonly onChainDeadline: 'expiry' | 'zero';
  /** Commitment updates are told as channel events. */
  readonly channelUpdates: boolean;
}

/** @throws {RangeError} if the text is no version */
export function behaviourOf(version: string): ReleasedBehaviour {
  const match = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?$/.exec(version);
  if (!match) throw new RangeError(`${version} is no version of LND; write for example 0.21.2-beta`);
  const [major, minor, patch] = [Number(match[1]), Number(match[2]), Number(match[3])];
  // The held set was rewritten in 0.20.2 and 0.21.1.
  const rewritten = major > 0 || minor > 21 || (minor === 21 && patch >= 1) || (minor === 20 && patch >= 2);
  return {
    major,
    minor,
    patch,
    preRelease: match[4] ?? '',
    heldSet: rewritten ? 'lnd' : 'lnd-before-0.20.2',
    onChainDeadline: rewritten ? 'expiry' : 'zero',
    channelUpdates: major > 0 || minor >= 21,
  };
}
