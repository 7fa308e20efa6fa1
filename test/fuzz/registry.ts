/** Every decoder that has a fuzz entry. */
import type { FuzzTarget } from './target.js';
import { bip353Targets } from './targets/bip353.js';
import { bolt11Targets } from './targets/bolt11.js';
import { bolt12Targets } from './targets/bolt12.js';
import { messageTargets } from './targets/messages.js';
import { onionTargets } from './targets/onion.js';
import { phantomTargets } from './targets/phantom.js';
import { phantomOfferTargets } from './targets/phantom-offer.js';
import { wakeTargets } from './targets/wake.js';
import { wireTargets } from './targets/wire.js';

export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  ...wireTargets,
  ...onionTargets,
  ...bolt11Targets,
  ...bolt12Targets,
  ...bip353Targets,
  ...phantomTargets,
  ...messageTargets,
  ...phantomOfferTargets,
  ...wakeTargets,
];
