/** A chain of our own: btcd on simnet, whose blocks pay to a key of the tests. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { p2wpkh, Transaction } from '@scure/btc-signer';
import { ec } from '../../src/crypto/index.js';
import { freePort } from '../e2e/processes.js';
import { Program, until } from './program.js';

export interface ChainAccess {
  readonly rpcHost: string;
  readonly user: string;
  readonly password: string;
  readonly certificatePath: string;
}

interface CoinbaseOutput {
  readonly txid: string;
  readonly height: number;
  readonly amount: bigint;
}

const SIMNET = { bech32: 'sb', pubKeyHash: 0x3f, scriptHash: 0x7b, wif: 0x64 };
const MATURITY = 100;
/** Segwit and CSV are active after three windows of 100 blocks. */
const FIRST_BLOCKS = 400;
const FEE_SAT = 10_000n;

export class Chain {
  readonly access: ChainAccess;
  readonly #program: Program;
  readonly #key: Uint8Array;
  readonly #agent: Agent;
  readonly #port: number;
  /** Outputs of the blocks that nobody has spent, the oldest first. */
  readonly #coinbases: CoinbaseOutput[] = [];
  #requests = 0;

  private constructor(program: Program, access: ChainAccess, port: number, key: Uint8Array) {
    this.#program = program;
    this.access = access;
    this.#port = port;
    this.#key = key;
    this.#agent = new Agent({
      keepAlive: true,
      ca: readFileSync(access.certificatePath),
      maxSockets: 4,
      servername: 'localhost',
    });
  }

  /** Starts btcd and mines until wallets can be funded and all soft forks are active. */
  static async start(btcd: string, folder: string): Promise<Chain> {
    const [port, listenPort] = [await freePort(), await freePort()];
    const key = new Uint8Array(randomBytes(32));
    const place = (name: string): string => join(folder, 'btcd', name);
    mkdirSync(join(folder, 'btcd'), { recursive: true });
    const access = {
      rpcHost: `127.0.0.1:${port}`,
      user: 'tests',
      password: randomBytes(12).toString('hex'),
      certificatePath: place('rpc.cert'),
    };
    const program = new Program('btcd', btcd, [
      '--simnet',
      '--txindex',
      '--nobanning',
      '--nostalldetect',
      '--norelaypriority',
      '--minrelaytxfee=0.00000001',
      '--trickleinterval=100ms',
      '--rpcmaxwebsockets=60',
      '--rpcmaxclients=60',
      `--configfile=${place('btcd.conf')}`,
      `--datadir=${place('data')}`,
      `--logdir=${place('log')}`,
      `--rpcuser=${access.user}`,
      `--rpcpass=${access.password}`,
      `--rpclisten=${access.rpcHost}`,
      `--listen=127.0.0.1:${listenPort}`,
      `--rpccert=${access.certificatePath}`,
      `--rpckey=${place('rpc.key')}`,
      `--miningaddr=${paymentTo(key).address}`,
    ]);
    try {
      const onLate = (): string => program.tail();
      // The key is written after the certificate.
      const isWritten = (): boolean => statSync(place('rpc.key')).size > 0;
      await until('btcd to write its certificate', isWritten, { onLate });
      const chain = new Chain(program, access, port, key);
      await until('btcd to answer', async () => (await chain.height()) === 0, { onLate });
      await chain.mine(FIRST_BLOCKS);
      return chain;
    } catch (error) {
      await program.kill();
      throw error;
    }
  }

  height(): Promise<number> {
    return this.rpc<number>('getblockcount');
  }

  /** Mines blocks with everything in the mempool. @returns the height of the last one */
  async mine(blocks: number): Promise<number> {
    const before = await this.height();
    const hashes = await this.rpc<string[]>('generate', blocks);
    // Outputs of later blocks are too young for any test.
    for (const [i, hash] of hashes.entries()) if (before + i < 60) await this.#rememberCoinbase(hash, before + i + 1);
    return before + blocks;
  }

  async #rememberCoinbase(blockHash: string, height: number): Promise<void> {
    const { tx } = await this.rpc<{ tx: string[] }>('getblock', blockHash, 1);
    const txid = tx[0]!;
    const { vout } = await this.rpc<{ vout: { value: number }[] }>('getrawtransaction', txid, 1);
    this.#coinbases.push({ txid, height, amount: BigInt(Math.round(vout[0]!.value * 1e8)) });
  }

  /** Pays to addresses of simnet; the next block confirms it. */
  async fund(outputs: readonly { readonly address: string; readonly amountSat: bigint }[]): Promise<void> {
    const height = await this.height();
    const total = outputs.reduce((sum, { amountSat }) => sum + amountSat, FEE_SAT);
    const payment = paymentTo(this.#key);
    const transaction = new Transaction();
    let inputs = 0n;
    while (inputs < total) {
      const coinbase = this.#coinbases.shift();
      if (!coinbase || coinbase.height + MATURITY > height) throw new Error('the tests have no coins left to spend');
      const { txid, amount } = coinbase;
      transaction.addInput({ txid, index: 0, witnessUtxo: { script: payment.script, amount } });
      inputs += amount;
    }
    for (const { address, amountSat } of outputs) transaction.addOutputAddress(address, amountSat, SIMNET);
    if (inputs > total) transaction.addOutput({ script: payment.script, amount: inputs - total });
    transaction.sign(this.#key);
    transaction.finalize();
    await this.rpc('sendrawtransaction', transaction.hex);
  }

  mempool(): Promise<string[]> {
    return this.rpc<string[]>('getrawmempool');
  }

  /** Waits until at least so many transactions wait for a block. */
  async untilMempool(transactions = 1): Promise<void> {
    await until(
      `${transactions} transactions in the mempool`,
      async () => (await this.mempool()).length >= transactions,
    );
  }

  get pid(): number {
    return this.#program.pid;
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    await this.#program.kill();
  }

  /** @throws {Error} with btcd's words */
  rpc<T>(method: string, ...params: unknown[]): Promise<T> {
    const { user, password } = this.access;
    const body = JSON.stringify({ jsonrpc: '1.0', id: ++this.#requests, method, params });
    return new Promise((resolve, reject) => {
      const call = request(
        {
          host: '127.0.0.1',
          port: this.#port,
          method: 'POST',
          agent: this.#agent,
          auth: `${user}:${password}`,
          headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => (text += chunk));
          response.on('error', reject);
          response.on('end', () => {
            try {
              const { result, error } = JSON.parse(text) as { result: T; error: { message: string } | null };
              if (error) reject(new Error(`btcd refused ${method}: ${error.message}`));
              else resolve(result);
            } catch {
              reject(new Error(`btcd answered ${method} with ${String(response.statusCode)} ${text}`));
            }
          });
        },
      );
      call.on('error', reject);
      call.end(body);
    });
  }
}

function paymentTo(key: Uint8Array): ReturnType<typeof p2wpkh> {
  return p2wpkh(ec.publicKey(key), SIMNET);
}
