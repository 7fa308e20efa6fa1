/** What a part's failure says, in words: by the failure table's names and the nodes and channels of the route. */
import type { FailureFields } from '../../onion/index.js';
import type { NodeId } from '../../wire/units.js';
import { type PartFailure, sane } from '../payment/failure/reported.js';
import { rowOf } from '../payment/failure/table.js';
import type { PaymentPart } from '../payment/payment.js';
import type { RouteHop } from '../plan/request.js';
import { satWords } from '../words.js';
import { called, channelWords, type Names } from './words.js';

export interface ExplainedFailure {
  /** A name of the failure table, `unreadable`, `local` or `never_sent`. */
  readonly code: string;
  readonly words: string;
  /** 0 = the own node, i = the node at the end of channel i; absent if nobody can be named. */
  readonly position?: number;
}

export function explainFailure(part: PaymentPart, failure: PartFailure, names: Names): ExplainedFailure {
  if (failure.kind === 'never_sent') return { code: 'never_sent', words: 'it was never sent' };
  const believed = sane(failure, part.hops);
  if (believed.kind === 'local') {
    const first = channelWords(part.hops[0]!.scid);
    return { code: 'local', position: 0, words: localWords(believed.reason, called(part.source, names), first) };
  }
  if (believed.kind === 'unreadable') {
    const { brokenAt } = believed;
    const where =
      brokenAt === undefined ? 'nobody can tell which node sent it' : `it was changed near node ${brokenAt} of the way`;
    return { code: 'unreadable', words: `the answer cannot be read: ${where}` };
  }
  const { code, reporter, fields = {} } = believed;
  const { name, along } = rowOf(code);
  const isFinal = reporter === part.hops.length;
  if (isFinal) {
    const payee = called(part.hops.at(-1)!.nodeId, names);
    return { code: name, position: reporter, words: finalWords(name, payee, fields) };
  }
  const from: NodeId = reporter === 0 ? part.source : part.hops[reporter - 1]!.nodeId;
  const node = reporter === 0 ? `own node ${called(from, names)}` : `node ${called(from, names)}`;
  const next = part.hops[reporter]!;
  if (next.blindedPath) return { code: name, position: reporter, words: pathWords(name, node, next) };
  const words =
    along === 'prohibited'
      ? `${node} answers ${name}, which only a payee may say: it is not believed`
      : alongWords(name, node, next, names);
  return { code: name, position: reporter, words };
}

function localWords(reason: string, node: string, channel: string): string {
  switch (reason) {
    case 'channel_busy':
      return `own node ${node} did not send it: its channel ${channel} is busy`;
    case 'balance':
      return `own node ${node} did not send it: its channel ${channel} does not hold enough now`;
    case 'peer_gone':
      return `own node ${node} did not send it: the peer of its channel ${channel} is not connected`;
    default:
      return `own node ${node} refuses to send it over channel ${channel}`;
  }
}

function alongWords(name: string, node: string, hop: RouteHop, names: Names): string {
  const channel = `its channel ${channelWords(hop.scid)}`;
  const next = called(hop.nodeId, names);
  switch (name) {
    case 'temporary_channel_failure':
      return `${node} says that ${channel} to ${next} cannot carry ${satWords(hop.amountMsat)} now`;
    case 'permanent_channel_failure':
      return `${node} says that ${channel} to ${next} is gone for good`;
    case 'required_channel_feature_missing':
      return `${node} says that ${channel} to ${next} needs a feature that the payment lacks`;
    case 'unknown_next_peer':
      return `${node} says that it is not connected to ${next}`;
    case 'amount_below_minimum':
      return `${node} says that ${satWords(hop.amountMsat)} is below the least amount of ${channel}`;
    case 'fee_insufficient':
      return `${node} asks for a higher fee over ${channel} to ${next}`;
    case 'incorrect_cltv_expiry':
      return `${node} says that the expiry does not fit the terms of ${channel}`;
    case 'channel_disabled':
      return `${node} says that ${channel} to ${next} is switched off`;
    case 'expiry_too_soon':
      return `${node} says that the payment expires too soon: its chain may be ahead, or somebody before it delayed`;
    case 'expiry_too_far':
      return `${node} says that the payment would be locked for too long`;
    case 'temporary_node_failure':
      return `${node} has trouble at the moment`;
    case 'permanent_node_failure':
      return `${node} does not forward payments`;
    case 'invalid_onion_version':
    case 'invalid_onion_hmac':
    case 'invalid_onion_key':
      return `${node} reports that ${next} could not read what it got (${name})`;
    default:
      return `${node} answers ${name}`;
  }
}

/** The first node of a path speaks for all behind it. */
function pathWords(name: string, node: string, { scid, amountMsat }: RouteHop): string {
  const path = channelWords(scid);
  if (name === 'invalid_onion_blinding') {
    return `${satWords(amountMsat)} came back over ${path}, which starts at ${node}: nobody can tell why, the payee may be offline or not want it`;
  }
  return `${node}, where ${path} starts, answers ${name}: the path is left out`;
}

function finalWords(name: string, payee: string, { height }: FailureFields): string {
  switch (name) {
    case 'incorrect_or_unknown_payment_details': {
      const at = height === undefined ? '' : ` (at its block ${height})`;
      return `the payee ${payee} does not want the payment${at}: paid already, expired, or unknown to it`;
    }
    case 'mpp_timeout':
      return `the payee ${payee} had this part and gave up waiting for the others`;
    case 'temporary_node_failure':
      return `the payee ${payee} has trouble at the moment`;
    case 'final_incorrect_htlc_amount':
    case 'final_incorrect_cltv_expiry':
      return `the payee ${payee} got something else than was sent (${name}): the node before it may have changed it`;
    case 'expiry_too_soon':
    case 'final_expiry_too_soon':
      return `the payee ${payee} finds the expiry too soon`;
    default:
      return `the payee ${payee} answers ${name}`;
  }
}
