/** Opens a wallet for one command, and closes it whatever happens. */
import type { Wallet } from '../daemon/wallet/wallet.js';
import { type CommonOptions, configPath } from './common.js';
import { CliError, type Io, warnPerson } from './io.js';
import type { PassphraseOptions } from './passphrase.js';
import { seedOpener } from './seed-opener.js';

export interface WalletOptions extends CommonOptions, PassphraseOptions {
  readonly verbose?: boolean;
}

/** What a command waits for its node and its LSP. */
const READY_MS = 30_000;

export async function withWallet<T>(
  io: Io,
  options: WalletOptions,
  errand: (wallet: Wallet) => Promise<T>,
): Promise<T> {
  const [{ loadConfig }, { loadKeyRing }, { createLog }, { Wallet }, { wallClock }] = await Promise.all([
    import('../daemon/config/load.js'),
    import('../daemon/cluster-ring.js'),
    import('../daemon/log.js'),
    import('../daemon/wallet/wallet.js'),
    import('../receive/clock.js'),
  ]);
  const config = await loadConfig(configPath(io, options), io.env);
  const level = options.verbose === true ? config.log.level : 'error';
  const log = createLog({ level, destination: io.stderr, pretty: io.stderr.isTTY });
  const warn = (message: string): void => {
    warnPerson(io, message);
  };
  const ring = await loadKeyRing(config, io.env, seedOpener(io, options, warn));
  const opened = await Wallet.open({ config, ring, log, clock: wallClock, random: () => Math.random() });
  if (!opened.ok)
    throw new CliError(opened.error.code, opened.error.message, opened.error.code === 'not_a_wallet' ? 2 : 1);
  const interrupted = interruption();
  try {
    return await Promise.race([errand(opened.value), interrupted.promise]);
  } finally {
    interrupted.unwatch();
    await opened.value.close();
  }
}

/** @throws {CliError} saying what is in the way */
export async function beReady(wallet: Wallet): Promise<void> {
  if (await wallet.ready(READY_MS)) return;
  const { code, message } = wallet.obstacle;
  throw new CliError(code, message);
}

/** Ctrl-C and SIGTERM: the wallet is closed, and goes on the next time. */
function interruption(): { readonly promise: Promise<never>; unwatch(): void } {
  let reject = (_reason: Error): void => undefined;
  const promise = new Promise<never>((_, refuse) => {
    reject = refuse;
  });
  promise.catch(() => undefined);
  const listener = (): void => {
    reject(new CliError('interrupted', 'interrupted; what has begun goes on at the next `manifold wallet wake`'));
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, listener);
  return {
    promise,
    unwatch() {
      for (const signal of signals) process.off(signal, listener);
    },
  };
}
