/** LightningRod requests as they are read from the store. */
import { amount, bytesOf, count, flag, listOf, maybe, number, oneOf, record, type Shape } from '../../wire/shape.js';
import type { RodPart, RodRequest } from './types.js';

export const ROD_STATE_SHAPE: Shape = oneOf('waiting', 'held', 'released', 'settled', 'failed', 'expired');

const PART = record<RodPart>({ holdId: bytesOf(16), amountMsat: amount, end: maybe(oneOf('settled', 'failed')) });

export const ROD_REQUEST_SHAPE: Shape = record<RodRequest>({
  rodId: bytesOf(32),
  client: count,
  hashes: listOf(bytesOf(32)),
  totalMsat: amount,
  partCount: count,
  holdUntil: count,
  notify: flag,
  state: ROD_STATE_SHAPE,
  parts: listOf(PART),
  isUnblocked: flag,
  createdAt: number,
  endedAt: maybe(number),
});
