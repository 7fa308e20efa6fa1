/** `/v1/nodes`, `/v1/hints`, `/v1/decode` and the fake payer of the embedded network. */
import { z, type OpenAPIHono } from '@hono/zod-openapi';
import { scidText } from '../../wire/scid.js';
import { toHex } from '../../wire/bytes.js';
import { decodeLdkPhantomRouteHints, phantomRouteHintsOfJson } from '../../phantom/index.js';
import { fromHex } from '../../wire/bytes.js';
import type { MemberStatus } from '../../receive/member.js';
import type { LocalChannel } from '../../receive/node-port.js';
import { compact } from '../compact.js';
import { decodeText } from '../decode.js';
import type { ApiContext } from './context.js';
import { endpoint } from './endpoint.js';
import { Problem, serviceProblem } from './problems.js';
import { paymentRecordJson } from './sim-json.js';
import { amountMsat, wholeNumber } from './values.js';

const anything = z.record(z.string(), z.unknown());

export function clusterRoutes(app: OpenAPIHono, api: ApiContext): void {
  endpoint(app, api, {
    method: 'get',
    path: '/v1/nodes',
    summary: 'Members of the cluster and how they are',
    scope: 'nodes:read',
    answer: {
      status: 200,
      description: 'The nodes',
      schema: z.object({ nodes: z.array(anything), imported: z.array(anything) }),
    },
    async handle() {
      const nodes = api.receiver
        .status()
        .map((status) => memberJson(status, api.receiver.cluster.channelsOf(status.name)));
      const imported = api.hints.members.map(({ nodeId, channels, importedScids }) => ({
        node_id: toHex(nodeId),
        channels: channels.length,
        phantom_scids: importedScids?.map((scid) => scid.toString()) ?? [],
      }));
      return { status: 200, body: { nodes, imported, phantom_node_id: toHex(api.keys().current.keys.phantomNodeId) } };
    },
  });
  endpoint(app, api, {
    method: 'post',
    path: '/v1/decode',
    summary: 'Decode an invoice',
    scope: 'invoices:read',
    body: z.strictObject({ input: z.string().max(60_000) }),
    answer: { status: 200, description: 'Its fields, or why it is refused', schema: anything },
    async handle({ body }) {
      return { status: 200, body: { ...decodeText(body.input) } };
    },
  });
  hintRoutes(app, api);
  if (api.embedded) simRoutes(app, api);
}

function memberJson(status: MemberStatus, channels: readonly LocalChannel[]): Record<string, unknown> {
  const { info } = status;
  return compact({
    name: status.name,
    kind: status.kind,
    state: status.state,
    reason: status.reason,
    node_id: info && toHex(info.nodeId),
    network: info?.network,
    version: info?.version,
    height: status.height ?? info?.height,
    epoch: status.epoch,
    held_htlcs: status.heldHtlcs,
    held_msat: status.heldMsat.toString(),
    blocks_left: status.blocksLeft,
    spendable_msat: sum(channels, ({ spendableMsat }) => spendableMsat),
    receivable_msat: sum(channels, ({ receivableMsat }) => receivableMsat),
    channels: channels.map((channel) =>
      compact({
        peer_id: toHex(channel.peerId),
        short_channel_id: channel.scid === undefined ? undefined : scidText(channel.scid),
        announced: channel.announced,
        usable: channel.usable,
        spendable_msat: channel.spendableMsat.toString(),
        receivable_msat: channel.receivableMsat.toString(),
      }),
    ),
  });
}

function sum(channels: readonly LocalChannel[], read: (channel: LocalChannel) => bigint): string {
  return channels.reduce((total, channel) => total + (channel.usable ? read(channel) : 0n), 0n).toString();
}

const hintsBody = z.union([z.strictObject({ ldk: z.string().regex(/^([0-9a-fA-F]{2})+$/, 'must be hex') }), anything]);

function hintRoutes(app: OpenAPIHono, api: ApiContext): void {
  endpoint(app, api, {
    method: 'get',
    path: '/v1/hints',
    summary: 'Phantom route hints of the own members, for LDK programs',
    scope: 'nodes:read',
    answer: { status: 200, description: 'One entry per member', schema: z.object({ hints: z.array(anything) }) },
    async handle() {
      const own = new Set(api.receiver.nodeIds());
      const members = api.receiver.cluster.hintMembers().filter(({ nodeId }) => own.has(toHex(nodeId)));
      return { status: 200, body: { hints: api.hints.export(members) } };
    },
  });
  endpoint(app, api, {
    method: 'post',
    path: '/v1/hints',
    summary: 'Take in the phantom route hints of an LDK member',
    description:
      'As JSON with LDK\'s field names, or as LDK\'s own bytes in hex: {"ldk": "…"}. LDK members cannot hold parts: while one is named, invoices are not payable in parts.',
    scope: 'hints:write',
    body: hintsBody,
    answer: { status: 200, description: 'Taken in', schema: z.object({ node_id: z.string(), phantom_scids: z.int() }) },
    async handle({ body }) {
      const { ldk } = body as { ldk?: unknown };
      const read =
        typeof ldk === 'string' && /^([0-9a-fA-F]{2})+$/.test(ldk)
          ? decodeLdkPhantomRouteHints(fromHex(ldk))
          : phantomRouteHintsOfJson(body);
      if (!read.ok) throw new Problem(422, read.error.code, `these are not phantom route hints: ${read.error.message}`);
      const taken = await api.hints.import(read.value);
      if (!taken.ok) throw serviceProblem(taken.error);
      return { status: 200, body: { node_id: taken.value.nodeId, phantom_scids: taken.value.scids } };
    },
  });
  endpoint(app, api, {
    method: 'delete',
    path: '/v1/hints/{node_id}',
    summary: 'Forget the hints of a node',
    scope: 'hints:write',
    params: z.object({ node_id: z.string().regex(/^[0-9a-fA-F]{66}$/, 'must be a node id') }),
    answer: { status: 204, description: 'Forgotten' },
    async handle({ params }) {
      if (await api.hints.remove(params.node_id.toLowerCase())) return { status: 204 };
      throw new Problem(404, 'not_found', 'there are no hints of this node');
    },
  });
}

const simPayBody = z.strictObject({
  invoice: z.string().max(8_000),
  amount_msat: amountMsat.optional(),
  parts: wholeNumber(1, 16).default(1),
  wait_ms: wholeNumber(0, 15_000).default(10_000),
});

function simRoutes(app: OpenAPIHono, api: ApiContext): void {
  endpoint(app, api, {
    method: 'post',
    path: '/v1/sim/pay',
    summary: 'Let a fake payer of the embedded network pay an invoice',
    scope: 'admin',
    body: simPayBody,
    answer: { status: 200, description: 'What the payer saw; outcome pending if it takes longer', schema: anything },
    async handle({ body: { invoice, amount_msat, parts, wait_ms } }) {
      const paid = await api.embedded!.pay({
        invoice,
        parts,
        waitMs: wait_ms,
        ...compact({ amountMsat: amount_msat }),
      });
      if (!paid.ok) throw new Problem(422, paid.error.code, paid.error.message);
      return { status: 200, body: paymentRecordJson(paid.value) };
    },
  });
}
