/** Looks an LND over before Manifold is trusted with it: what is in order, what is not, and the words that put it right. */
import type { Network, NodeInfo } from '../../receive/node-port.js';
import { toHex } from '../../wire/bytes.js';
import type { Millis } from '../../wire/units.js';
import { channelFindings } from './check-channels.js';
import { LndClient, type LndEndpoint } from './client.js';
import { messageFindings } from './check-messages.js';
import { LndError } from './errors.js';
import type { LndFinding } from './finding.js';
import { assertStarted, CONF_LINES, nodeInfoOf } from './info.js';
import { grantedPurposes, grantsOf, isGranted } from './macaroon.js';
import { bakeLine, type LndPurpose, permissionsFor } from './permissions.js';
import { getInfo, type GetInfoResponse } from './rpc/node.js';
import { probeTls, type TlsProbe } from './tls-probe.js';
import { judgeVersion } from './versions.js';

export interface LndReport {
  readonly findings: readonly LndFinding[];
  /** Absent where LND did not tell. */
  readonly node?: NodeInfo;
}

export interface LndExpectations {
  readonly network?: Network;
  /** Hex. */
  readonly nodeId?: string;
  readonly purposes: readonly LndPurpose[];
  readonly now: Millis;
}

const DAY: Millis = 24 * 3600 * 1000;
const SOON: Millis = 30 * DAY;
const HOUR: Millis = 3600 * 1000;
const MINUTE: Millis = 60_000;
/** What LND needs besides, so that another process can take over a node within seconds. */
const KEEPALIVE_LINES = 'grpc.server-ping-time=10s\ngrpc.server-ping-timeout=5s';

/**
 * Changes nothing at the node and does not touch its interceptor. Never rejects: what cannot be looked at is a finding, and
 * what depends on it is left out.
 */
export async function inspectLnd(endpoint: LndEndpoint, expected: LndExpectations): Promise<LndReport> {
  const findings = [tlsFinding(endpoint, await probeTls(endpoint), expected.now)];
  if (findings[0]!.level === 'fail') return { findings };
  const client = new LndClient(endpoint);
  try {
    const node = await inspectConnected(client, endpoint, expected, findings);
    return { findings, ...(node && { node }) };
  } finally {
    client.close();
  }
}

function tlsFinding({ address }: LndEndpoint, probe: TlsProbe, now: Millis): LndFinding {
  const what = 'connection';
  switch (probe.type) {
    case 'unreachable':
      return {
        level: 'fail',
        what,
        detail: `nobody answers at ${address}: ${probe.detail}`,
        fix: 'check address and port, that LND runs, and that its lnd.conf has rpclisten=0.0.0.0:10009 if it is on another machine',
      };
    case 'not-lnd':
      return {
        level: 'fail',
        what,
        detail: `what answers at ${address} is no gRPC listener: ${probe.detail}`,
        fix: "give the address of LND's gRPC listener (rpclisten, 10009 by default), neither REST nor p2p",
      };
    case 'untrusted':
      return { level: 'fail', what: 'certificate', ...untrusted(address, probe) };
    case 'trusted':
      return validity(probe.validUntil, now);
  }
}

function untrusted(
  address: string,
  { why, detail }: Extract<TlsProbe, { type: 'untrusted' }>,
): { readonly detail: string; readonly fix: string } {
  switch (why) {
    case 'expired':
      return {
        detail: `the certificate of LND at ${address} has expired`,
        fix: 'delete tls.cert and tls.key beside lnd.conf, restart LND, and copy the new tls.cert (tlsautorefresh=true does it in time)',
      };
    case 'other-name':
      return {
        detail: `the certificate of LND at ${address} is for another name: ${detail}`,
        fix: 'set tls_server_name to a name in the certificate, or put tlsextradomain=… or tlsextraip=… into lnd.conf, delete tls.cert and tls.key, restart LND and copy the new tls.cert',
      };
    case 'bad-file':
      return {
        detail: `the certificate given for LND at ${address} is no PEM certificate: ${detail}`,
        fix: "give the path of a copy of LND's tls.cert; it is beside lnd.conf",
      };
    case 'unknown':
      return {
        detail: `the certificate of LND at ${address} is not the one given: ${detail}`,
        fix: "copy LND's tls.cert again; it is beside lnd.conf",
      };
  }
}

function validity(validUntil: Millis, now: Millis): LndFinding {
  const what = 'certificate';
  const days = Math.floor((validUntil - now) / DAY);
  if (validUntil - now < SOON) {
    return {
      level: 'warn',
      what,
      detail: `the certificate expires in ${days} days; then the node cannot be reached any more`,
      fix: 'put tlsautorefresh=true into lnd.conf, restart LND, and copy the new tls.cert',
    };
  }
  return { level: 'ok', what, detail: `connected; the certificate is good for ${days} more days` };
}

async function inspectConnected(
  client: LndClient,
  endpoint: LndEndpoint,
  expected: LndExpectations,
  findings: LndFinding[],
): Promise<NodeInfo | undefined> {
  try {
    await assertStarted(client);
    const info = await client.call(getInfo, {});
    const purposes = [...new Set([...expected.purposes, ...(grantedPurposes(endpoint.macaroon) ?? [])])];
    const node = nodeInfoOf(info, info.version, endpoint.address);
    findings.push(
      { level: 'ok', what: 'macaroon', detail: 'LND accepts it' },
      ...permissionFindings(endpoint.macaroon, purposes),
      ...identityFindings(node, expected),
      versionFinding(node.version),
      ...settingFindings(info),
      ...chainFindings(info, expected.now),
    );
    findings.push(...messageFindings(info, purposes));
    findings.push(...(await channelFindings(client, node, expected.purposes.includes('send'))));
    return node;
  } catch (error) {
    findings.push(failureFinding(error, expected.purposes));
    return undefined;
  }
}

