/** `manifold doctor`: looks over everything the daemon depends on, and says what to do about it. */
import type { Command } from 'commander';
import { type CommonOptions, configPath, print, withConfig, withJson } from './common.js';
import { findingLines, hasFailed } from './findings.js';
import { CliError, type Io } from './io.js';

export function registerDoctor(program: Command, io: Io): void {
  withJson(withConfig(program.command('doctor')))
    .description('check nodes, database, seed and clocks, whether the daemon runs or not; changes nothing')
    .option('--macaroons', 'also print the lines that bake macaroons with the least rights')
    .action(async (options: DoctorOptions) => doctor(io, options));
}

interface DoctorOptions extends CommonOptions {
  readonly macaroons?: boolean;
}

async function doctor(io: Io, options: DoctorOptions): Promise<void> {
  const [{ loadConfig }, { examine }, { macaroonLines }, { wallClock }] = await Promise.all([
    import('../daemon/config/load.js'),
    import('../daemon/doctor.js'),
    import('../daemon/node-check.js'),
    import('../receive/clock.js'),
  ]);
  const config = await loadConfig(configPath(io, options), io.env);
  const sections = await examine({ config, env: io.env, clock: wallClock });
  const all = sections.flatMap(({ about, findings }) => findings.map((finding) => ({ about, ...finding })));
  const hasLnd = config.nodes.some(({ kind }) => kind === 'lnd');
  const macaroons = hasLnd ? await macaroonLines() : [];
  const ok = !hasFailed(all);
  const showsMacaroons = options.macaroons === true || (hasLnd && !ok);
  await print(io, options, { ok, findings: all, macaroons }, () => [
    ...sections.flatMap(({ about, findings }) => [about, ...findingLines(findings), '']),
    ...(showsMacaroons ? [...macaroons.flatMap(({ what, line }) => [`# macaroon: ${what}`, line]), ''] : []),
    ok ? 'All is good.' : 'Put right what says FAIL, then run this again.',
    ...(hasLnd && !showsMacaroons ? ['The lines that bake macaroons: manifold doctor --macaroons'] : []),
  ]);
  if (ok) return;
  const failed = [...new Set(all.filter(({ level }) => level === 'fail').map(({ about }) => about))];
  throw new CliError('unhealthy', `something has to be put right: ${failed.join(', ')}`, 1, true);
}
