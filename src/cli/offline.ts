/** `manifold offline …`: wallets that an LSP serves while they sleep. */
import type { Command } from 'commander';
import { amountText, parseAmount } from './amount.js';
import { nodeId, required, wholeNumber } from './checks.js';
import { ApiClient, type Json } from './client.js';
import { columns, type CommonOptions, print, textOf, withDaemon } from './common.js';
import { type Io, usageError } from './io.js';
import { heldLines, pathLines, sumText, walletLines } from './offline-lines.js';

interface LimitOptions {
  readonly maxSlots?: string;
  readonly maxHeld?: string;
  readonly maxHeldAmount?: string;
  readonly maxHoldBlocks?: string;
  readonly mailboxMessages?: string;
  readonly mailboxBytes?: string;
}

interface ListOptions extends CommonOptions {
  readonly limit: string;
  readonly cursor?: string;
}

const WALLETS = '/v1/offline/wallets';
const MOST_SECONDS = 999_999_999;

export function registerOffline(program: Command, io: Io): void {
  const offline = program.command('offline').description('serve wallets while they sleep, as their LSP');
  withDaemon(offline.command('list'))
    .description('list the wallets: who sleeps, what is held and until which block')
    .option('--limit <number>', 'at most so many (1 to 100)', '25')
    .option('--cursor <text>', 'go on after an earlier page')
    .action(async (options: ListOptions) => list(io, options));
  withDaemon(offline.command('show'))
    .description('show a wallet, with each payment that is held for it and what happens then')
    .argument('<wallet>', 'its number, name or node id')
    .action(async (wallet: string, options: CommonOptions) => {
      const shown = await (await ApiClient.open(io, options)).get(pathOf(wallet));
      await print(io, options, shown, () => walletLines(shown));
    });
  withDaemon(offline.command('held'))
    .description('list the payments that are held for wallets, newest first')
    .option('--all', 'those that have ended too')
    .option('--limit <number>', 'at most so many (1 to 1000)', '100')
    .action(async ({ all, limit, ...options }: CommonOptions & { all?: boolean; limit: string }) => {
      const query = `limit=${wholeNumber(limit, [1, 1_000], '--limit')}&all=${all === true}`;
      const page = await (await ApiClient.open(io, options)).get(`/v1/offline/held?${query}`);
      await print(io, options, page, () => {
        const held = page['held'] as Json[];
        return held.length === 0 ? ['Nothing is held.'] : held.flatMap(heldLines);
      });
    });
  registerWriting(offline, io);
}

function registerWriting(offline: Command, io: Io): void {
  withLimits(withDaemon(offline.command('enrol')))
    .description('serve a wallet from now on; prints what the wallet needs')
    .argument('<node id>', "of the wallet's node: 66 hex digits")
    .option('--name <name>', 'what you call it (required)')
    .action(async (id: string, options: CommonOptions & LimitOptions & { name?: string }) => enrol(io, id, options));
  withLimits(withDaemon(offline.command('limits')))
    .description("change a wallet's limits; the others stay as they are")
    .argument('<wallet>', 'its number, name or node id')
    .action(async (wallet: string, options: CommonOptions & LimitOptions) => {
      const limits = limitFields(options);
      if (Object.keys(limits).length === 0) throw usageError('name a limit, like --max-held 50');
      const changed = await (await ApiClient.open(io, options)).post(`${pathOf(wallet)}/limits`, limits);
      await print(io, options, changed, () => walletLines(changed));
    });
  withDaemon(offline.command('paths'))
    .description('make fresh paths for a wallet, to be handed over privately')
    .argument('<wallet>', 'its number, name or node id')
    .option('--expires <seconds>', 'how long they are good; default: for as long as the wallet is enrolled')
    .action(async (wallet: string, { expires, ...options }: CommonOptions & { expires?: string }) => {
      const life = expires === undefined ? undefined : wholeNumber(expires, [1, MOST_SECONDS], '--expires');
      const body = life === undefined ? {} : { expires_at: Math.floor(Date.now() / 1000) + life };
      const made = await (await ApiClient.open(io, options)).post(`${pathOf(wallet)}/paths`, body);
      await print(io, options, made, () => pathLines(made));
    });
  withDaemon(offline.command('remove'))
    .description('serve a wallet no longer')
    .argument('<wallet>', 'its number, name or node id')
    .option('--force', 'also while payments are held for it')
    .action(async (wallet: string, { force, ...options }: CommonOptions & { force?: boolean }) => {
      await (await ApiClient.open(io, options)).delete(`${pathOf(wallet)}?force=${force === true}`);
      await print(io, options, { removed: wallet }, () => ['Removed: it is not served any more.']);
    });
}

