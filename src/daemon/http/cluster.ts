/** `/v1/nodes`, `/v1/hints`, `/v1/decode` and the fake payer of the embedded network. */
import { z, type OpenAPIHono } from '@hono/zod-openapi';
import { scidText } from '../../wire/scid.js';
import { toHex } from '../../wire/bytes.js';
import { decodeLdkPhantomRouteHints, phantomRouteHintsOfJson } from '../../phantom/index.js';
import { fromHex } from '../../wire/bytes.js';
import type { LocalChannel } from '../../receive/node-port.js';
import type { SenderStatus } from '../../send/run/types.js';
import { compact } from '../compact.js';
import { decodeText } from '../decode.js';
import { type ForeignNode, type Held, type NodeAlarm, NodeDirectory, type NodeView } from '../node-directory.js';
import type { ApiContext } from './context.js';
import { endpoint } from './endpoint.js';
import { Problem, serviceProblem } from './problems.js';
import { paymentRecordJson } from './sim-json.js';
import { amountMsat, plainText, wholeNumber } from './values.js';

const anything = z.record(z.string(), z.unknown());

export function clusterRoutes(app: OpenAPIHono, api: ApiContext): void {
  const { receiver, store, watch, alarms } = api;
  const directory = new NodeDirectory({ receiver, store, watch, alarms });
  endpoint(app, api, {
    method: 'get',
    path: '/v1/nodes',
    summary: 'Members of the cluster and how they are',
    scope: 'nodes:read',
    answer: {
      status: 200,
      description: 'The nodes',
      schema: z.object({
        nodes: z.array(anything),
        elsewhere: z.array(anything),
        imported: z.array(anything),
        phantom_node_id: z.string(),
        sending: anything,
      }),
    },
    async handle() {
      const { nodes: views, elsewhere: foreign } = await directory.list();
      const nodes = views.map((view) => nodeJson(view, api.receiver.cluster.channelsOf(view.status.name)));
      const elsewhere = foreign.map(foreignJson);
      const imported = api.hints.members.map(({ nodeId, channels, importedScids }) => ({
        node_id: toHex(nodeId),
        channels: channels.length,
        phantom_scids: importedScids?.map((scid) => scid.toString()) ?? [],
      }));
      return {
        status: 200,
        body: {
          nodes,
          elsewhere,
          imported,
          phantom_node_id: toHex(api.keys().current.keys.phantomNodeId),
          sending: sendingJson(api.paying?.status()),
        },
      };
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

function nodeJson(view: NodeView, channels: readonly LocalChannel[]): Record<string, unknown> {
  const { status, owner, held } = view;
  const { info } = status;
  return compact({
    name: status.name,
    kind: status.kind,
    state: status.state,
    // An owner's id is of use to nobody but the ledger.
    reason: status.state === 'standby' && owner ? `served by ${owner.name}` : status.reason,
    health: view.health,
    node_id: info && toHex(info.nodeId),
    alias: info?.alias,
    network: info?.network,
    version: info?.version,
    refusals: info?.refusals?.length ? info.refusals : undefined,
    owner: owner?.name,
    served_here: owner?.isUs ?? status.state === 'live',
    height: view.height,
    lag_blocks: view.lag,
    epoch: status.epoch ?? owner?.epoch,
    ...heldJson(held),
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
    alarms: view.alarms.map(alarmJson),
  });
}

/** What of paying is ready; `ready` false while it is off or waits for the database. */
function sendingJson(status: SenderStatus | undefined): Record<string, unknown> {
  if (!status) return { ready: false };
  const { nodes, graph, paymentsInFlight, inFlightMsat } = status;
  return {
    ready: true,
    graph: { ...graph },
    payments_in_flight: paymentsInFlight,
    in_flight_msat: inFlightMsat.toString(),
    nodes: nodes.map(({ name, nodeId, spendableMsat, reachable }) =>
      compact({ name, node_id: nodeId, spendable_msat: spendableMsat.toString(), reachable }),
    ),
  };
}

function foreignJson({ nodeId, owner, lag, held, alarms }: ForeignNode): Record<string, unknown> {
  return compact({
    node_id: nodeId,
    owner: owner.name,
    height: owner.height,
    lag_blocks: lag,
    epoch: owner.epoch,
    ...heldJson(held),
    alarms: alarms.map(alarmJson),
  });
}

function heldJson({ htlcs, msat, blocksLeft }: Held): Record<string, unknown> {
  return { held_htlcs: htlcs, held_msat: msat?.toString(), blocks_left: blocksLeft };
}

function alarmJson({ code, message, since, paymentHash, channelId, htlcId }: NodeAlarm): Record<string, unknown> {
  return compact({
    code,
    message,
    since: new Date(since).toISOString(),
    payment_hash: paymentHash,
    channel_id: channelId?.toString(),
    htlc_id: htlcId?.toString(),
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

const simInvoiceBody = z.strictObject({ amount_msat: amountMsat, description: plainText(0, 200).default('a try') });

const simPayBody = z.strictObject({
  invoice: z.string().max(8_000),
  amount_msat: amountMsat.optional(),
  parts: wholeNumber(1, 16).default(1),
  wait_ms: wholeNumber(0, 15_000).default(10_000),
});

function simRoutes(app: OpenAPIHono, api: ApiContext): void {
  endpoint(app, api, {
    method: 'post',
    path: '/v1/sim/invoices',
    summary: 'Let a fake wallet of the embedded network make an invoice, to try paying',
    scope: 'admin',
    body: simInvoiceBody,
    answer: {
      status: 201,
      description: 'The invoice',
      schema: z.object({ bolt11: z.string(), payment_hash: z.string() }),
    },
    async handle({ body: { amount_msat, description } }) {
      const { bolt11, paymentHash } = api.embedded!.invoice({ amountMsat: amount_msat, description });
      return { status: 201, body: { bolt11, payment_hash: toHex(paymentHash) } };
    },
  });
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
