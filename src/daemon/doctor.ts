/** Looks over everything a daemon depends on, whether it runs or not, and changes nothing. */
import type { SimClock } from '../node/sim/virtual-clock.js';
import { isHexOf, toHex } from '../wire/bytes.js';
import { type Config, type Environment, splitListen } from './config/load.js';
import type { LndNodeConfig, NodeConfig, SeedSource } from './config/schema.js';

import { inspectDatabase } from './database-check.js';
import { checkLndNode, type Finding } from './node-check.js';
import { openNodes } from './nodes.js';
import { openToOthersWarning, readSmallFile } from './small-file.js';
import { VERSION } from './version.js';

export interface Section {
  /** `manifold`, `seed`, `database`, `daemon`, or the name of a node. */
  readonly about: string;
  readonly findings: readonly Finding[];
}

export interface DoctorOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly clock: SimClock;
}

const ANSWER_MS = 5_000;
const NEEDED_NODE = [20, 20] as const;

/** Never rejects because of what it finds. */
export async function examine({ config, env, clock }: DoctorOptions): Promise<readonly Section[]> {
  const daemon = await daemonFindings(config.api.listen);
  const isRunning = daemon.state !== 'absent';
  const [seed, database, ...nodes] = await Promise.all([
    Promise.all([config.cluster, ...config.cluster.retired].map((source) => seedFinding(source, env))),
    inspectDatabase({ url: config.database.url, clock, isDaemonRunning: isRunning }),
    ...config.nodes.map(async (node) => ({ about: node.name, ...(await examineNode(node, config, clock)) })),
  ]);
  return [
    { about: 'manifold', findings: [versionFinding(process.versions.node)] },
    { about: 'seed', findings: seed },
    { about: 'database', findings: database },
    { about: 'daemon', findings: daemon.findings },
    ...nodes.map((node, i) => ({ about: node.about, findings: [...node.findings, ...sameNodeFinding(nodes, i)] })),
  ];
}

interface ExaminedNode {
  readonly about: string;
  readonly findings: readonly Finding[];
  /** Hex; of the node that answers at its address. */
  readonly nodeId?: string;
}

/** One node under two names would be fought over by two members. */
function sameNodeFinding(nodes: readonly ExaminedNode[], index: number): Finding[] {
  const { nodeId } = nodes[index]!;
  const first = nodes.findIndex((other) => nodeId !== undefined && other.nodeId === nodeId);
  if (first === -1 || first === index) return [];
  const detail = `the node at this address is "${nodes[first]!.about}" already`;
  return [{ level: 'fail', what: 'node id', detail, fix: 'remove one of the two [[nodes]]' }];
}

function versionFinding(node: string): Finding {
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const [needed, least] = NEEDED_NODE;
  const isGood = major > needed || (major === needed && minor >= least);
  const detail = `Manifold ${VERSION} on Node.js ${node}`;
  return isGood
    ? { level: 'ok', what: 'version', detail }
    : { level: 'fail', what: 'version', detail, fix: `install Node.js ${needed}.${least} or newer` };
}

/** Whether the seed is there and may be opened; opening it is left to the start. */
async function seedFinding({ seed_file: path, seed_env: name }: SeedSource, env: Environment): Promise<Finding> {
  if (path === undefined) return seedVariableFinding(name!, env[name!]);
  const what = 'seed file';
  try {
    const { content, isOpenToOthers } = await readSmallFile(path, ANY_AGE_FILE);
    if (!content || !new TextDecoder('latin1').decode(content).startsWith('age-encryption.org/v1\n')) {
      const fix = 'bring the seed file back from a copy, or correct seed_file';
      return { level: 'fail', what, detail: `${path} is not an age file`, fix };
    }
    return isOpenToOthers
      ? { level: 'warn', what, detail: openToOthersWarning(path) }
      : { level: 'ok', what, detail: `${path} is there, for its owner only` };
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const detail = isMissing ? `there is no file ${path}` : `${path} cannot be read: ${(error as Error).message}`;
    const fix = isMissing
      ? 'bring the seed file back from a copy, or correct seed_file'
      : 'run this as the user that runs manifold';
    return { level: 'fail', what, detail, fix };
  }
}

