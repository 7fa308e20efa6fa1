/** `manifold events` */
import type { Command } from 'commander';
import { amountText } from './amount.js';
import { EVENT_TYPES } from '../daemon/event-json.js';
import { listOf } from './checks.js';
import { ApiClient, type Json } from './client.js';
import { type CommonOptions, textOf, withDaemon } from './common.js';
import { CliError, type Io, printable, usageError, writeJson, writeLine } from './io.js';

interface EventsOptions extends CommonOptions {
  readonly follow?: boolean;
  readonly after?: string;
  readonly types?: string;
}

const RETRY_MS = 1_000;

export function registerEvents(program: Command, io: Io): void {
  withDaemon(program.command('events'))
    .description('print what happened, one event per line')
    .option('-f, --follow', 'go on with what happens, also after a restart of the daemon')
    .option('--after <id>', 'begin after this event (default: the beginning; with --follow: now)')
    .option('--types <list>', `only these, with commas: ${EVENT_TYPES.join(',')}`)
    .action(async (options: EventsOptions) => {
      if (options.after !== undefined && !/^\d{1,18}$/.test(options.after))
        throw usageError(`--after is the id of an event, a whole number, not "${options.after}"`);
      if (options.types !== undefined) listOf(options.types, EVENT_TYPES, '--types');
      const client = await ApiClient.open(io, options);
      if (options.follow) await follow(io, client, options);
      else await pages(io, client, options);
    });
}

function queryOf(after: string | undefined, types: string | undefined): string {
  const query = new URLSearchParams();
  if (after !== undefined) query.set('after', after);
  if (types !== undefined) query.set('types', listOf(types, EVENT_TYPES, '--types').join(','));
  return query.toString();
}

async function pages(io: Io, client: ApiClient, options: EventsOptions): Promise<void> {
  let after = options.after ?? '0';
  for (;;) {
    const page = await client.get(`/v1/events?${queryOf(after, options.types)}`);
    const events = page['events'] as Json[];
    for (const event of events) await printEvent(io, options, event);
    if (events.length === 0) return;
    after = textOf(page['next_after']);
  }
}

/** Never ends by itself, except where the daemon refuses. */
async function follow(io: Io, client: ApiClient, options: EventsOptions): Promise<void> {
  let after = options.after ?? textOf((await client.get('/v1/events?limit=1&after=latest'))['next_after']);
  for (;;) {
    try {
      const path = `/v1/events?${queryOf(after, options.types)}`;
      const response = await client.fetch(path, { headers: { accept: 'text/event-stream' } });
      for await (const event of sentEvents(response)) {
        await printEvent(io, options, event);
        after = textOf(event['id']);
      }
    } catch (error) {
      const isRefusal =
        error instanceof CliError &&
        !['not_running', 'unreachable', 'store_unavailable', 'starting', 'too_many_streams'].includes(error.code);
      if (isRefusal) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** Data of server-sent events; comments are passed over. */
async function* sentEvents(response: Response): AsyncGenerator<Json> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    const messages = text.split('\n\n');
    text = messages.pop()!;
    for (const message of messages) {
      const data = message
        .split('\n')
        .filter((line) => line.startsWith('data: '))
        .map((line) => line.slice('data: '.length));
      if (data.length > 0) yield JSON.parse(data.join('\n')) as Json;
    }
  }
}

async function printEvent(io: Io, { json }: CommonOptions, event: Json): Promise<void> {
  if (json) return writeJson(io, event);
  const data = event['data'] as Json;
  const amount = data['amount_msat'] === undefined ? '' : `  ${amountText(data['amount_msat'] as string)}`;
  const note = data['reason'] ?? data['message'];
  const words = [
    `#${textOf(event['id'])}`,
    textOf(event['created_at']),
    textOf(event['type']).padEnd(17),
    textOf(event['payment_hash'] ?? ''),
  ];
  await writeLine(io, printable(`${words.join('  ')}${amount}${note === undefined ? '' : `  ${textOf(note)}`}`));
}
