/**
 * Which folder may import what. `scripts/check-boundaries.ts` runs these rules and shows for each of them that it can fail.
 */
'use strict';

/** Folders from the ground up. A folder may import from groups before its own, never from later ones. */
const GROUPS = [
  ['wire'],
  ['crypto'],
  ['onion', 'bolt11', 'bolt12', 'bip353'],
  ['phantom', 'messages'],
  ['receive', 'send', 'offline'],
  ['node', 'store'],
  ['daemon'],
  ['demo', 'bench'],
  ['cli'],
];

/** Folders that compute and keep no state: no files, sockets, timers of their own and no packages. */
const PURE = ['wire', 'onion', 'bolt11', 'bolt12', 'bip353', 'phantom', 'messages', 'receive', 'send', 'offline'];

const under = (folders) => `^src/(${folders.join('|')})/`;
// A package that is not installed keeps its bare name.
const packages = (names) => `(^|^node_modules/|/node_modules/)(${names.join('|')})(/|$)`;

const upward = GROUPS.slice(0, -1).map((group, rank) => ({
  name: `${group.join('-')}-imports-downward-only`,
  severity: 'error',
  comment: 'Layers import from layers below them only.',
  from: { path: under(group) },
  to: { path: [under(GROUPS.slice(rank + 1).flat()), '^src/[^/]+\\.ts$'] },
}));

/** Pairs in one group that stay apart: `from` may not import `to`. */
const apart = [
  { from: ['bolt11'], to: ['onion', 'bolt12', 'bip353'] },
  { from: ['onion'], to: ['bolt11', 'bolt12', 'bip353'] },
  { from: ['bolt12'], to: ['bolt11', 'bip353'] },
  { from: ['bip353'], to: ['onion', 'bolt11', 'bolt12'] },
  { from: ['phantom'], to: ['messages'] },
  { from: ['messages'], to: ['phantom'] },
  { from: ['receive'], to: ['send', 'offline'] },
  { from: ['send'], to: ['receive', 'offline'] },
  { from: ['offline'], to: ['receive', 'send'] },
  { from: ['node'], to: ['store'] },
  { from: ['store'], to: ['node'] },
].map(({ from, to }) => ({
  name: `${from.join('-')}-not-${to.join('-')}`,
  severity: 'error',
  comment: 'These folders do not know each other.',
  from: { path: under(from) },
  to: { path: under(to) },
}));

/** Only the folder may import the packages. */
const owned = [
  {
    name: 'sql-in-store-only',
    from: '^src/store/',
    to: packages(['kysely', 'pg', '@photostructure/sqlite', '@types/pg']),
  },
  { name: 'http-in-daemon-only', from: '^src/daemon/', to: packages(['hono', '@hono/[^/]+']) },
  {
    name: 'ldk-in-its-adapter-only',
    from: '^src/node/ldk/',
    to: packages(['lightningdevkit', 'lightningdevkit-node-net']),
  },
  {
    name: 'protobuf-in-lnd-only',
    from: '^src/node/lnd/',
    to: packages(['@bufbuild/[^/]+']),
  },
  // The fake LND of the tests is made of it; our own streams are not (decision 0008).
  { name: 'grpc-js-in-tests-only', from: '^$', to: packages(['@grpc/[^/]+']) },
  {
    name: 'curve-libraries-in-crypto-only',
    from: '^src/crypto/',
    to: packages(['@noble/[^/]+', 'tiny-secp256k1', 'secp256k1']),
  },
  // Tokens and webhook signatures are hashed where they live; a TLS certificate is read where it is shown.
  { name: 'node-crypto-in-few-places', from: '^src/(crypto|store|daemon|node/lnd)/', to: '^(node:)?crypto$' },
].map(({ name, from, to }) => ({
  name,
  severity: 'error',
  comment: 'One folder knows this dependency, everything else sees a port.',
  from: { path: '^src/', pathNot: from },
  to: { path: to },
}));

module.exports = {
  forbidden: [
    ...upward,
    ...apart,
    ...owned,
    {
      name: 'library-face-not-cli',
      severity: 'error',
      comment: 'A library does not pull in its command line.',
      from: { path: '^src/[^/]+\\.ts$' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'adapters-do-not-know-each-other',
      severity: 'error',
      comment: 'Only node/<x>/ knows implementation x.',
      from: { path: '^src/node/([^/]+)/' },
      to: { path: '^src/node/[^/]+/', pathNot: '^src/node/$1/' },
    },
    {
      name: 'pure-folders-use-no-packages',
      severity: 'error',
      comment: 'Codecs and state machines depend on nothing but the folders below them.',
      from: { path: under(PURE) },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'core'] },
    },
    {
      name: 'nothing-circular',
      severity: 'error',
      comment: 'A circle cannot be understood, tested or loaded one file at a time.',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'shipped-code-imports-shipped-code',
      severity: 'error',
      comment: 'Tests, benchmarks and scripts are not in the package.',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts|bin)/' },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      comment: 'An import that resolves to nothing is a mistake, and hides from every other rule.',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    combinedDependencies: false,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
};
