/** BOLT 11: decoding with the signature, beside the npm peers and LDK. */
import { decodeInvoice } from '../bolt11/index.js';
import { ec } from '../crypto/index.js';
import { loadLdk } from '../node/ldk/index.js';
import { unwrap } from '../wire/result.js';
import { sampleInvoice } from './fixtures.js';
import {
  atLeast,
  type BenchOptions,
  type BenchReport,
  compared,
  type Contender,
  machineName,
  opsPerSecond,
} from './measure.js';
import { loadPeer } from './peers.js';

const SAMPLES = 64;

interface PeerRow {
  readonly name: string;
  readonly leastRatio: number;
  readonly contender: Contender | string;
}

export async function benchBolt11({ quick }: BenchOptions): Promise<BenchReport> {
  const invoices = Array.from({ length: SAMPLES }, (_, i) => sampleInvoice(i));
  const peers: PeerRow[] = [
    { name: '@node-lightning/invoice', leastRatio: 1.3, contender: nodeLightning(invoices) },
    { name: 'bolt11', leastRatio: 2, contender: bolt11Package(invoices) },
    { name: 'LDK WASM', leastRatio: 10, contender: await ldk(invoices) },
  ];
  const ours: Contender = {
    name: 'ours',
    run(i) {
      if (!decodeInvoice(invoices[i % SAMPLES]!).ok) throw new Error('decode failed');
    },
  };
  const decoded = invoices.map((text) => unwrap(decodeInvoice(text)));
  const recovering: Contender = {
    name: 'recover',
    run(i) {
      const { signingHash, signature, recoveryId } = decoded[i % SAMPLES]!;
      if (!ec.recover(signingHash, signature, recoveryId)) throw new Error('recover failed');
    },
  };
  const found = peers.flatMap(({ contender }) => (typeof contender === 'string' ? [] : [contender]));
  const rates = opsPerSecond([ours, recovering, ...found], quick ? 60 : 400);
  return {
    name: 'bolt11',
    machine: machineName(),
    results: [
      ...peers.map(({ name, leastRatio, contender }) =>
        compared(
          `decode with signature, ${invoices[0]!.length} characters (${ec.backend})`,
          rates.get('ours')!,
          typeof contender === 'string' ? { name, missing: contender } : { name, value: rates.get(contender.name)! },
          leastRatio,
        ),
      ),
      // The bound: no decoder that checks signatures with this library is faster.
      { ...atLeast(`recovering the payee's key alone (${ec.backend})`, rates.get('recover')!, 0), target: null },
    ],
  };
}

function bolt11Package(invoices: readonly string[]): Contender | string {
  const peer = loadPeer<{ decode(text: string): { payeeNodeKey?: string } }>('bolt11');
  if ('missing' in peer) return peer.missing;
  return {
    name: 'bolt11',
    run(i) {
      if (!peer.found.decode(invoices[i % SAMPLES]!).payeeNodeKey) throw new Error('no payee');
    },
  };
}

function nodeLightning(invoices: readonly string[]): Contender | string {
  const peer = loadPeer<{ decode(text: string): { pubkey?: Uint8Array } }>('@node-lightning/invoice');
  if ('missing' in peer) return peer.missing;
  return {
    name: '@node-lightning/invoice',
    run(i) {
      if (!peer.found.decode(invoices[i % SAMPLES]!).pubkey) throw new Error('no payee');
    },
  };
}

async function ldk(invoices: readonly string[]): Promise<Contender | string> {
  try {
    const { ldk: library } = await loadLdk();
    return {
      name: 'LDK WASM',
      run(i) {
        const read = library.Bolt11Invoice.constructor_from_str(invoices[i % SAMPLES]!);
        if (!(read instanceof library.Result_Bolt11InvoiceParseOrSemanticErrorZ_OK))
          throw new Error('LDK refused the invoice');
        if (read.res.recover_payee_pub_key().length !== 33) throw new Error('no payee');
      },
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