function withLimits(command: Command): Command {
  return command
    .option('--max-slots <number>', 'static invoices kept for it')
    .option('--max-held <number>', 'payments held for it at one time')
    .option('--max-held-amount <amount>', 'their sum, like 500000sat')
    .option('--max-hold-blocks <number>', 'most blocks that a payment is held')
    .option('--mailbox-messages <number>', 'onion messages kept while it sleeps')
    .option('--mailbox-bytes <number>', 'their size');
}

function limitFields(options: LimitOptions): Json {
  const { maxSlots, maxHeld, maxHeldAmount, maxHoldBlocks, mailboxMessages, mailboxBytes } = options;
  const number = (text: string | undefined, range: readonly [number, number], option: string): number | undefined =>
    text === undefined ? undefined : wholeNumber(text, range, option);
  const amount = maxHeldAmount === undefined ? undefined : parseAmount(maxHeldAmount);
  if (maxHeldAmount !== undefined && amount === undefined) throw usageError('--max-held-amount: name a limit');
  const fields = {
    max_slots: number(maxSlots, [1, 65_535], '--max-slots'),
    max_held: number(maxHeld, [1, 1_000], '--max-held'),
    max_held_msat: amount?.toString(),
    max_hold_blocks: number(maxHoldBlocks, [1, 2_016], '--max-hold-blocks'),
    mailbox_messages: number(mailboxMessages, [1, 1_000], '--mailbox-messages'),
    mailbox_bytes: number(mailboxBytes, [1_500, 67_108_864], '--mailbox-bytes'),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** Names may hold anything. */
const pathOf = (wallet: string): string => `${WALLETS}/${encodeURIComponent(wallet)}`;

async function enrol(io: Io, id: string, options: CommonOptions & LimitOptions & { name?: string }): Promise<void> {
  const limits = limitFields(options);
  const order = {
    node_id: nodeId(id, 'the node id'),
    name: required(options.name, '--name'),
    ...(Object.keys(limits).length > 0 && { limits }),
  };
  const made = await (await ApiClient.open(io, options)).post(WALLETS, order);
  const way = ['', 'No node that carries onion messages is up: `manifold offline paths` makes its paths later.'];
  await print(io, options, made, () => [
    ...walletLines(made),
    ...(made['server_paths'] === undefined ? way : ['', ...pathLines(made)]),
  ]);
}

async function list(io: Io, { limit, cursor, ...common }: ListOptions): Promise<void> {
  const query = new URLSearchParams({ limit: String(wholeNumber(limit, [1, 100], '--limit')) });
  if (cursor !== undefined) query.set('cursor', cursor);
  const page = await (await ApiClient.open(io, common)).get(`${WALLETS}?${query.toString()}`);
  const wallets = page['wallets'] as Json[];
  await print(io, common, page, () => {
    const next = page['next_cursor'] === undefined ? [] : [`More: --cursor ${textOf(page['next_cursor'])}`];
    if (wallets.length === 0) return ['No wallets yet; `manifold offline enrol <node id> --name <name>` adds one.'];
    const rows = wallets.map((one) => {
      const { held, mailbox } = one as { held: Json; mailbox: Json };
      return [
        textOf(one['number']),
        textOf(one['name']),
        textOf(one['state']),
        textOf(held['count']),
        amountText(textOf(held['amount_msat'])),
        textOf(held['until_block'] ?? '-'),
        `${textOf(one['slots_used'])}/${textOf(one['max_slots'])}`,
        textOf(mailbox['messages']),
        textOf(one['webhooks']),
        textOf(one['node_id']),
      ];
    });
    const { held, mailbox } = page as { held: Json; mailbox: Json };
    return [
      ...columns(HEADINGS, rows),
      '',
      `Wallets: ${textOf(page['enrolled'])}, asleep: ${textOf(page['asleep'])}. Held: ${sumText(held)}. Mail: ${textOf(mailbox['messages'])} messages, ${textOf(mailbox['bytes'])} bytes.`,
      ...next,
    ];
  });
}

const HEADINGS = ['NO', 'NAME', 'STATE', 'HELD', 'AMOUNT', 'UNTIL', 'SLOTS', 'MAIL', 'HOOKS', 'NODE ID'];
