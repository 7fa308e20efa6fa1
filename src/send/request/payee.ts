/** Checks of who is to be paid. */
import { ec } from '../../crypto/index.js';
import { equalBytes, fromHex, isHexOf } from '../../wire/bytes.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { NodeId } from '../../wire/units.js';
import type { BadOrder, OrderContext } from './order.js';

/** Reads 66 hex characters, or takes the 33 bytes. */
export function destinationOf(destination: NodeId | string): Result<NodeId, BadOrder> {
  const isText = typeof destination === 'string';
  const bytes = isText
    ? isHexOf(destination.toLowerCase(), 33)
      ? fromHex(destination.toLowerCase())
      : undefined
    : destination;
  if (bytes && ec.isPoint(bytes)) return ok(bytes);
  const message = 'the destination is no node id: give the 66 hex characters of a public key';
  return err({ code: 'bad_destination', message, field: 'destination' });
}

/**
 * Own nodes pay one another, so an own node is refused as payee only where no other one could pay it. The runner leaves the
 * payee out of the nodes that send.
 */
export function checkNotOurselves(payee: NodeId, context: OrderContext, field: string): Result<NodeId, BadOrder> {
  const { ownNodeIds } = context;
  if (context.isOwnPhantom?.(payee) === true) return ok(payee);
  const isOwn = ownNodeIds.some((id) => equalBytes(id, payee));
  if (!isOwn || ownNodeIds.length > 1) return ok(payee);
  const message = 'the payee is the only own node: there is nobody to pay it, add another node or choose another payee';
  return err({ code: 'to_ourselves', message, field });
}
