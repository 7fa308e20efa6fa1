/** `manifold start`: runs the daemon until it is told to stop. */
import type { Command } from 'commander';
import { type CommonOptions, configPath, withConfig } from './common.js';
import { CliError, type Io } from './io.js';
import type { PassphraseOptions } from './passphrase.js';
import { seedOpener } from './seed-opener.js';

interface StartOptions extends CommonOptions, PassphraseOptions {}

const STOP_PATIENCE_MS = 20_000;

export function registerStart(program: Command, io: Io): void {
  withConfig(program.command('start'))
    .description('run the daemon; SIGTERM or Ctrl-C ends it')
    .option(
      '--passphrase-file <file>',
      'read the passphrase of the seed from a file (also $MANIFOLD_PASSPHRASE_FILE, $MANIFOLD_PASSPHRASE)',
    )
    .action(async (options: StartOptions) => start(io, options));
}

async function start(io: Io, options: StartOptions): Promise<void> {
  const [{ loadConfig }, { loadKeyRing }, { createLog }, { startDaemon }, { wallClock }] = await Promise.all([
    import('../daemon/config/load.js'),
    import('../daemon/cluster-ring.js'),
    import('../daemon/log.js'),
    import('../daemon/daemon.js'),
    import('../receive/clock.js'),
  ]);
  const config = await loadConfig(configPath(io, options), io.env);
  const ring = await loadKeyRing(config, io.env, seedOpener(io, options));
  const log = createLog({ level: config.log.level, destination: io.stdout, pretty: io.stdout.isTTY });
  const ended = signalled();
  const crash = (error: unknown): void => {
    log.fatal({ err: error }, 'manifold ends: this is a bug');
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  try {
    const daemon = await startDaemon({ config, ring, log, clock: wallClock, random: () => Math.random() });
    const signal = await ended.signal;
    log.info({ signal }, 'stopping');
    await withPatience(daemon.stop());
    log.info('stopped');
  } catch (error) {
    throw startError(error, config.api.listen);
  } finally {
    ended.unwatch();
    process.off('uncaughtException', crash);
    process.off('unhandledRejection', crash);
  }
}

function signalled(): { readonly signal: Promise<string>; unwatch(): void } {
  let resolve = (_signal: string): void => undefined;
  const signal = new Promise<string>((done) => {
    resolve = done;
  });
  const listener = (name: string): void => {
    resolve(name);
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, listener);
  return {
    signal,
    unwatch() {
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, listener);
    },
  };
}

async function withPatience(stopped: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new CliError(
          'stop_timeout',
          'the daemon did not stop in time and is ended; nothing that was committed is lost',
        ),
      );
    }, STOP_PATIENCE_MS);
  });
  await Promise.race([stopped, late]);
  clearTimeout(timer);
}

/** Names the next step for what usually goes wrong. */
function startError(error: unknown, listen: string): unknown {
  if (!(error instanceof Error) || error instanceof CliError) return error;
  const { code, nextStep } = error as { code?: unknown; nextStep?: unknown };
  if (code === 'EADDRINUSE') {
    return new CliError(
      'address_in_use',
      `${listen} is taken: is a daemon running already? Stop it, or change listen in [api]`,
    );
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL') {
    return new CliError('cannot_listen', `the API cannot listen on ${listen} (${code}); change listen in [api]`);
  }
  if (typeof nextStep === 'string') return new CliError(String(code), `${error.message}. ${nextStep}`);
  return error;
}
