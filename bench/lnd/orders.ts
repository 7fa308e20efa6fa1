/** What the measuring process tells the process of the lean LNDs, and what it hears. Times in ms, taken over there. */
export type Order =
  | { readonly do: 'open'; readonly nodes: number }
  /** Makes payments ready, part i at node i modulo the number of nodes. Replaces those that are left. */
  | { readonly do: 'prepare'; readonly payments: number; readonly parts: number }
  /** Shows all prepared payments with so many HTLCs in flight. */
  | { readonly do: 'saturate'; readonly window: number }
  /** Shows all prepared payments, one at a time. */
  | { readonly do: 'one-by-one' }
  /** Shows prepared payments again and again, under new ids, with so many HTLCs in flight; 0 stops. */
  | { readonly do: 'load'; readonly window: number }
  /** Shows ordinary forwards to the first node, one every 3 ms. */
  | { readonly do: 'forwards'; readonly count: number }
  /** Makes and shows payments of one part at a steady rate. */
  | { readonly do: 'steady'; readonly perSecond: number; readonly seconds: number };

export interface Opened {
  readonly certificate: string;
  readonly addresses: readonly string[];
}

export interface Waits {
  /** From showing to the answer: of a payment's last part, or of a forward. */
  readonly waits: readonly number[];
  /** From the first to the last. */
  readonly tookMs: number;
}

export interface Numbered<T> {
  readonly id: number;
  readonly body: T;
}
