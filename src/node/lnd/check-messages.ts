/** Whether an LND carries onion messages for Manifold, in words. */
import type { LndFinding } from './finding.js';
import { bakeLine, type LndPurpose } from './permissions.js';
import type { GetInfoResponse } from './rpc/node.js';
import { onionMessageProblem } from './versions.js';

/** BOLT 9, `option_onion_messages`. */
const ONION_MESSAGES = [38, 39] as const;
const RELAY_ALL = 'protocol.onion-msg-relay-all=true';

/** @param purposes what the macaroon is for; nothing is said to an operator who did not bake it for messages */
export function messageFindings(
  { version, features }: Pick<GetInfoResponse, 'version' | 'features'>,
  purposes: readonly LndPurpose[],
): readonly LndFinding[] {
  if (!purposes.includes('messages')) return [];
  const what = 'onion messages';
  const problem = onionMessageProblem(version);
  if (problem) return [{ level: 'warn', what, detail: `${problem.reason}: no offers at this node`, fix: problem.fix }];
  if (!ONION_MESSAGES.some((bit) => features.has(bit))) {
    const detail = 'LND has them switched off: no offers at this node';
    return [{ level: 'warn', what, detail, fix: 'take protocol.no-onion-messages out of lnd.conf and restart LND' }];
  }
  if (!purposes.includes('open-messages')) {
    const detail =
      'they are heard and sent, but the macaroon does not let Manifold open those that go on to its virtual node: offers and replies need another node';
    const fix = `for them bake a macaroon that allows DeriveSharedKey too; whoever holds it can read what was encrypted for the node:\n${bakeLine([...purposes, 'open-messages'])}`;
    return [{ level: 'warn', what, detail, fix }];
  }
  const detail =
    'heard and sent. LND takes messages only from peers that have a channel with it unless lnd.conf says otherwise, which its interface does not show; payers of offers are strangers mostly, so put this line into section [protocol]';
  return [{ level: 'ok', what, detail, fix: RELAY_ALL }];
}
