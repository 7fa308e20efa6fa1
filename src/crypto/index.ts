/** Cryptography by name. Nothing outside this folder knows which library computes. */
export type { Ec, EcBackend, RecoverableSignature } from './ec.js';
export {
  availableBackends,
  chacha20,
  ec,
  hmacSha256,
  openChaCha20Poly1305,
  randomBytes,
  sealChaCha20Poly1305,
  sha256,
} from './platform.js';
export { hkdfBlocks } from './hkdf.js';
