/** `--lnd name,address=host:port,tls_cert=FILE,macaroon=FILE,…`: an LND node on the command line. */
import { resolve } from 'node:path';
import { nearestWord } from '../daemon/config/nearest.js';
import { nodeSchema } from '../daemon/config/nodes.js';
import type { LndNodeConfig } from '../daemon/config/schema.js';
import { problemOf } from '../daemon/zod-words.js';
import { usageError } from './io.js';

const TEXTS = ['name', 'address', 'tls_cert', 'macaroon', 'tls_server_name', 'node_id'];
const SWITCHES = ['send', 'force_close', 'register_preimages'];

/** @throws {CliError} naming the key; what is refused is not repeated, since it may be a secret */
export function lndOption(text: string): LndNodeConfig {
  const values: Record<string, unknown> = {};
  text.split(',').forEach((part, i) => {
    const at = part.indexOf('=');
    const [key, value] = at < 0 && i === 0 ? ['name', part] : [part.slice(0, at).trim(), part.slice(at + 1)];
    if (at < 0 && i > 0)
      throw usageError(`--lnd: part ${i + 1} is not key=value (keys: ${[...TEXTS, ...SWITCHES].join(', ')})`);
    if (key in values) throw usageError(`--lnd: ${key} is given twice`);
    values[key] = valueOf(key, value.trim());
  });
  return lndNode(values);
}

function valueOf(key: string, value: string): unknown {
  if (TEXTS.includes(key)) return value;
  if (!SWITCHES.includes(key)) {
    const nearest = nearestWord(key, [...TEXTS, ...SWITCHES]);
    throw usageError(
      `--lnd: there is no key ${/^\w{1,32}$/.test(key) ? `"${key}"` : 'like that'}${nearest === undefined ? ` (keys: ${[...TEXTS, ...SWITCHES].join(', ')})` : `; did you mean ${nearest}?`}`,
    );
  }
  if (value !== 'true' && value !== 'false') throw usageError(`--lnd: ${key} is true or false`);
  return value === 'true';
}

/** File names count from where the command runs, and from nowhere else once they are in the configuration. */
export function lndNode(values: Readonly<Record<string, unknown>>): LndNodeConfig {
  const parsed = nodeSchema.safeParse({ ...values, kind: 'lnd' }, { reportInput: true });
  const [issue] = parsed.error?.issues ?? [];
  if (issue) throw usageError(`--lnd: ${issue.path.join('.')} ${problemOf(issue)}`);
  const node = parsed.data as LndNodeConfig;
  return {
    ...node,
    macaroon: resolve(node.macaroon),
    ...(node.tls_cert !== undefined && { tls_cert: resolve(node.tls_cert) }),
  };
}

/** What is wrong with one value of a node; undefined if nothing is. */
export function lndValueProblem(key: string, value: unknown): string | undefined {
  const parsed = nodeSchema.safeParse({ kind: 'lnd', [key]: value }, { reportInput: true });
  const issue = parsed.error?.issues.find(({ path }) => path[0] === key);
  return issue && problemOf(issue);
}
