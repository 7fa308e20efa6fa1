/** `manifold wallet …`: a wallet that is mostly off. Each command wakes it, does one thing, and lets it sleep again. */
import type { Command } from 'commander';
import { amountText, feeFields, parseAmount } from './amount.js';
import { webUrl, wholeNumber } from './checks.js';
import type { Json } from './client.js';
import { columns, configPath, print, table, textOf, withDaemon } from './common.js';
import { CliError, type Io, usageError } from './io.js';
import type { WalletInitOptions } from './wallet-init.js';
import { beReady, type WalletOptions, withWallet } from './wallet-open.js';

interface PayOptions extends WalletOptions {
  readonly amount?: string;
  readonly maxFee?: string;
  readonly note?: string;
  readonly reference?: string;
  readonly sleep?: boolean;
  readonly wait: string;
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export function registerWallet(program: Command, io: Io): void {
  const wallet = program.command('wallet').description('a wallet that is mostly off: pay and be paid while asleep');
  registerInit(wallet, io);
  withWords(wallet.command('offer'))
    .description('print an offer that stays payable while the wallet is off')
    .option('--wait <seconds>', 'how long to wait until the server keeps one', '60')
    .action(async (options: WalletOptions & { wait: string }) => offer(io, options));
  withWords(wallet.command('pay'))
    .description('pay an offer or an invoice')
    .argument('<what>', 'lno1… or an invoice')
    .option('--amount <amount>', 'where it leaves the amount to you, like 50000sat')
    .option('--max-fee <fee>', 'most in fees: like 100sat, 5000msat or 0.5%')
    .option('--note <text>', 'with an offer: what the payee is told')
    .option('--reference <text>', 'your own name for it')
    .option(
      '--sleep',
      'end as soon as the rest goes without this wallet: the LSP holds the money and the payee was told',
    )
    .option('--wait <seconds>', 'how long to follow it', '60')
    .action(async (what: string, options: PayOptions) => pay(io, what, options));
  withWords(wallet.command('wake'))
    .description('connect, fetch messages, receive, finish payments; ends when nothing is under way')
    .option('--for <seconds>', 'stay awake for so long in any case')
    .option('--at-most <seconds>', 'end then, even if something is under way', '60')
    .action(async (options: WalletOptions & { for?: string; atMost: string }) => wake(io, options));
  withWords(wallet.command('status'))
    .description('the node, its LSP, offers, and what waits')
    .action(async (options: WalletOptions) => status(io, options));
  withDaemon(wallet.command('payments'))
    .description('what was received and paid, newest first; works while the node is off')
    .option('--limit <number>', 'at most so many of each (1 to 100)', '25')
    .action(async (options: WalletOptions & { limit: string }) => payments(io, options));
  withWords(wallet.command('register-webhook'))
    .description('have the LSP call a URL when the wallet is needed (LSPS5)')
    .argument('<url>', 'https URL')
    .option('--app <name>', 'one URL is kept for each name', 'manifold')
    .action(async (url: string, options: WalletOptions & { app: string }) => registerWebhook(io, url, options));
}

function registerInit(wallet: Command, io: Io): void {
  withDaemon(wallet.command('init'))
    .description('write a configuration and a seed for a wallet')
    .option('--node <url>', 'a node of a simulated network: tcp://127.0.0.1:PORT')
    .option('--sim-node <name>', 'what that network calls it', 'wallet')
    .option('--lnd <name,address=host:port,tls_cert=file,macaroon=file>', 'an LND node')
    .option('--lsp <node id>', 'the node with which it has its channel')
    .option('--server-path <hex>', 'handed over by the LSP when it enrolled the wallet; may be repeated', collect)
    .option('--no-hold', 'do not ask the LSP to hold payments to payees that sleep')
    .option('--network <name>', 'bitcoin, testnet, signet, regtest or simnet')
    .option('--database <url>', 'sqlite:FILE', 'sqlite:wallet.db')
    .option('--passphrase-file <file>', 'read the passphrase of the seed from a file')
    .option('--recipient <age1…>', 'encrypt the seed to age recipients; may be repeated', collect)
    .option('--seed-env <name>', 'write no seed: it is passed in this variable')
    .option('--seed-from <file>', 'use an existing seed: 64 hex digits in a file, or - for standard input')
    .action(async (options: WalletInitOptions) => {
      const { initWallet } = await import('./wallet-init.js');
      await initWallet(io, options);
    });
}

function withWords(command: Command): Command {
  return withDaemon(command)
    .option(
      '--passphrase-file <file>',
      'read the passphrase of the seed from a file (also $MANIFOLD_PASSPHRASE_FILE, $MANIFOLD_PASSPHRASE)',
    )
    .option('--verbose', 'print the log to standard error');
}

const MOST_SECONDS = 86_400;

const milliseconds = (text: string, option: string): number => wholeNumber(text, [1, MOST_SECONDS], option) * 1000;

async function offer(io: Io, options: WalletOptions & { wait: string }): Promise<void> {
  const waitMs = milliseconds(options.wait, '--wait');
  const made = await withWallet(io, options, async (wallet) => {
    await beReady(wallet);
    if (wallet.config.server_paths.length === 0) {
      const message = 'no server is known: put the paths that the LSP handed over into server_paths of [wallet]';
      throw new CliError('no_server', message, 2);
    }
    return wallet.recipient.offer(waitMs);
  });
  if (!made) {
    const message =
      'the server has confirmed no offer yet: try again in a minute, and if that does not help ask the LSP';
    throw new CliError('no_offer', message);
  }
  const shown = { offer: made.text, expires_at: new Date(made.expiresAt).toISOString() };
  await print(io, options, shown, () => [made.text, '', ...table([['expires', shown.expires_at]])]);
}

async function pay(io: Io, what: string, options: PayOptions): Promise<void> {
  const amountMsat = options.amount === undefined ? undefined : parseAmount(options.amount);
  if (options.amount !== undefined && amountMsat === undefined)
    throw usageError('--amount: name an amount, like 50000sat');
  const fee = feeFields(options.maxFee);
  const limits = {
    ...(amountMsat !== undefined && { amountMsat }),
    ...(fee['max_fee_msat'] !== undefined && { maxFeeMsat: BigInt(fee['max_fee_msat']) }),
    ...(fee['max_fee_percent'] !== undefined && { maxFeePercent: Number(fee['max_fee_percent']) }),
    ...(options.reference !== undefined && { reference: options.reference }),
  };
  const patience = { sleep: options.sleep === true, waitMs: milliseconds(options.wait, '--wait') };
  const isOffer = /^(lightning:)?lno1/i.test(what.trim());
  if (options.note !== undefined && !isOffer) throw usageError('--note is for offers: an invoice’s payee takes none');
  const [{ payInvoice, payOffer }, { offerPaymentJson }, { summaryJson }] = await Promise.all([
    import('../daemon/wallet/pay.js'),
    import('../daemon/http/offer-payments.js'),
    import('../daemon/paying/json.js'),
  ]);
  const shown = await withWallet(io, options, async (wallet): Promise<Json> => {
    await beReady(wallet);
    if (isOffer) {
      const text = what.trim().replace(/^lightning:/i, '');
      const note = options.note === undefined ? {} : { payerNote: options.note };
      const paid = await payOffer(wallet, { ...limits, ...note, offer: text }, patience);
      if (!paid.ok) throw new CliError(paid.error.code, paid.error.message);
      return { ...offerPaymentJson(paid.value.payment), wallet_state: paid.value.state };
    }
    const paid = await payInvoice(wallet, { ...limits, invoice: what }, patience);
    if (!paid.ok) throw new CliError(paid.error.code, paid.error.message);
    const names = { nodeName: () => undefined };
    return { ...summaryJson(paid.value.payment, names, Date.now()), wallet_state: paid.value.state };
  });
  await print(io, options, shown, () => payLines(shown));
  const failure = payFailure(shown, options.json === true);
  if (failure) throw failure;
}

const WORDS: Readonly<Record<string, string>> = {
  paid: 'Paid.',
  held: 'The LSP holds the money until the payee wakes up; `manifold wallet wake` shows what became of it.',
  told: 'Nothing was sent yet: the payee sleeps, and was told. Wake this wallet up when it is called: `manifold wallet wake`.',
};

function payLines(paid: Json): string[] {
  const state = textOf(paid['wallet_state']);
  return [
    WORDS[state] ?? textOf(paid['words']),
    '',
    ...table([
      ['amount', amountText(paid['amount_msat'] as string | undefined)],
      ['fee', paid['fee_msat'] === undefined ? undefined : amountText(paid['fee_msat'] as string)],
      ['payment hash', paid['payment_hash'] === undefined ? undefined : textOf(paid['payment_hash'])],
      ['preimage', paid['preimage'] === undefined ? undefined : textOf(paid['preimage'])],
      ['payment', textOf(paid['id'])],
    ]),
  ];
}

function payFailure(paid: Json, isTold: boolean): CliError | undefined {
  const state = paid['wallet_state'];
  if (state === 'failed') return new CliError('payment_failed', 'nothing was paid; the reason stands above', 1, isTold);
  if (state !== 'pending') return undefined;
  const message =
    'the payment is under way and goes on at the next `manifold wallet wake`: do not pay this again by other means before it is over';
  return new CliError('payment_pending', message, 1, isTold);
}

/** Nothing under way for so long, and the wallet may sleep: LSPs hand messages and payments over well within it. */
const QUIET_MS = 3_000;

async function wake(io: Io, options: WalletOptions & { for?: string; atMost: string }): Promise<void> {
  const least = options.for === undefined ? undefined : milliseconds(options.for, '--for');
  const most = milliseconds(options.atMost, '--at-most');
  const { wakeReport } = await import('../daemon/wallet/report.js');
  const shown = await withWallet(io, options, async (wallet) => {
    await beReady(wallet);
    if (least === undefined) await wallet.settleDown(QUIET_MS, most);
    else await wallet.until(() => false, least);
    return wakeReport(wallet, Date.now());
  });
  await print(io, options, shown, () => wakeLines(shown));
}

function wakeLines(report: Json): string[] {
  const list = (name: string): readonly Json[] => report[name] as readonly Json[];
  const received = list('received').map((one) => {
    const note = (one['offer'] as Json | undefined)?.['payer_note'];
    return `Received ${amountText(one['amount_msat'] as string)}${note === undefined ? '' : `: ${textOf(note)}`}`;
  });
  const ended = list('ended').map((one) =>
    one['state'] === 'succeeded'
      ? `Paid ${amountText(one['amount_msat'] as string)} (${textOf(one['id'])})`
      : `Not paid: ${amountText(one['amount_msat'] as string)} (${textOf(one['id'])}): ${textOf(one['words'])}`,
  );
  const open = list('open').map(
    (one) => `Waits: ${amountText(one['amount_msat'] as string)} (${textOf(one['id'])}): ${textOf(one['words'])}`,
  );
  const lines = [...received, ...ended, ...open];
  return lines.length > 0 ? lines : ['Nothing has happened, and nothing waits.'];
}

async function status(io: Io, options: WalletOptions): Promise<void> {
  const { statusReport } = await import('../daemon/wallet/report.js');
  const shown = await withWallet(io, options, async (wallet) => {
    await wallet.ready(STATUS_MS);
    return statusReport(wallet);
  });
  await print(io, options, shown, () => statusLines(shown));
}

const STATUS_MS = 5_000;

function statusLines(report: Json): string[] {
  const node = report['node'] as Json | undefined;
  const lsp = report['lsp'] as Json;
  const offers = report['offers'] as readonly Json[];
  const open = report['open'] as readonly Json[];
  const reason = node?.['reason'] === undefined ? '' : `: ${textOf(node['reason'])}`;
  return [
    ...table([
      ['node', node && textOf(node['node_id'])],
      ['state', node && `${textOf(node['state'])}${reason}`],
      ['LSP', `${textOf(lsp['node_id'])} (${lsp['connected'] === true ? 'connected' : 'not connected'})`],
      ['spendable', amountText(report['spendable_msat'] as string)],
      ['receivable', amountText(report['receivable_msat'] as string)],
      ['server', report['has_server'] === true ? 'known' : 'not known: see server_paths in [wallet]'],
    ]),
    ...(offers.length === 0
      ? []
      : [
          '',
          ...columns(
            ['SLOT', 'OFFER', 'EXPIRES', 'CONFIRMED'],
            offers.map((one) => ['slot', 'state', 'expires_at', 'confirmed_at'].map((name) => textOf(one[name]))),
          ),
        ]),
    ...open.flatMap((one, i) => [
      ...(i === 0 ? [''] : []),
      `${amountText(one['amount_msat'] as string)}: ${textOf(one['words'])}`,
    ]),
  ];
}

async function payments(io: Io, options: WalletOptions & { limit: string }): Promise<void> {
  const limit = wholeNumber(options.limit, [1, 100], '--limit');
  const [{ loadConfig }, { openStore }, { paymentsReport }] = await Promise.all([
    import('../daemon/config/load.js'),
    import('../store/index.js'),
    import('../daemon/wallet/report.js'),
  ]);
  const config = await loadConfig(configPath(io, options), io.env);
  const store = await openStore({ url: config.database.url });
  const shown = await paymentsReport(store, Date.now(), limit).finally(() => store.close());
  await print(io, options, shown, () => {
    const received = (shown['received'] as readonly Json[]).map((one) => row('received', one, one['settled_at']));
    const sent = [...(shown['offer_payments'] as readonly Json[]), ...(shown['payments'] as readonly Json[])];
    const rows = [...received, ...sent.map((one) => row('paid', one, one['created_at']))];
    if (rows.length === 0) return ['Nothing was received or paid yet.'];
    return columns(
      ['WHAT', 'STATE', 'AMOUNT', 'WHEN', 'ID'],
      rows.sort((a, b) => b[3]!.localeCompare(a[3]!)),
    );
  });
}

function row(what: string, one: Json, at: unknown): string[] {
  return [
    what,
    textOf(one['state']),
    amountText(one['amount_msat'] as string),
    textOf(at),
    textOf(one['id'] ?? one['payment_hash']),
  ];
}

async function registerWebhook(io: Io, url: string, options: WalletOptions & { app: string }): Promise<void> {
  const webhook = webUrl(url);
  const { askSetWebhook, readWebhookSet } = await import('../offline/wake/index.js');
  const set = await withWallet(io, options, async (wallet) => {
    await beReady(wallet);
    const answer = await wallet.lsp.ask(askSetWebhook(options.app, webhook));
    const read = answer.ok ? readWebhookSet(answer.value) : answer;
    if (!read.ok) throw new CliError(read.error.code, read.error.message);
    return read.value;
  });
  const shown = {
    ...{ app_name: options.app, webhook, changed: !set.noChange },
    ...{ num_webhooks: set.numWebhooks, max_webhooks: set.maxWebhooks },
  };
  await print(io, options, shown, () => [
    set.noChange ? 'The LSP had it already.' : 'The LSP calls it from now on, and once now to try it.',
  ]);
}
