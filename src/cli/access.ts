/** `manifold token …` and `manifold webhook …` */
import type { Command } from 'commander';
import { EVENT_TYPES } from '../daemon/event-json.js';
import { SCOPES } from '../daemon/scopes.js';
import { listOf, required, webUrl } from './checks.js';
import { ApiClient, type Json } from './client.js';
import { columns, type CommonOptions, print, table, textOf, withDaemon } from './common.js';
import { CliError, type Io, usageError } from './io.js';

export function registerAccess(program: Command, io: Io): void {
  registerTokens(program, io);
  registerWebhooks(program, io);
}

function registerTokens(program: Command, io: Io): void {
  const token = program.command('token').description('API tokens');
  withDaemon(token.command('create'))
    .description('create a token; it is shown only now')
    .option('--name <text>', 'what it is for (required)')
    .option('--scopes <list>', `what it may do (required), with commas: ${SCOPES.join(',')}`)
    .action(async (options: CommonOptions & { name?: string; scopes?: string }) => {
      const name = required(options.name, '--name');
      const scopes = listOf(required(options.scopes, '--scopes'), SCOPES, '--scopes');
      const client = await ApiClient.open(io, options);
      const made = await client.post('/v1/tokens', { name, scopes });
      await print(io, options, made, () =>
        table([
          ['token', textOf(made['token'])],
          ['id', textOf(made['id'])],
          ['scopes', (made['scopes'] as string[]).join(', ')],
        ]),
      );
    });
  withDaemon(token.command('list'))
    .description('list tokens')
    .action(async (options: CommonOptions) => {
      const page = await (await ApiClient.open(io, options)).get('/v1/tokens');
      const rows = (page['tokens'] as Json[]).map((one) => [
        textOf(one['id']),
        textOf(one['name']),
        (one['scopes'] as string[]).join(','),
        one['revoked_at'] === undefined ? 'valid' : 'revoked',
      ]);
      await print(io, options, page, () => columns(['ID', 'NAME', 'SCOPES', 'STATE'], rows));
    });
  withDaemon(token.command('revoke'))
    .description('make a token invalid, at once and for ever')
    .argument('<id>', 'id as listed')
    .action(async (id: string, options: CommonOptions) => {
      await (await ApiClient.open(io, options)).delete(`/v1/tokens/${idPart(id)}`);
      await print(io, options, { id, revoked: true }, () => [`Revoked ${id}.`]);
    });
}

function registerWebhooks(program: Command, io: Io): void {
  const webhook = program.command('webhook').description('webhooks, signed as Standard Webhooks');
  withDaemon(webhook.command('create'))
    .description('call a URL for events from now on; its secret is shown only now')
    .argument('<url>', 'http or https URL')
    .option('--types <list>', `only these events, with commas: ${EVENT_TYPES.join(',')}`)
    .action(async (url: string, options: CommonOptions & { types?: string }) => {
      const event_types = options.types === undefined ? [] : listOf(options.types, EVENT_TYPES, '--types');
      const body = { url: webUrl(url), event_types };
      const made = await (await ApiClient.open(io, options)).post('/v1/webhooks', body);
      await print(io, options, made, () =>
        table([
          ['id', textOf(made['id'])],
          ['secret', textOf(made['secret'])],
          ['url', textOf(made['url'])],
        ]),
      );
    });
  withDaemon(webhook.command('list'))
    .description('list webhooks')
    .action(async (options: CommonOptions) => {
      const page = await (await ApiClient.open(io, options)).get('/v1/webhooks');
      const rows = (page['webhooks'] as Json[]).map((one) => [
        textOf(one['id']),
        one['enabled'] === true ? 'on' : 'off',
        textOf(one['url']),
        (one['event_types'] as string[]).join(',') || 'all',
      ]);
      await print(io, options, page, () => columns(['ID', 'STATE', 'URL', 'EVENTS'], rows));
    });
  withDaemon(webhook.command('ping'))
    .description('send a signed test message now')
    .argument('<id>', 'id as listed')
    .action(async (id: string, options: CommonOptions) => {
      const result = await (await ApiClient.open(io, options)).post(`/v1/webhooks/${idPart(id)}/ping`);
      await print(io, options, result, () => [result['delivered'] === true ? 'Delivered.' : 'Not delivered.']);
      if (result['delivered'] !== true)
        throw new CliError(
          'not_delivered',
          `the endpoint did not take it: ${textOf(result['error'] ?? `status ${textOf(result['status'])}`)}`,
          1,
          options.json === true,
        );
    });
  withDaemon(webhook.command('enable'))
    .description('switch a webhook on again')
    .argument('<id>', 'id as listed')
    .action(async (id: string, options: CommonOptions) => {
      const result = await (await ApiClient.open(io, options)).post(`/v1/webhooks/${idPart(id)}/enable`);
      await print(io, options, result, () => [`${id} is on.`]);
    });
  withDaemon(webhook.command('delete'))
    .description('delete a webhook and what is owed to it')
    .argument('<id>', 'id as listed')
    .action(async (id: string, options: CommonOptions) => {
      await (await ApiClient.open(io, options)).delete(`/v1/webhooks/${idPart(id)}`);
      await print(io, options, { id, deleted: true }, () => [`Deleted ${id}.`]);
    });
}

function idPart(id: string): string {
  if (!/^[a-z0-9_]{1,64}$/.test(id)) throw usageError('that is not an id as listed');
  return id;
}
