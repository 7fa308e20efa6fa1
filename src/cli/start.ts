/** `manifold start`: runs the daemon until it is told to stop. */
import type { Command } from 'commander';
import { type CommonOptions, configPath, withConfig } from './common.js';
import { CliError, type Io, warnPerson } from './io.js';
import type { PassphraseOptions } from './passphrase.js';
import { seedOpener } from './seed-opener.js';

interface StartOptions extends CommonOptions, PassphraseOptions {}

/** From the signal on, whatever is waited for. */
const STOP_PATIENCE_MS = 10_000;
/** For the last words to be written. */
const EXIT_AFTER_MS = 500;

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
  const log = createLog({ level: config.log.level, destination: io.stdout, pretty: io.stdout.isTTY });
  const warn = (message: string): void => {
    log.warn(message);
    warnPerson(io, message);
  };
  log.info('opening the seed');
  const ring = await loadKeyRing(config, io.env, seedOpener(io, options, warn));
  const ended = signalled();
  const crash = (error: unknown): void => {
    log.fatal({ err: error }, 'manifold ends: this is a bug');
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  const patience = patienceAfter(ended.signal);
  try {
    const starting = startDaemon({ config, ring, log, clock: wallClock, random: () => Math.random(), warn });
    const daemon = await Promise.race([starting, patience.over]);
    const signal = await Promise.race([ended.signal, daemon.refused]);
    log.info({ signal }, 'stopping');
    await Promise.race([daemon.stop(), patience.over]);
    log.info('stopped');
  } catch (error) {
    throw startError(error, config.api.listen);
  } finally {
    patience.forget();
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

/** Rejects a while after the signal, and then ends the process although something still holds it. */
function patienceAfter(signal: Promise<string>): { readonly over: Promise<never>; forget(): void } {
  let timer: NodeJS.Timeout | undefined;
  let isForgotten = false;
  const over = new Promise<never>((_, reject) => {
    void signal.then(() => {
      if (isForgotten) return;
      timer = setTimeout(() => {
        setTimeout(() => process.exit(1), EXIT_AFTER_MS).unref();
        reject(
          new CliError(
            'stop_timeout',
            'the daemon did not stop in time and is ended; nothing that was committed is lost',
          ),
        );
      }, STOP_PATIENCE_MS);
    });
  });
  over.catch(() => undefined); // it may come when nobody waits any more
  return {
    over,
    forget() {
      isForgotten = true;
      clearTimeout(timer);
    },
  };
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
