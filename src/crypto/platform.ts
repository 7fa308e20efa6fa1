/** What this platform computes with, in Node. Bundlers for browsers swap this file for `platform-browser`. */
import { type Ec, type EcBackend } from './ec.js';
import { loadNativeEc } from './ec-native.js';
import { nobleEc } from './ec-noble.js';
import { tinyEc } from './ec-tiny.js';

export {
  sha256,
  hmacSha256,
  chacha20,
  sealChaCha20Poly1305,
  openChaCha20Poly1305,
  randomBytes,
} from './node-symmetric.js';

/** The backends that work here, fastest first. */
export function availableBackends(): Ec[] {
  const native = loadNativeEc();
  return native ? [native, tinyEc, nobleEc] : [tinyEc, nobleEc];
}

/** `MANIFOLD_EC=native|tiny|noble` in the environment overrides the choice. */
function chooseBackend(): Ec {
  const wanted = process.env['MANIFOLD_EC'] as EcBackend | undefined;
  const backends = availableBackends();
  if (!wanted) return backends[0]!;
  const chosen = backends.find(({ backend }) => backend === wanted);
  if (!chosen) {
    throw new Error(
      `MANIFOLD_EC=${wanted}: not available here; use one of ${backends.map((b) => b.backend).join(', ')}`,
    );
  }
  return chosen;
}

export const ec: Ec = chooseBackend();
