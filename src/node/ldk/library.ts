/**
 * Loads LDK's WebAssembly build. It is no production dependency (12 MB, about 220 MB of memory once started), so it is
 * imported only when somebody asks for an LDK node.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type * as LdkNamespace from 'lightningdevkit';
import type * as NetNamespace from 'lightningdevkit-node-net';

export type Ldk = typeof LdkNamespace;

export interface LdkLibrary {
  readonly ldk: Ldk;
  readonly NodeLDKNet: typeof NetNamespace.NodeLDKNet;
}

/** The packages are not installed, or broken. Nothing else of Manifold needs them. */
export class LdkMissing extends Error {
  override readonly name = 'LdkMissing';
  readonly code = 'ldk_missing';

  constructor(cause: unknown) {
    super('LDK is not installed; run: npm install lightningdevkit@0.1.2-0 lightningdevkit-node-net@0.1.0', { cause });
  }
}

/** LDK refused a call that was expected to work. `detail` is LDK's own description where it gives one. */
export class LdkRefused extends Error {
  override readonly name = 'LdkRefused';
  readonly code = 'ldk_refused';

  constructor(what: string, detail?: unknown) {
    super(detail === undefined ? `LDK refused: ${what}` : `LDK refused: ${what} (${describe(detail)})`);
  }
}

/** LDK's error objects keep their message in `err` or `error`; enums are plain numbers. */
function describe(detail: unknown): string {
  if (typeof detail !== 'object' || detail === null) return String(detail);
  const { err, error } = detail as { err?: unknown; error?: unknown };
  const words = err ?? error;
  return typeof words === 'string' || typeof words === 'number' ? String(words) : detail.constructor.name;
}

/**
 * The good variant of one of LDK's result objects.
 * @throws {LdkRefused} if it is the other one
 */
export function expectOk<T extends object>(result: object, okClass: { readonly prototype: T }, what: string): T {
  if (result instanceof (okClass as unknown as new () => T)) return result;
  throw new LdkRefused(what, (result as { err?: unknown }).err);
}

/** LDK hands out a wrapper with a null pointer where an optional object is missing. */
export function isPresent(object: object | null | undefined): boolean {
  return object !== null && object !== undefined && (object as { ptr?: bigint }).ptr !== 0n;
}

let loading: Promise<LdkLibrary> | undefined;

/**
 * LDK, started once per thread.
 * @throws {LdkMissing}
 */
export function loadLdk(): Promise<LdkLibrary> {
  loading ??= start().catch((cause: unknown) => {
    loading = undefined; // the next caller may have better luck
    throw cause;
  });
  return loading;
}

async function start(): Promise<LdkLibrary> {
  let ldk: Ldk;
  let net: typeof NetNamespace;
  let binary: Uint8Array;
  try {
    ldk = await import('lightningdevkit');
    net = await import('lightningdevkit-node-net');
    binary = await readFile(createRequire(import.meta.url).resolve('lightningdevkit/liblightningjs.wasm'));
  } catch (cause) {
    throw new LdkMissing(cause);
  }
  await withoutBanner(() => ldk.initializeWasmFromBinary(binary));
  return { ldk, NodeLDKNet: net.NodeLDKNet };
}

/* eslint-disable no-console -- the library prints a line about itself there, which belongs to the results of our commands */
async function withoutBanner(body: () => Promise<void>): Promise<void> {
  const { log } = console;
  console.log = (...words: unknown[]) => {
    if (!String(words[0]).startsWith('Loaded LDK')) log(...words);
  };
  try {
    await body();
  } finally {
    console.log = log;
  }
}
/* eslint-enable no-console */
