/** What happens to a LightningRod request at the LSP: one step for each event. */
import { rodIdOf } from '../../messages/index.js';
import { equalBytes } from '../../wire/bytes.js';
import type { Millis } from '../../wire/units.js';
import type { RodCommand, RodEvent, RodRequest, RodState, RodStep } from './types.js';

/** A request without HTLCs is forgotten after this time. */
export const ROD_WAIT_MS: Millis = 600_000;

type NewRodRequest = Pick<
  RodRequest,
  'rodId' | 'client' | 'hashes' | 'totalMsat' | 'partCount' | 'holdUntil' | 'notify' | 'createdAt'
>;

export const newRodRequest = (given: NewRodRequest): RodRequest => ({
  ...given,
  state: 'waiting',
  parts: [],
  isUnblocked: false,
});

/** The next state of a request and what is to be done. The state is written before a command is carried out. */
export function stepRod(request: RodRequest, event: RodEvent, now: Millis): RodStep {
  switch (event.kind) {
    case 'part':
      return addPart(request, event);
    case 'unblock':
      return unblock(request, event);
    case 'asked':
      return letGo(request);
    case 'cancel':
      return cancel(request, event.pid, now);
    case 'ended':
      return partEnded(request, event, now);
    case 'tick':
      return tick(request, event.height, now);
  }
}

const unchanged = (request: RodRequest, ...commands: readonly RodCommand[]): RodStep => ({ request, commands });

export const isRodOver = ({ state }: RodRequest): boolean =>
  state === 'settled' || state === 'failed' || state === 'expired';

const idsOf = ({ parts }: RodRequest): readonly Uint8Array[] => parts.map(({ holdId }) => holdId);

/** All parts are here: as many as were announced, or all the money in fewer. */
function isComplete({ parts, partCount, totalMsat }: RodRequest): boolean {
  const sumMsat = parts.reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
  return sumMsat >= totalMsat || (partCount > 0 && parts.length >= partCount);
}

function addPart(request: RodRequest, { holdId, amountMsat }: Extract<RodEvent, { kind: 'part' }>): RodStep {
  const isKnown = request.parts.some((part) => equalBytes(part.holdId, holdId));
  if (isKnown) return request.state === 'released' ? unchanged(request, releaseOf([holdId])) : unchanged(request);
  const hasRoom = request.partCount === 0 || request.parts.length < request.partCount;
  const isAwaited = request.state === 'waiting' || (!isRodOver(request) && hasRoom);
  // What comes behind the end of its payment, or is one too many, would be held for nobody.
  if (!isAwaited) return unchanged(request, { kind: 'cancel', holdIds: [holdId] });
  const next: RodRequest = { ...request, parts: [...request.parts, { holdId, amountMsat }] };
  // Fees that the parts bring along may have made the sum look full before the last one came.
  if (next.state === 'released') return unchanged(next, releaseOf([holdId]));
  if (next.state === 'held' || !isComplete(next)) return unchanged(next);
  return next.isUnblocked ? release(next) : moved(next, 'held');
}

const releaseOf = (holdIds: readonly Uint8Array[]): RodCommand => ({ kind: 'release', holdIds });

const moved = (request: RodRequest, state: RodState, ...commands: readonly RodCommand[]): RodStep =>
  unchanged({ ...request, state }, ...commands, { kind: 'status', state });

const release = (request: RodRequest): RodStep => moved(request, 'released', releaseOf(idsOf(request)));

function unblock(request: RodRequest, { pid, paymentHash }: Extract<RodEvent, { kind: 'unblock' }>): RodStep {
  if (!knowsSecret(request, pid)) return unchanged(request);
  // A request that names no hashes is known by its tag alone.
  const isNamed = request.hashes.length === 0 || request.hashes.some((hash) => equalBytes(hash, paymentHash ?? hash));
  return isNamed ? letGo(request) : unchanged(request);
}

function letGo(request: RodRequest): RodStep {
  switch (request.state) {
    case 'waiting':
      return unchanged({ ...request, isUnblocked: true });
    case 'held':
      return release({ ...request, isUnblocked: true });
    case 'released':
      // The release may have been lost between its commit and its HTLCs.
      return unchanged(request, releaseOf(idsOf(request)));
    case 'settled':
    case 'failed':
    case 'expired':
      return unchanged(request);
  }
}

const knowsSecret = ({ rodId }: RodRequest, pid: Uint8Array): boolean => equalBytes(rodIdOf(pid), rodId);

function cancel(request: RodRequest, pid: Uint8Array, now: Millis): RodStep {
  if (!knowsSecret(request, pid) || isRodOver(request) || request.state === 'released') return unchanged(request);
  const holdIds = idsOf(request);
  return moved({ ...request, endedAt: now }, 'failed', { kind: 'cancel', holdIds });
}

/** Parts of one payment are settled or failed together by their payee; one that ends otherwise is told as a failure. */
function partEnded(request: RodRequest, { holdId, end }: Extract<RodEvent, { kind: 'ended' }>, now: Millis): RodStep {
  if (!request.parts.some((part) => equalBytes(part.holdId, holdId) && part.end !== end)) return unchanged(request);
  const parts = request.parts.map((part) => (equalBytes(part.holdId, holdId) ? { ...part, end } : part));
  const next = { ...request, parts };
  if (isRodOver(request)) return unchanged(next);
  // One part that failed while the others wait: they could never be enough.
  if (end === 'failed' && request.state !== 'released') {
    const holdIds = parts.filter((part) => part.end === undefined).map((part) => part.holdId);
    return moved({ ...next, endedAt: now }, 'failed', { kind: 'cancel', holdIds });
  }
  if (parts.some((part) => part.end === undefined)) return unchanged(next);
  return moved({ ...next, endedAt: now }, parts.every((part) => part.end === 'settled') ? 'settled' : 'failed');
}

function tick(request: RodRequest, height: number, now: Millis): RodStep {
  if (isRodOver(request) || request.state === 'released') return unchanged(request);
  const isForgotten = request.parts.length === 0 && now >= request.createdAt + ROD_WAIT_MS;
  if (!isForgotten && height < request.holdUntil) return unchanged(request);
  return moved({ ...request, endedAt: now }, 'expired', { kind: 'cancel', holdIds: idsOf(request) });
}
