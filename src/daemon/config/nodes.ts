/** `[[nodes]]` of the configuration: the keys of each kind. */
import { z } from 'zod';
import { nearestWord } from './nearest.js';

const name = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, "-" or "_"');

/** Refuse any other node at this address. */
const nodeId = z
  .string()
  .regex(/^0[23][0-9a-fA-F]{64}$/, 'must be a node id: 66 hex digits that begin with 02 or 03')
  .optional();

const simNode = z.strictObject({
  name,
  kind: z.literal('sim'),
  /** `tcp://127.0.0.1:port` of a simulated network in another process. */
  url: z
    .string()
    .regex(/^tcp:\/\/(127\.0\.0\.1|localhost):\d{1,5}$/, 'must look like tcp://127.0.0.1:9750')
    .optional(),
  /** What that network calls the node; default: its name here. */
  sim_node: z.string().min(1).max(64).optional(),
  node_id: nodeId,
});

/** Refused without being repeated: what was written there may be the secret itself. */
function fileName(what: string) {
  return z
    .string()
    .min(1)
    .max(4_096)
    .refine(
      (text) => !/^[0-9a-fA-F]{64,}$|^AgEDbG5k|-----BEGIN|[\n\0]/.test(text),
      `must be the name of a file, not ${what} itself`,
    );
}

const lndNode = z.strictObject({
  name,
  kind: z.literal('lnd'),
  /** Of LND's gRPC listener (`rpclisten`). */
  address: z
    .string()
    .regex(
      /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/,
      'must be host:port of the gRPC listener, like 10.0.0.5:10009',
    ),
  /** LND's tls.cert, the only certificate that is trusted then; without it the system's roots are. */
  tls_cert: fileName('the certificate').optional(),
  macaroon: fileName('the macaroon'),
  /** The name in the certificate, where it is not the address's. */
  tls_server_name: z
    .string()
    .regex(/^[A-Za-z0-9.-]{1,253}$/, 'must be the name of a host')
    .optional(),
  node_id: nodeId,
  /** Whether it pays. Default: if its macaroon grants what that takes. */
  send: z.boolean().optional(),
  /** Whether Manifold may close a channel on chain to save a committed part. */
  force_close: z.boolean().default(false),
  /** Whether LND is told preimages before it is asked to settle, so that it can claim on chain by itself. */
  register_preimages: z.boolean().default(true),
});

const KINDS = ['sim', 'lnd'] as const;
const COMING: readonly unknown[] = ['cln', 'clightning', 'core-lightning', 'ldk', 'eclair'];

function kindProblem({ input, code }: { readonly input?: unknown; readonly code?: string }): string | undefined {
  if (code !== 'invalid_union') return undefined;
  const { kind } = input as { kind?: unknown };
  if (kind === undefined) return 'is missing: "lnd" for an LND node, "sim" for a simulated one';
  const word = typeof kind === 'string' ? kind.toLowerCase() : '';
  const nearest = nearestWord(word, KINDS);
  if (COMING.includes(word)) return 'must be "lnd" or "sim": other nodes come in a later version';
  return `must be "lnd" or "sim"${nearest === undefined ? '' : `; did you mean ${nearest}?`}`;
}

export const nodeSchema = z.discriminatedUnion('kind', [simNode, lndNode], { error: kindProblem });

export type NodeConfig = z.output<typeof nodeSchema>;
export type LndNodeConfig = z.output<typeof lndNode>;

/** The kind of node that has this key, if the one written has it not. */
export function kindWithKey(key: string): string | undefined {
  return [simNode, lndNode].find(({ shape }) => key in shape)?.shape.kind.value;
}
