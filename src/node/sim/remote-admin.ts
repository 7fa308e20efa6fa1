/** Administration of a simulated network in another process. */
import { z } from 'zod';
import type { BlockHeight, Msat } from '../../wire/units.js';
import type { Observations } from './network.js';
import type { PaymentRecord } from './payment.js';
import { Asker } from './remote-connection.js';
import { payRequest, type PlainJson, type RemoteFault, type RemotePayRequest } from './remote-wire.js';

/** An invoice of a simulated node, hash in hex. */
export interface RemoteInvoice {
  readonly bolt11: string;
  readonly paymentHash: string;
}

const tillState = z.object({ isHeld: z.boolean(), isPaid: z.boolean() });

/** Pays, mines and breaks things in a simulated network of another process. */
export class RemoteSimAdmin {
  readonly #asker: Asker;

  constructor(url: string) {
    this.#asker = new Asker(url);
  }

  async nodes(): Promise<readonly { name: string; nodeId: string; online: boolean; height: BlockHeight }[]> {
    return (await this.#asker.ask({ verb: 'nodes' })) as {
      name: string;
      nodeId: string;
      online: boolean;
      height: number;
    }[];
  }

  /** Starts a payment. @returns its index, to ask for its record */
  async pay(payer: string, payment: RemotePayRequest): Promise<number> {
    return z.number().parse(await this.#asker.ask({ verb: 'pay', payer, payment: z.encode(payRequest, payment) }));
  }

  async payment(payer: string, index: number): Promise<PlainJson<PaymentRecord>> {
    return (await this.#asker.ask({ verb: 'payment', payer, index })) as PlainJson<PaymentRecord>;
  }

  /** @param hold what arrives waits for {@link decide} */
  async invoice(node: string, amountMsat: Msat, hold = false): Promise<RemoteInvoice> {
    const question = { verb: 'invoice', node, amountMsat: amountMsat.toString(), hold };
    return (await this.#asker.ask(question)) as RemoteInvoice;
  }

  /** How an invoice of {@link invoice} stands. */
  async till(node: string, paymentHash: string): Promise<z.output<typeof tillState>> {
    return tillState.parse(await this.#asker.ask({ verb: 'till', node, paymentHash }));
  }

  /** Takes what is held or will come, or gives it back. */
  async decide(node: string, paymentHash: string, decision: 'settle' | 'cancel'): Promise<void> {
    await this.#asker.ask({ verb: 'decide', node, paymentHash, decision });
  }

  async inject(fault: RemoteFault): Promise<void> {
    await this.#asker.ask({ verb: 'inject', fault });
  }

  async observations(): Promise<PlainJson<Observations>> {
    return (await this.#asker.ask({ verb: 'observations' })) as PlainJson<Observations>;
  }

  close(): Promise<void> {
    return this.#asker.close();
  }
}
