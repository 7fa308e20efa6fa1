/** `manifold knowledge …` */
import type { Command } from 'commander';
import { ApiClient } from './client.js';
import { type CommonOptions, withDaemon } from './common.js';
import { type Io, writeJson } from './io.js';

export function registerKnowledge(program: Command, io: Io): void {
  const knowledge = program.command('knowledge').description('what payments have taught about the network');
  withDaemon(knowledge.command('export'))
    .description('print it as JSON, with --json or without')
    .action(async (options: CommonOptions) => {
      await writeJson(io, await (await ApiClient.open(io, options)).get('/v1/knowledge'));
    });
}
