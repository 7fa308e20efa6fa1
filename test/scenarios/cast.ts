/** A shop of three nodes and people who pay it, each with a whole daemon, in virtual time. */
import type { Party } from '../../src/demo/party.js';
import { type CastOptions, Stage } from '../../src/demo/stage.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import { unwrap } from '../../src/wire/result.js';

export const MEMBERS = ['alpha', 'beta', 'gamma'] as const;

export interface Play {
  readonly stage: Stage;
  readonly shop: Party;
  readonly payer: Party;
  readonly lines: string[];
}

export type OfferFields = Parameters<NonNullable<Party['parts']['api']['offers']>['create']>[0];

export async function offerOf(shop: Party, fields: OfferFields = {}): Promise<{ text: string; id: string }> {
  const { record } = unwrap(await shop.parts.api.offers!.create({ description: 'tea', ...fields }));
  return { text: record.bolt12, id: record.id };
}

/** Plays it to its end. */
export async function play(
  seed: string,
  act: (play: Play) => Promise<void>,
  { payer = {}, shop = {} }: { readonly payer?: Partial<CastOptions>; readonly shop?: Partial<CastOptions> } = {},
): Promise<void> {
  const clock = new VirtualClock();
  const stage = new Stage({ seed, clock });
  stage.preset();
  const lines: string[] = [];
  const onLine = (who: string) => (line: string) => void lines.push(`${who} ${line}`);
  await clock.finish(
    (async () => {
      const cast = {
        shop: await stage.enter({ nodes: MEMBERS, onLine: onLine('shop'), ...shop }),
        payer: await stage.enter({ nodes: ['carol'], onLine: onLine('payer'), ...payer }),
      };
      await stage.settleIn();
      await act({ stage, lines, ...cast });
      await stage.untilQuiet();
      await stage.close();
    })(),
  );
}