function failureFinding(error: unknown, purposes: readonly LndPurpose[]): LndFinding {
  const detail = error instanceof Error ? error.message : String(error);
  const kind = error instanceof LndError ? error.kind : undefined;
  if (kind === 'denied') {
    return { level: 'fail', what: 'macaroon', detail, fix: bakeLine(purposes) };
  }
  return { level: 'fail', what: kind === 'not-ready' ? 'wallet' : 'node', detail };
}

function permissionFindings(macaroon: Uint8Array | undefined, purposes: readonly LndPurpose[]): LndFinding[] {
  const what = 'permissions';
  const grants = macaroon && grantsOf(macaroon);
  if (!grants) {
    const detail = 'what the macaroon grants cannot be read from it; a missing permission will show in use';
    return [{ level: 'warn', what, detail, fix: bakeLine(purposes) }];
  }
  const needed = permissionsFor(purposes);
  const missing = needed.filter((one) => !isGranted(grants, one));
  if (missing.length > 0) {
    const detail = `the macaroon does not grant ${missing.map(({ uri }) => uri).join(', ')}`;
    return [{ level: 'fail', what, detail, fix: bakeLine(purposes) }];
  }
  const names = new Set(needed.map(({ uri }) => `uri:${uri}`));
  const more = [...grants].filter((one) => !names.has(one));
  if (more.length > 0) {
    const detail = 'the macaroon grants more than Manifold uses';
    return [{ level: 'warn', what, detail, fix: bakeLine(purposes) }];
  }
  return [{ level: 'ok', what, detail: 'the macaroon grants what is needed and no more' }];
}

function identityFindings(node: NodeInfo, { network, nodeId }: LndExpectations): LndFinding[] {
  const findings: LndFinding[] = [];
  if (network !== undefined && node.network !== network) {
    findings.push({
      level: 'fail',
      what: 'network',
      detail: `LND is on ${node.network}, the cluster on ${network}`,
      fix: 'correct the address of the node or the network of the cluster',
    });
  }
  const found = toHex(node.nodeId);
  if (nodeId !== undefined && nodeId.toLowerCase() !== found) {
    findings.push({
      level: 'fail',
      what: 'node id',
      detail: `this is node ${found}, not ${nodeId}`,
      fix: 'correct the address, or the node_id of this node in the configuration',
    });
  }
  if (findings.length === 0) {
    findings.push({ level: 'ok', what: 'node', detail: `${node.alias || 'no alias'} ${found} on ${node.network}` });
  }
  return findings;
}

function versionFinding(text: string): LndFinding {
  const what = 'version';
  const verdict = judgeVersion(text);
  if (verdict.type === 'good') return { level: 'ok', what, detail: `LND ${text}` };
  return { level: verdict.type === 'old' ? 'warn' : 'fail', what, detail: verdict.reason, fix: verdict.fix };
}

function settingFindings({ requireHtlcInterceptor, storeFinalHtlcResolutions }: GetInfoResponse): LndFinding[] {
  const what = 'lnd.conf';
  const wrong: LndFinding[] = [];
  const restart = (line: string): string =>
    `put this line into lnd.conf, section [Application Options], and restart LND:\n${line}`;
  if (!requireHtlcInterceptor) {
    wrong.push({
      level: 'fail',
      what,
      detail: 'held HTLCs are given up whenever Manifold is away, in the middle of a payment too',
      fix: restart(CONF_LINES.requireInterceptor),
    });
  }
  if (!storeFinalHtlcResolutions) {
    wrong.push({
      level: 'fail',
      what,
      detail: 'how an HTLC ended cannot be found out if it ended while Manifold was away',
      fix: restart(CONF_LINES.storeFinals),
    });
  }
  if (wrong.length > 0) return wrong;
  return [
    {
      level: 'ok',
      what,
      detail:
        'interceptor required, ends of HTLCs stored. LND serves one interceptor only (tapd and circuitbreaker want it as well), and by default it takes 80 s to notice that one is dead; these lines make it 15 s',
      fix: KEEPALIVE_LINES,
    },
  ];
}

/**
 * LND calls itself synced while its newest block is less than two hours old by its own clock, and no block is dated more
 * than two hours ahead: a clock here that sees it otherwise is wrong, or LND's is.
 */
function chainFindings(
  { syncedToChain, bestHeaderTimestamp, blockHeight }: GetInfoResponse,
  now: Millis,
): LndFinding[] {
  const findings: LndFinding[] = [
    syncedToChain
      ? { level: 'ok', what: 'chain', detail: `synced at height ${blockHeight}` }
      : {
          level: 'fail',
          what: 'chain',
          detail: `LND is not synced to the chain yet, at height ${blockHeight}`,
          fix: 'wait, or look after its chain backend',
        },
  ];
  const age = now - Number(bestHeaderTimestamp) * 1000;
  if (bestHeaderTimestamp > 0n && (age < -2 * HOUR || (syncedToChain && age > 2 * HOUR + 10 * MINUTE))) {
    findings.push({
      level: 'warn',
      what: 'clock',
      detail: `by the clock of this machine the newest block is ${Math.round(age / MINUTE)} minutes old, which LND's clock contradicts`,
      fix: 'set the clocks of both machines by NTP: timedatectl set-ntp true',
    });
  }
  return findings;
}
