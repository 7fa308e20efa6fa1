/** The story of the live demonstration, on virtual time. */
import { describe, expect, it } from 'vitest';
import { runLive } from '../../src/demo/live.js';
import { Narrator } from '../../src/demo/narrator.js';
import { tellStory, type Told } from '../../src/demo/story.js';
import { DemoWorld, MEMBERS } from '../../src/demo/world.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';

class Text {
  text = '';
  write(text: string): void {
    this.text += text;
  }
}

interface Heard {
  readonly told: Told;
  readonly text: string;
  readonly seconds: number;
}

function tell(seed: string): Promise<Heard> {
  const clock = new VirtualClock();
  const output = new Text();
  const run = async (): Promise<Heard> => {
    const world = await DemoWorld.create({ seed, clock, leaseTtlMs: 3_000 });
    const startedAt = world.now;
    const told = await tellStory({ world, narrator: new Narrator(output, false) });
    const seconds = (world.now - startedAt) / 1000;
    await world.untilQuiet();
    await world.close();
    return { told, text: output.text, seconds };
  };
  return clock.finish(run());
}

describe('the story', () => {
  it('goes well with every seed tried, in half a minute to a minute', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const { told, seconds } = await tell(`${seed}/live`);
      expect(told).toMatchObject({ payments: 6, refused: 2 });
      expect(told.sentMsat).toBeGreaterThan(40_000_000_000n);
      expect(seconds, `seed ${seed}`).toBeGreaterThan(25);
      expect(seconds, `seed ${seed}`).toBeLessThan(60);
      expect([...told.byNode.keys()].sort()).toEqual([...MEMBERS]);
      expect([...told.byNode.values()].reduce((sum, amount) => sum + amount, 0n)).toBe(told.receivedMsat);
    }
  });

  it('says in plain words what happens', async () => {
    const { text } = await tell('words');
    for (const expected of [
      /1\. One invoice, payable at whichever node is up\n/,
      /The merchant makes an invoice over [\d,]+ sat\. It names \w+, \w+ and \w+\./,
      /! \w+ loses power\.\n.*Carol scans the invoice and pays\./,
      /no answer from there\. It tries another way\./,
      /[\d,]+ sat arrive at gamma: held, part 3 of 3\./,
      /✓ [\d,]+ sat received at alpha, beta and gamma, [\d.]+ s after the payer began\./,
      /! beta crashes while it holds its part\./,
      /! kill -9, right after the commit/,
      /Another process \(manifold-2\)/,
      /✗ refused: "incorrect_or_unknown_payment_details"/,
      /✗ refused: "final_incorrect_htlc_amount"/,
      /Dave gets his [\d,]+ sat back/,
      /✗ alpha alone is refused before anything is sent/,
      /✓ alpha, beta and gamma pay it together in \d+ parts, [\d.]+ s after the payer began; fees [\d,.]+ sat\./,
    ]) {
      expect(text).toMatch(expected);
    }
    expect(text).not.toMatch(/msat|undefined|null|NaN/);
    expect(text).not.toContain('\u001b');
  });
});

describe('the live demonstration', () => {
  it('ends well when it is stopped before it began', async () => {
    const output = new Text();
    const code = await runLive({ seed: 1, output, colour: false, signal: AbortSignal.abort(), port: undefined });
    expect(code).toBe(0);
    expect(output.text).toMatch(/Seed 1.*\n\nStopped\.\n$/s);
  });
});
