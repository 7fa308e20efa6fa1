/** What a daemon with a node shows at /metrics. */
import { call, makeWorld, ready, until } from '../daemon/support.js';

export interface Exposed {
  /** Every metric, by its kind. */
  readonly kinds: ReadonlyMap<string, string>;
  readonly labels: ReadonlySet<string>;
  readonly text: string;
}

/** After a payment, so that every label has shown itself. */
export async function exposed(): Promise<Exposed> {
  const world = await makeWorld();
  try {
    await ready(world);
    await world.parts.api.receiver.cluster.refresh();
    const token = await world.token('admin');
    const { json } = await call(world, 'POST', '/v1/invoices', token, { amount_msat: '1000' });
    await call(world, 'POST', '/v1/sim/pay', token, { invoice: json['bolt11'] });
    await until(() => world.parts.api.paying?.status()?.graph.loaded === true);
    const shop = await call(world, 'POST', '/v1/sim/invoices', token, { amount_msat: '1000' });
    await call(world, 'POST', '/v1/payments', token, { invoice: shop.json['bolt11'], wait_seconds: 15 });
    const { metrics } = world.parts.api;
    metrics.delivery('delivered');
    metrics.storeError('store_unavailable');
    await until(() => world.parts.api.watch?.isStoreUp === true);
    const text = await metrics.registry.metrics();
    return {
      kinds: new Map([...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, kind]) => [name!, kind!])),
      labels: new Set([...text.matchAll(/[{,](\w+)="/g)].map(([, name]) => name!)),
      text,
    };
  } finally {
    await world.stop();
  }
}

const PART = /_(bucket|sum|count)$/;

/** What is wrong with a PromQL expression; empty if everything it names exists. */
export function exprProblems(expr: string, { kinds, labels }: Pick<Exposed, 'kinds' | 'labels'>): string[] {
  const problems: string[] = [];
  if (!isBalanced(expr)) problems.push('brackets do not match');
  const bare = expr.replace(/"[^"]*"/g, '""').replace(/\[[^\]]*\]/g, '');
  const named = new Set(
    [...bare.matchAll(/\b(by|without|on|ignoring) \(([^)]*)\)/g)].flatMap(([, , list]) => list!.split(/, */)),
  );
  for (const [, selector] of bare.matchAll(/\{([^}]*)\}/g))
    for (const matcher of selector!.split(',')) named.add(matcher.replace(/ *(=~|!~|!=|=).*/, '').trim());
  for (const label of named) if (!labels.has(label) && !FROM_PROMETHEUS.has(label)) problems.push(`no label ${label}`);
  const words = bare.replace(/\{[^}]*\}/g, '').replace(/\b(by|without) \([^)]*\)/g, '');
  for (const [word] of words.matchAll(/\b[a-zA-Z_]\w*/g)) {
    if (FUNCTIONS.has(word) || word === 'up') continue;
    const kind = kinds.get(word) ?? kinds.get(word.replace(PART, ''));
    if (kind === undefined) problems.push(`no metric ${word}`);
    else if (PART.test(word) && !kinds.has(word) && kind !== 'histogram') problems.push(`${word} is no histogram`);
    else if (kind === 'counter' && !new RegExp(`(rate|increase)\\(${word}`).test(bare))
      problems.push(`the counter ${word} without rate or increase`);
  }
  return problems;
}

/** Added when a target is scraped. */
const FROM_PROMETHEUS: ReadonlySet<string> = new Set(['job', 'instance', 'le']);
const FUNCTIONS: ReadonlySet<string> = new Set(
  'sum min max avg by and rate increase min_over_time histogram_quantile abs e9'.split(' '),
);

function isBalanced(expr: string): boolean {
  const open: string[] = [];
  const pairs: Readonly<Record<string, string>> = { ')': '(', '}': '{', ']': '[' };
  for (const character of expr.replace(/"[^"]*"/g, '')) {
    if ('({['.includes(character)) open.push(character);
    else if (character in pairs && open.pop() !== pairs[character]) return false;
  }
  return open.length === 0;
}
