/** A payee that is a direct peer of an own node is paid over their channel, without fee or search, if it holds enough. */
import { compareBytes, equalBytes } from '../../../wire/bytes.js';
import type { Plan, PlanRequest, Source, SourceChannel } from '../../plan/request.js';
import type { Modifier } from '../stages.js';

export const directPay: Modifier = {
  name: 'direct-pay',
  plan(request, next) {
    if (request.payee.isBlinded === true) return next(request);
    for (const source of request.sources) {
      const channel = source.channels.find((each) => canCarry(each, source, request));
      if (channel) return directPlan(source, channel, request);
    }
    return next(request);
  },
};

const directionOf = (source: Source, channel: SourceChannel): 0 | 1 =>
  compareBytes(source.nodeId, channel.peer) < 0 ? 0 : 1;

function canCarry(
  channel: SourceChannel,
  source: Source,
  { payee, amountMsat, memory, knowledge, now, maxBlocks }: PlanRequest,
) {
  const direction = directionOf(source, channel);
  const { scid } = channel;
  const isResting = knowledge
    .avoidedChannels()
    .some(({ what, until }) => what.scid === scid && what.direction === direction && until > now);
  return (
    equalBytes(channel.peer, payee.nodeId) &&
    channel.slots > 0 &&
    channel.spendableMsat >= amountMsat &&
    (channel.htlcMinimumMsat ?? 0n) <= amountMsat &&
    (channel.htlcMaximumMsat ?? amountMsat) >= amountMsat &&
    payee.finalCltvDelta <= maxBlocks &&
    !isResting &&
    memory?.isExcluded({ scid, direction }) !== true
  );
}

function directPlan(source: Source, channel: SourceChannel, { amountMsat, payee, height }: PlanRequest): Plan {
  const hop = {
    kind: 'own' as const,
    scid: channel.scid,
    direction: directionOf(source, channel),
    nodeId: channel.peer,
    amountMsat,
    expiry: height + payee.finalCltvDelta,
  };
  const part = { source: source.nodeId, amountMsat, feeMsat: 0n, hops: [hop], successProbability: 1 };
  return { kind: 'plan', parts: [part], feeMsat: 0n, successProbability: 1, cost: 0 };
}
