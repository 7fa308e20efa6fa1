/** Looks a configured node over: its files, then the node itself. For `manifold init` and `manifold doctor`. */
import type { LndReport } from '../node/lnd/check.js';
import type { LndFinding } from '../node/lnd/finding.js';
import type { LndPurpose } from '../node/lnd/permissions.js';
import type { Network } from '../receive/node-port.js';
import type { Millis } from '../wire/units.js';
import type { LndNodeConfig } from './config/schema.js';
import { lndEndpoint, NodeFileError } from './lnd-files.js';

export type Finding = LndFinding;

export interface CheckContext {
  /** Undefined: any. */
  readonly network: Network | undefined;
  readonly now: Millis;
}

/** What the macaroon of this node has to allow. */
export function purposesOf({
  send,
  force_close,
  register_preimages,
}: Pick<LndNodeConfig, 'send' | 'force_close' | 'register_preimages'>): readonly LndPurpose[] {
  return [
    'receive',
    ...(send === true ? ['send' as const] : []),
    ...(register_preimages ? ['register-preimages' as const] : []),
    ...(force_close ? ['force-close' as const] : []),
  ];
}

/** Without a word in the configuration a node pays if its macaroon allows it, and only then. */
export async function mayPay(
  { send }: Pick<LndNodeConfig, 'send'>,
  macaroon: Uint8Array | undefined,
): Promise<boolean> {
  if (send !== undefined || macaroon === undefined) return send ?? true;
  const [{ grantsOf, isGranted }, { permissionsFor }] = await Promise.all([
    import('../node/lnd/macaroon.js'),
    import('../node/lnd/permissions.js'),
  ]);
  const grants = grantsOf(macaroon);
  return !grants || permissionsFor(['send']).every((one) => isGranted(grants, one));
}

/** The commands, to be run where LND runs, that make macaroons with the least rights; `what` says for which use. */
export async function macaroonLines(): Promise<readonly { readonly what: string; readonly line: string }[]> {
  const { bakeLine } = await import('../node/lnd/permissions.js');
  return [
    { what: 'receive only (register_preimages = false)', line: bakeLine(['receive']) },
    { what: 'receive and send (register_preimages = false)', line: bakeLine(['receive', 'send']) },
    {
      what: 'receive and send, and let LND claim on chain by itself (to receive and pay)',
      line: bakeLine(['receive', 'send', 'register-preimages']),
    },
    {
      what: 'receive, and let LND claim on chain by itself (the default)',
      line: bakeLine(['receive', 'register-preimages']),
    },
    {
      what: 'the same, and close a channel to save a payment (force_close = true)',
      line: bakeLine(['receive', 'register-preimages', 'force-close']),
    },
    {
      what: 'receive and pay, invoices and offers, and serve wallets that sleep ([offline] enabled = true)',
      line: bakeLine(['receive', 'send', 'register-preimages', 'messages', 'open-messages', 'wallets']),
    },
  ];
}

/** Changes nothing at the node. Never rejects because of what it finds. */
export async function checkLndNode(node: LndNodeConfig, { network, now }: CheckContext): Promise<LndReport> {
  const [{ inspectLnd }, { bakeLine }] = await Promise.all([
    import('../node/lnd/check.js'),
    import('../node/lnd/permissions.js'),
  ]);
  const purposes = purposesOf(node);
  const findings: Finding[] = [];
  try {
    const endpoint = await lndEndpoint(node, (message) => {
      findings.push({ level: 'warn', what: 'macaroon file', detail: message });
    });
    const report = await inspectLnd(endpoint, {
      purposes: purposesOf({ ...node, send: await mayPay(node, endpoint.macaroon) }),
      now,
      ...(network !== undefined && { network }),
      ...(node.node_id !== undefined && { nodeId: node.node_id }),
    });
    return { ...report, findings: [...findings, ...report.findings] };
  } catch (error) {
    if (!(error instanceof NodeFileError)) throw error;
    const isMacaroon = error.path === node.macaroon && error.code !== 'node_file_unreadable';
    const fix = isMacaroon ? { fix: bakeLine(purposes) } : {};
    return { findings: [...findings, { level: 'fail', what: 'files', detail: error.message, ...fix }] };
  }
}
