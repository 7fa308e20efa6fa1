/** The payee inside the cluster. */
export { INTERNAL_NAME, InternalNode, type InternalNodeOptions } from './internal-node.js';
export type { InternalHtlcs } from './store-port.js';
