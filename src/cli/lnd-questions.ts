/** The questions of `manifold init` about LND nodes; each node is looked over at once. */
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import type { LndNodeConfig } from '../daemon/config/schema.js';
import { purposesOf } from '../daemon/node-check.js';
import type { Network } from '../receive/node-port.js';
import { CliError } from './io.js';
import { findingLines, hasFailed } from './findings.js';
import { type CheckedNode, checked } from './lnd-nodes.js';
import { lndNode, lndValueProblem } from './lnd-option.js';
import type { Prompter } from './prompter.js';

const MOST_NODES = 64;

/** An empty list stands for the simulated network. */
export async function askForNodes(prompter: Prompter, network: Network | undefined): Promise<readonly CheckedNode[]> {
  const count = Number(
    await prompter.askValid(
      'How many LND nodes shall the cluster have? 0 makes a simulated network, to try things out',
      '0',
      (text) => (/^\d{1,2}$/.test(text) && Number(text) <= MOST_NODES ? undefined : `a number from 0 to ${MOST_NODES}`),
    ),
  );
  const nodes: CheckedNode[] = [];
  for (let number = 1; number <= count; number++) {
    prompter.say('', `Node ${number} of ${count}`);
    const others = nodes.map(({ node }) => node);
    const found = nodes.find(({ report }) => report.node)?.report.node?.network;
    const node = await askForNode(prompter, { number, others, network: network ?? found });
    if (node) nodes.push(node);
  }
  if (count > 0 && nodes.length === 0)
    throw new CliError('no_nodes', 'no node is left; nothing was written, run this again when one is ready');
  return nodes;
}

interface Place {
  readonly number: number;
  readonly others: readonly LndNodeConfig[];
  readonly network: Network | undefined;
}

/** Undefined if the operator leaves it out. */
async function askForNode(prompter: Prompter, place: Place): Promise<CheckedNode | undefined> {
  let node = await askForValues(prompter, place);
  for (;;) {
    prompter.say('', `Looking at ${node.name} …`);
    const result = await checked(node, place.network);
    prompter.say(...findingLines(result.report.findings), '');
    if (!hasFailed(result.report.findings)) return result;
    const next = await prompter.askValid(
      'Something has to be put right. Look again (l), change the answers (c), take the node as it is (t), leave it out (o)',
      'l',
      (text) => (/^[lcto]$/i.test(text) ? undefined : 'answer l, c, t or o'),
    );
    if (/t/i.test(next)) return result;
    if (/o/i.test(next)) return undefined;
    if (/c/i.test(next)) node = await askForValues(prompter, place, node);
  }
}

async function askForValues(
  prompter: Prompter,
  { number, others }: Place,
  before?: LndNodeConfig,
): Promise<LndNodeConfig> {
  const { bakeLine } = await import('../node/lnd/permissions.js');
  const ask = (key: keyof LndNodeConfig, question: string, fallback?: string): Promise<string> =>
    prompter.askValid(question, fallback, (text) => {
      const twin = key === 'name' || key === 'address' ? others.find((other) => other[key] === text) : undefined;
      return twin ? `another node has this ${key} already` : lndValueProblem(key, text);
    });
  const name = await ask('name', 'Name, as it is to be called here', before?.name ?? freeName(number, others));
  const address = await ask('address', 'Address of its gRPC listener, host:port', before?.address ?? '127.0.0.1:10009');
  const certificate = await ask(
    'tls_cert',
    'Path of a copy of its tls.cert (- if this machine trusts its certificate anyway)',
    before ? (before.tls_cert ?? '-') : '~/.lnd/tls.cert',
  );
  const registerPreimages = await prompter.askYesNo(
    'May it be told preimages, so that it claims on chain by itself if a peer goes away',
    before?.register_preimages ?? true,
  );
  const forceClose = await prompter.askYesNo(
    'May Manifold close a channel when a settled payment would be lost otherwise',
    before?.force_close ?? false,
  );
  const switches = { register_preimages: registerPreimages, force_close: forceClose };
  prompter.say(
    '',
    "The macaroon with no more rights than that is baked on the node's machine by this line; then copy manifold.macaroon here:",
    '',
    bakeLine(purposesOf(switches)),
    '',
  );
  const macaroon = await ask('macaroon', 'Path of the macaroon', before?.macaroon ?? `${name}.macaroon`);
  return lndNode({
    name,
    address,
    ...(certificate !== '-' && { tls_cert: fromHome(certificate) }),
    macaroon: fromHome(macaroon),
    ...switches,
    ...(before?.tls_server_name !== undefined && { tls_server_name: before.tls_server_name }),
  });
}

function freeName(number: number, others: readonly LndNodeConfig[]): string {
  for (let i = number; ; i++) if (!others.some(({ name }) => name === `lnd-${i}`)) return `lnd-${i}`;
}

/** There is no shell that would do it. */
function fromHome(path: string): string {
  return path.startsWith('~/') ? resolve(homedir(), path.slice(2)) : path;
}
