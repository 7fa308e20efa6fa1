/** `/v1/offline`: wallets that are served while they sleep. */
import { z, type OpenAPIHono } from '@hono/zod-openapi';
import type { ClientLimits } from '../../offline/clients.js';
import { compact } from '../compact.js';
import type { OfflineService } from '../offline/service.js';
import type { ApiContext } from './context.js';
import { endpoint } from './endpoint.js';
import { Problem, serviceProblem } from './problems.js';
import { amountMsat, badCursor, nodeId, plainText, queryNumber, wholeNumber } from './values.js';

const limitsBody = z.strictObject({
  max_slots: wholeNumber(1, 65_535).optional().openapi({ description: 'Static invoices kept for it' }),
  max_held: wholeNumber(1, 1_000).optional().openapi({ description: 'Payments held for it at one time' }),
  max_held_msat: amountMsat.optional().openapi({ description: 'Their sum' }),
  max_hold_blocks: wholeNumber(1, 2_016).optional().openapi({ description: 'Most blocks that one is held' }),
  mailbox_messages: wholeNumber(1, 1_000).optional().openapi({ description: 'Onion messages kept while it sleeps' }),
  mailbox_bytes: wholeNumber(1_500, 64 * 1_048_576).optional(),
});

const heldSum = z.object({
  count: z.int(),
  amount_msat: z.string(),
  until_block: z.int().optional().openapi({ description: 'The nearest block from which one of them is given up' }),
});

const mailbox = z.object({ messages: z.int(), bytes: z.int(), oldest_at: z.string().optional() });

const walletFields = {
  number: z.int().openapi({ description: 'Never used again, not even after the wallet was removed' }),
  node_id: z.string(),
  name: z.string(),
  state: z.enum(['awake', 'asleep']).openapi({ description: 'Whether it is connected to a node of this daemon' }),
  enrolled_at: z.string(),
  mailbox,
};

const listedWallet = z
  .object({ ...walletFields, held: heldSum, slots_used: z.int(), max_slots: z.int(), webhooks: z.int() })
  .openapi('ListedWallet');

const walletName = z.object({ number: z.int(), name: z.string().optional() });

const heldHtlc = z
  .object({
    id: z.string(),
    state: z.enum(['held', 'resumed', 'failed', 'gone']),
    waits_for: z.string(),
    then: z.string().openapi({ description: 'What happens if nothing else does' }),
    until_block: z.int().optional().openapi({ description: 'From this block on it is given up' }),
    blocks_left: z.int().optional(),
    amount_msat: z.string(),
    forward_msat: z.string(),
    payment_hash: z.string(),
    held_at: z.string(),
    decided_at: z.string().optional(),
    end: z.string().optional(),
    payer: walletName.optional(),
    payee: walletName.optional(),
    rod_id: z.string().optional(),
    node: z.string().optional(),
    node_id: z.string(),
    channel_id: z.string(),
    htlc_id: z.string(),
    incoming_expiry: z.int(),
  })
  .openapi('HeldHtlc');

const paths = {
  server_paths: z.array(z.string()).openapi({
    description: 'Blinded paths (hex) over which the wallet asks to be served: whoever has them speaks as it',
  }),
  rod_paths: z.array(z.string()).openapi({ description: 'The same for LightningRod requests' }),
};

const wallet = z
  .object({
    ...walletFields,
    limits: z.object({
      max_slots: z.int(),
      max_held: z.int(),
      max_held_msat: z.string(),
      max_hold_blocks: z.int(),
      mailbox_messages: z.int(),
      mailbox_bytes: z.int(),
    }),
    slots: z.array(
      z.object({
        slot: z.int(),
        state: z.enum(['asked', 'serving', 'expired']),
        offer_id: z.string().optional(),
        invoice_bytes: z.int().optional(),
        created_at: z.string().optional(),
        stored_at: z.string().optional(),
        expires_at: z.string().optional(),
      }),
    ),
    held: z.array(heldHtlc),
    webhooks: z.array(
      z.object({ node_id: z.string(), app_name: z.string(), used_at: z.string(), calls_owed: z.int() }),
    ),
  })
  .openapi('Wallet');

const idParams = z.object({
  id: z.string().min(1).max(200).openapi({ description: 'Number, node id (hex) or name of the wallet' }),
});

const OFF = new Problem(
  409,
  'offline_off',
  'wallets are not served: set enabled = true in [offline] of the configuration and restart the daemon',
);

export function offlineRoutes(app: OpenAPIHono, api: ApiContext): void {
  const offline = (): OfflineService => {
    if (!api.offline) throw OFF;
    return api.offline;
  };
  readingRoutes(app, api, offline);
  writingRoutes(app, api, offline);
}

