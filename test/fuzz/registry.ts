/** Every decoder that has a fuzz entry. */
import type { FuzzTarget } from './target.js';
import { bolt11Targets } from './targets/bolt11.js';
import { onionTargets } from './targets/onion.js';
import { phantomTargets } from './targets/phantom.js';
import { wireTargets } from './targets/wire.js';

export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  ...wireTargets,
  ...onionTargets,
  ...bolt11Targets,
  ...phantomTargets,
];
