/** Reads the configuration: file, then environment; every mistake is reported at once, with its line. */
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { z } from 'zod';
import { keysAt, problemOf, unwrapped } from '../zod-words.js';
import { KeyLines } from './lines.js';
import { nearestWord } from './nearest.js';
import { kindWithKey, type NodeConfig } from './nodes.js';
import { type ConfigValues, configSchema } from './schema.js';
import { tomlProblem } from './toml-words.js';

export interface Config extends ConfigValues {
  /** Absolute path of the file. */
  readonly path: string;
}

export interface ConfigMistake {
  /** Absent for what came from the environment or is missing as a whole. */
  readonly line?: number;
  readonly message: string;
}

/** All that is wrong with a configuration. Its message has one line per mistake. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly mistakes: readonly ConfigMistake[];
  /** There is no such file. */
  readonly isMissing: boolean;

  constructor(source: string, mistakes: readonly ConfigMistake[], isMissing = false) {
    const lines = mistakes.map(({ line, message }) => `${source}${line === undefined ? '' : `:${line}`}: ${message}`);
    super(lines.join('\n'));
    this.mistakes = mistakes;
    this.isMissing = isMissing;
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** @throws {ConfigError} if the file is missing, cannot be read or says something wrong */
export async function loadConfig(path: string, env: Environment): Promise<Config> {
  const absolute = resolve(path);
  let text: string;
  try {
    text = await readFile(absolute, 'utf8');
  } catch (thrown) {
    const isMissing = (thrown as NodeJS.ErrnoException).code === 'ENOENT';
    const message = isMissing
      ? 'there is no such file; write one with `manifold init`, or name another with --config'
      : `the file cannot be read: ${(thrown as Error).message}`;
    throw new ConfigError(absolute, [{ message }], isMissing);
  }
  return { ...parseConfig(text, absolute, env), path: absolute };
}

/** @throws {ConfigError} */
export function parseConfig(text: string, source: string, env: Environment): ConfigValues {
  const table = parseToml(text, source);
  const lines = new KeyLines(text);
  const { mistakes, overridden } = applyEnvironment(table, env);
  const parsed = configSchema.safeParse(table, { reportInput: true });
  for (const issue of parsed.error?.issues ?? []) mistakes.push(...mistakesOf(issue, lines, overridden));
  if (parsed.success) mistakes.push(...crossChecks(parsed.data, lines));
  if (!parsed.success || mistakes.length > 0) throw new ConfigError(source, inOrder(mistakes));
  return withPaths(parsed.data, dirname(source));
}

function parseToml(text: string, source: string): Record<string, unknown> {
  try {
    return parse(text, { unsafeKeyBehaviour: 'throw', maxDepth: 16 });
  } catch (thrown) {
    if (!(thrown instanceof TomlError)) throw thrown;
    const { line } = thrown;
    throw new ConfigError(source, [{ line, message: tomlProblem(thrown.message, text.split('\n')[line - 1] ?? '') }]);
  }
}

const PREFIX = 'MANIFOLD_';

/** `MANIFOLD_API_LISTEN` stands for `listen` of `[api]`. Tables of arrays have no variables. */
function applyEnvironment(
  table: Record<string, unknown>,
  env: Environment,
): { mistakes: ConfigMistake[]; overridden: Map<string, string> } {
  const overridden = new Map<string, string>();
  const variables = environmentKeys();
  for (const [name, { path, schema }] of variables) {
    const text = env[name];
    if (text === undefined) continue;
    overridden.set(path.join('.'), name);
    const parent = path.length === 1 ? table : ((table[path[0]!] ??= {}) as Record<string, unknown>);
    if (typeof parent === 'object') parent[path.at(-1)!] = valueOf(text, schema);
  }
  const sections = [
    ...new Set([...variables.values()].filter(({ path }) => path.length > 1).map(({ path }) => path[0]!)),
  ];
  const mistakes = Object.keys(env)
    .filter((name) => sections.some((section) => name.startsWith(`${PREFIX}${section.toUpperCase()}_`)))
    .filter((name) => !variables.has(name))
    .map((name) => ({ message: `unknown environment variable ${name}${suggestion(name, [...variables.keys()])}` }));
  return { mistakes, overridden };
}

function environmentKeys(): Map<string, { readonly path: readonly string[]; readonly schema: z.ZodType }> {
  const found = new Map<string, { path: readonly string[]; schema: z.ZodType }>();
  const visit = (path: readonly string[], schema: z.ZodType): void => {
    const inner = unwrapped(schema);
    if (inner instanceof z.ZodObject) {
      for (const [key, member] of Object.entries(inner.shape)) visit([...path, key], member as z.ZodType);
    } else if (!(inner instanceof z.ZodArray)) {
      found.set(PREFIX + path.join('_').toUpperCase(), { path, schema: inner });
    }
  };
  visit([], configSchema);
  return found;
}

/** What does not fit stays text, so that the schema refuses it by name. */
function valueOf(text: string, schema: z.ZodType): unknown {
  if (schema instanceof z.ZodBoolean && /^(true|false)$/.test(text)) return text === 'true';
  if (schema instanceof z.ZodNumber && /^\d{1,15}(\.\d{1,6})?$/.test(text)) return Number(text);
  return text;
}

function suggestion(word: string, words: readonly string[]): string {
  const upper = words.every((one) => one === one.toUpperCase());
  const nearest = nearestWord(word, upper ? words.map((one) => one.toLowerCase()) : words);
  return nearest === undefined ? '' : `; did you mean ${upper ? nearest.toUpperCase() : nearest}?`;
}

function mistakesOf(
  issue: z.core.$ZodIssue,
  lines: KeyLines,
  overridden: ReadonlyMap<string, string>,
): ConfigMistake[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
  if (issue.code === 'unrecognized_keys') {
    const valid = keysAt(configSchema, path, issue.input);
    return issue.keys.map((key) => ({
      ...at(lines.lineOf([...path, key])),
      message: `unknown key ${dotted([...path, key])}${ofOtherKind(path, key) ?? (suggestion(key, valid) || `; valid here: ${valid.join(', ')}`)}`,
    }));
  }
  const variable = overridden.get(path.join('.'));
  const name = variable ?? (path.length === 0 ? 'the configuration' : dotted(path));
  return [
    { ...at(variable ? undefined : lines.lineOf(path)), message: `${name} ${hintAt(path, issue) ?? problemOf(issue)}` },
  ];
}

function ofOtherKind([table]: readonly (string | number)[], key: string): string | undefined {
  const kind = table === 'nodes' ? kindWithKey(key) : undefined;
  return kind && `: only nodes of kind = "${kind}" have it`;
}

/** Some mistakes have an obvious next step. */
function hintAt(path: readonly (string | number)[], issue: z.core.$ZodIssue): string | undefined {
  const [first, ...rest] = path;
  if (first === 'nodes' && rest.length === 0 && (issue.input === undefined || issue.code === 'too_small'))
    return 'is missing: add at least one [[nodes]]';
  if (first === 'network' && issue.input === 'mainnet') return 'must be "bitcoin": the main network is called so here';
  if (first === 'nodes' && rest.length === 0) return 'must be written as [[nodes]], once per node';
  // A schema's own words stand behind `kind`.
  return rest.at(-1) === 'kind' ? issue.message : undefined;
}

type Report = (path: readonly (string | number)[], message: string) => void;

function crossChecks(values: ConfigValues, lines: KeyLines): ConfigMistake[] {
  const mistakes: ConfigMistake[] = [];
  const report: Report = (path, message) => {
    mistakes.push({ ...at(lines.lineOf(path)), message });
  };
  const { host, port } = splitListen(values.api.listen);
  if (port > 65_535) report(['api', 'listen'], `api.listen: there is no port ${port}`);
  if (!values.api.allow_remote && !isLoopbackHost(host)) {
    report(
      ['api', 'listen'],
      `api.listen: ${host} can be reached from other machines and the API is not encrypted; use 127.0.0.1, or put a TLS proxy before it and set api.allow_remote = true`,
    );
  }
  nodeChecks(values, report);
  const epochs = [values.cluster.epoch, ...values.cluster.retired.map(({ epoch }) => epoch)];
  epochs.forEach((epoch, i) => {
    if (epochs.indexOf(epoch) < i)
      report(
        ['cluster', 'retired', i - 1, 'epoch'],
        `cluster.retired.${i - 1}.epoch: key epoch ${epoch} is given twice`,
      );
  });
  return mistakes;
}

function nodeChecks({ nodes, network }: ConfigValues, report: Report): void {
  nodes.forEach((node, i) => {
    const twin = (isSame: (other: NodeConfig) => boolean): NodeConfig | undefined => nodes.slice(0, i).find(isSame);
    const { name } = node;
    if (twin((other) => other.name === name))
      report(['nodes', i, 'name'], `nodes.${i}.name: there are two nodes called "${name}"`);
    const place = node.kind === 'lnd' ? 'address' : 'url';
    const text = node.kind === 'lnd' ? node.address : node.url;
    if (text !== undefined && Number(text.split(':').at(-1)) > 65_535)
      report(['nodes', i, place], `nodes.${i}.${place}: there is no such port`);
    // A node shows its HTLCs on one stream only.
    const here = twin((other) => node.kind === 'lnd' && other.kind === 'lnd' && other.address === node.address);
    if (here) report(['nodes', i, 'address'], `nodes.${i}.address: "${here.name}" has this address already`);
    const id = node.node_id?.toLowerCase();
    const same = twin((other) => id !== undefined && other.node_id?.toLowerCase() === id);
    if (same) report(['nodes', i, 'node_id'], `nodes.${i}.node_id: "${same.name}" is this node already`);
  });
  const simulated = nodes.filter((node) => node.kind === 'sim');
  if (network !== 'regtest' && simulated.length > 0)
    report(['network'], 'network must be "regtest": the nodes are simulated');
  if (simulated.filter(({ url }) => url === undefined).length > MAX_EMBEDDED_NODES)
    report(['nodes'], `nodes: the embedded network has ${MAX_EMBEDDED_NODES} members; give the others a url`);
}

/** Members of the embedded network. */
const MAX_EMBEDDED_NODES = 3;

function dotted(path: readonly (string | number)[]): string {
  return path.join('.');
}

function at(line: number | undefined): { readonly line?: number } {
  return line === undefined ? {} : { line };
}

function inOrder(mistakes: readonly ConfigMistake[]): ConfigMistake[] {
  return [...mistakes].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

/** File names count from the configuration file. */
function withPaths(values: ConfigValues, folder: string): ConfigValues {
  const seed = <T extends { readonly seed_file?: string | undefined }>(source: T): T =>
    source.seed_file === undefined ? source : { ...source, seed_file: resolve(folder, source.seed_file) };
  return {
    ...values,
    cluster: { ...seed(values.cluster), retired: values.cluster.retired.map(seed) },
    database: { url: absoluteDatabase(values.database.url, folder) },
    nodes: values.nodes.map((node) =>
      node.kind === 'lnd'
        ? {
            ...node,
            macaroon: resolve(folder, node.macaroon),
            ...(node.tls_cert !== undefined && { tls_cert: resolve(folder, node.tls_cert) }),
          }
        : node,
    ),
  };
}

function absoluteDatabase(url: string, folder: string): string {
  const file = /^sqlite:(?:\/\/)?(?!:memory:)(.+)$/.exec(url)?.[1];
  return file === undefined || isAbsolute(file) ? url : `sqlite:${resolve(folder, file)}`;
}

export function splitListen(listen: string): { readonly host: string; readonly port: number } {
  const colon = listen.lastIndexOf(':');
  return { host: listen.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(listen.slice(colon + 1)) };
}

export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