function readingRoutes(app: OpenAPIHono, api: ApiContext, offline: () => OfflineService): void {
  endpoint(app, api, {
    method: 'get',
    path: '/v1/offline/wallets',
    summary: 'List wallets that are served while they sleep',
    description: 'By number. `held`, `asleep`, `enrolled` and `mailbox` beside the list are those of all wallets.',
    scope: 'nodes:read',
    query: z.strictObject({ limit: queryNumber(1, 100, 25), cursor: z.string().max(20).optional() }),
    answer: {
      status: 200,
      description: 'A page of wallets',
      schema: z.object({
        wallets: z.array(listedWallet),
        next_cursor: z.string().optional(),
        enrolled: z.int(),
        asleep: z.int(),
        held: heldSum,
        mailbox: z.object({ boxes: z.int(), messages: z.int(), bytes: z.int() }),
      }),
    },
    async handle({ query: { limit, cursor } }) {
      if (cursor !== undefined && !/^\d{1,10}$/.test(cursor)) throw badCursor();
      const { clients, next, ...totals } = await offline().list(
        limit,
        cursor === undefined ? undefined : Number(cursor),
      );
      const more = next === undefined ? {} : { next_cursor: String(next) };
      return { status: 200, body: { wallets: clients, ...more, ...totals } };
    },
  });
  endpoint(app, api, {
    method: 'get',
    path: '/v1/offline/wallets/{id}',
    summary: 'Show a wallet with what is kept and held for it',
    scope: 'nodes:read',
    params: idParams,
    answer: { status: 200, description: 'The wallet', schema: wallet },
    async handle({ params: { id } }) {
      const shown = await offline().show(id);
      if (!shown.ok) throw serviceProblem(shown.error);
      return { status: 200, body: { ...shown.value } };
    },
  });
  endpoint(app, api, {
    method: 'get',
    path: '/v1/offline/held',
    summary: 'List payments that are held for wallets',
    description: 'Newest first, of all nodes. With `all` those too that have ended, for as long as they are kept.',
    scope: 'nodes:read',
    query: z.strictObject({ limit: queryNumber(1, 1_000, 100), all: z.enum(['true', 'false']).default('false') }),
    answer: { status: 200, description: 'Held payments', schema: z.object({ held: z.array(heldHtlc) }) },
    async handle({ query: { limit, all } }) {
      return { status: 200, body: { held: await offline().held(limit, all === 'true') } };
    },
  });
}

function writingRoutes(app: OpenAPIHono, api: ApiContext, offline: () => OfflineService): void {
  endpoint(app, api, {
    method: 'post',
    path: '/v1/offline/wallets',
    summary: 'Enrol a wallet',
    description:
      'From now on it is served while it sleeps. The paths are for the wallet only; hand them over privately.',
    scope: 'offline:write',
    body: z
      .strictObject({ node_id: nodeId, name: plainText(1, 100), limits: limitsBody.optional() })
      .openapi('EnrolWallet'),
    answer: {
      status: 201,
      description: 'The wallet, and its paths if a node is up that carries messages',
      schema: wallet.extend({ server_paths: paths.server_paths.optional(), rod_paths: paths.rod_paths.optional() }),
    },
    async handle({ body, origin }) {
      const limits = limitsFrom(body.limits ?? {});
      const made = await offline().enrol({ nodeId: body.node_id, name: body.name, limits }, origin);
      if (!made.ok) throw serviceProblem(made.error);
      return { status: 201, body: { ...made.value } };
    },
    async reveal(body) {
      const found = await offline().paths(String(body['number']));
      return found.ok ? { ...body, ...found.value } : body;
    },
  });
  endpoint(app, api, {
    method: 'post',
    path: '/v1/offline/wallets/{id}/limits',
    summary: "Change a wallet's limits",
    description: 'What is left out stays as it is. What is held or kept already stays too.',
    scope: 'offline:write',
    params: idParams,
    body: limitsBody.openapi('WalletLimits'),
    answer: { status: 200, description: 'The wallet', schema: wallet },
    async handle({ params: { id }, body }) {
      const changed = await offline().setLimits(id, limitsFrom(body));
      if (!changed.ok) throw serviceProblem(changed.error);
      return { status: 200, body: { ...changed.value } };
    },
  });
  endpoint(app, api, {
    method: 'post',
    path: '/v1/offline/wallets/{id}/paths',
    summary: 'Make fresh paths for a wallet',
    description: 'Earlier ones go on leading here for as long as the wallet is enrolled.',
    scope: 'offline:write',
    params: idParams,
    body: z.strictObject({
      expires_at: wholeNumber(1, 253_402_300_799)
        .optional()
        .openapi({ description: 'Seconds since 1970; absent: never' }),
    }),
    bodyOptional: true,
    answer: { status: 200, description: 'The paths', schema: z.object({ number: z.int(), ...paths }) },
    async handle({ params: { id }, body: { expires_at: expiry } }) {
      const shown = await offline().show(id);
      if (!shown.ok) throw serviceProblem(shown.error);
      return { status: 200, body: compact({ number: shown.value.number, expires_at: expiry }) };
    },
    async reveal(body) {
      const { number, expires_at: expiry } = body as { number: number; expires_at?: number };
      const found = await offline().paths(String(number), expiry);
      if (!found.ok) throw serviceProblem(found.error);
      return { number, ...found.value };
    },
  });
  endpoint(app, api, {
    method: 'delete',
    path: '/v1/offline/wallets/{id}',
    summary: 'Serve a wallet no longer',
    description:
      'Its paths lead nowhere from now on; its mail and static invoices are gone. Refused while payments are held for it, but with `force`.',
    scope: 'offline:write',
    params: idParams,
    query: z.strictObject({ force: z.enum(['true', 'false']).default('false') }),
    answer: { status: 204, description: 'Removed' },
    async handle({ params: { id }, query: { force } }) {
      const removed = await offline().remove(id, force === 'true');
      if (!removed.ok) throw serviceProblem(removed.error);
      return { status: 204 };
    },
  });
}

function limitsFrom(body: z.output<typeof limitsBody>): Partial<ClientLimits> {
  const { max_slots, max_held, max_held_msat, max_hold_blocks, mailbox_messages, mailbox_bytes } = body;
  return compact({
    maxSlots: max_slots,
    maxHeld: max_held,
    maxHeldMsat: max_held_msat,
    maxHoldBlocks: max_hold_blocks,
    mailboxMessages: mailbox_messages,
    mailboxBytes: mailbox_bytes,
  });
}
