/** The files by which an LND node is reached: its certificate and a macaroon. What is in them never gets into a message. */
import type { LndEndpoint } from '../node/lnd/client.js';
import type { LndNodeConfig } from './config/schema.js';
import { readSmallFile } from './small-file.js';

/** A file of a node that the daemon cannot work with. */
export class NodeFileError extends Error {
  override readonly name = 'NodeFileError';
  readonly code: 'node_file_missing' | 'node_file_unreadable' | 'not_a_certificate' | 'not_a_macaroon';

  readonly path: string;

  /** @param message what is wrong and what to do next; never the content */
  constructor(code: NodeFileError['code'], path: string, message: string) {
    super(message);
    this.code = code;
    this.path = path;
  }
}

const MAX_BYTES = 64 * 1024;

export type LndFiles = Pick<LndNodeConfig, 'name' | 'address' | 'tls_cert' | 'macaroon' | 'tls_server_name'>;

/** @throws {NodeFileError} */
export async function lndEndpoint(node: LndFiles, warn?: (message: string) => void): Promise<LndEndpoint> {
  const { name, address, tls_cert, tls_server_name: serverName } = node;
  const certificate = tls_cert === undefined ? undefined : await readCertificate(name, tls_cert);
  const macaroon = await readMacaroon(name, node.macaroon, warn);
  return { address, certificate, macaroon, serverName };
}

async function readCertificate(node: string, path: string): Promise<Uint8Array> {
  const { content } = await nodeFile(node, 'tls_cert', path);
  if (content && new TextDecoder().decode(content).includes('-----BEGIN CERTIFICATE-----')) return content;
  throw new NodeFileError(
    'not_a_certificate',
    path,
    `node ${node}: ${path} is not a certificate in PEM form; tls_cert names LND's tls.cert (by default ~/.lnd/tls.cert)`,
  );
}

async function readMacaroon(node: string, path: string, warn?: (message: string) => void): Promise<Uint8Array> {
  const { content, isOpenToOthers } = await nodeFile(node, 'macaroon', path);
  if (isOpenToOthers && !isCredential(path))
    warn?.(`${path} is a macaroon and is open to other users of this machine; close it: chmod 600 ${path}`);
  // The bytes are for LND to judge; what has none but those of text is something else, or a macaroon that was printed.
  const isText = content?.every((byte) => byte === 10 || byte === 13 || (byte >= 32 && byte < 127)) === true;
  if (content && content.length > 0 && !isText) return content;
  const why = !content ? 'it is far too long' : content.length === 0 ? 'it is empty' : 'it is text, not bytes';
  throw new NodeFileError(
    'not_a_macaroon',
    path,
    `node ${node}: ${path} is not a macaroon file: ${why}; write one with \`lncli bakemacaroon --save_to …\` (\`manifold doctor\` prints the whole line)`,
  );
}

/** systemd shows access by its own rules in the group bits of what it passes to a service. */
function isCredential(path: string): boolean {
  return /^\/run\/(user\/\d+\/)?credentials\//.test(path);
}

async function nodeFile(node: string, key: string, path: string): ReturnType<typeof readSmallFile> {
  try {
    return await readSmallFile(path, MAX_BYTES);
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new NodeFileError(
        'node_file_missing',
        path,
        `node ${node}: there is no file ${path}; correct ${key} in the configuration, or copy the file from the node's machine`,
      );
    throw new NodeFileError(
      'node_file_unreadable',
      path,
      `node ${node}: ${path} cannot be read: ${message.replace(/, open '.*$/, '')}; let the user that runs manifold read it (${key} in the configuration)`,
    );
  }
}