const ANY_AGE_FILE = 64 * 1024;

function seedVariableFinding(name: string, text: string | undefined): Finding {
  const what = 'seed variable';
  if (text === undefined) {
    const detail = `${name} is not set here; whatever starts the daemon has to set it`;
    return { level: 'warn', what, detail };
  }
  return isHexOf(text.trim(), 32)
    ? { level: 'ok', what, detail: `${name} holds 64 hex digits` }
    : { level: 'fail', what, detail: `${name} does not hold a seed`, fix: `set ${name} to the seed: 64 hex digits` };
}

interface DaemonState {
  readonly state: 'ready' | 'trouble' | 'absent';
  readonly findings: readonly Finding[];
}

async function daemonFindings(listen: string): Promise<DaemonState> {
  const what = 'api';
  const { host, port } = splitListen(listen);
  const reachable =
    host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host;
  const url = `http://${reachable}:${port}`;
  let response: Response;
  try {
    response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(ANSWER_MS) });
  } catch (error) {
    if ((error as Error).name !== 'TimeoutError')
      return {
        state: 'absent',
        findings: [{ level: 'ok', what, detail: `no daemon runs at ${url}; \`manifold start\` starts one` }],
      };
    const fix = 'look at its log, or restart it';
    return {
      state: 'trouble',
      findings: [{ level: 'fail', what, detail: `the daemon at ${url} does not answer`, fix }],
    };
  }
  const body = (await response.json().catch(() => ({}))) as Record<'status' | 'reasons' | 'code' | 'detail', unknown>;
  if (body.status === 'ready')
    return { state: 'ready', findings: [{ level: 'ok', what, detail: `the daemon at ${url} is ready` }] };
  if (body.code === 'starting') {
    const fix = 'see what is said of the database';
    return {
      state: 'trouble',
      findings: [{ level: 'fail', what, detail: `the daemon at ${url}: ${String(body.detail)}`, fix }],
    };
  }
  if (body.status !== 'not_ready') {
    const fix = 'let it use another port, or change listen in [api]';
    return {
      state: 'absent',
      findings: [{ level: 'fail', what, detail: `something else than Manifold answers at ${url}`, fix }],
    };
  }
  const reasons = Array.isArray(body.reasons) ? body.reasons.map(String) : [];
  const detail = `the daemon at ${url} is not ready: ${reasons.join('; ') || 'it is starting'}`;
  return {
    state: 'trouble',
    findings: [{ level: 'fail', what, detail, fix: 'see what is said below, and `manifold nodes`' }],
  };
}

async function examineNode(
  node: NodeConfig,
  { network }: Config,
  clock: SimClock,
): Promise<Pick<ExaminedNode, 'findings' | 'nodeId'>> {
  if (node.kind === 'sim') return { findings: await simFindings(node, clock) };
  const report = await checkLndNode(node, { network, now: clock.now() });
  return { findings: report.findings, ...(report.node && { nodeId: toHex(report.node.nodeId) }) };
}

async function simFindings(node: Exclude<NodeConfig, LndNodeConfig>, clock: SimClock): Promise<readonly Finding[]> {
  const what = 'simulated';
  if (node.url === undefined) return [{ level: 'ok', what, detail: 'a simulated node inside the daemon' }];
  const opened = await openNodes([node], { clock });
  try {
    const { height } = await opened.nodes[0]!.port.info();
    const { channels } = await opened.senders[0]!.send.balances();
    const sat = channels.reduce((sum, { spendableMsat }) => sum + spendableMsat, 0n) / 1000n;
    return [
      { level: 'ok', what, detail: `a simulated node at ${node.url}, at height ${height}` },
      { level: 'ok', what: 'sending', detail: `about ${sat} sat can be sent` },
    ];
  } catch (error) {
    const fix = 'start the simulated network, or correct url';
    return [{ level: 'fail', what, detail: error instanceof Error ? error.message : String(error), fix }];
  } finally {
    await opened.close();
  }
}
