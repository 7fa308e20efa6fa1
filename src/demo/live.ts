/** `manifold demo`: the story in real time. Ends by itself, or at once when it is told to stop. */
import { Narrator, type Output, sats } from './narrator.js';
import { OWN_COMMAND } from './own-command.js';
import { RealClock } from './real-clock.js';
import { serveWorld, type Serving } from './serve.js';
import { tellStory, type Told } from './story.js';
import { DemoWorld, MEMBERS } from './world.js';

export interface LiveOptions {
  readonly seed: number;
  readonly output: Output;
  readonly colour: boolean;
  readonly signal: AbortSignal;
  /** Of the HTTP API, which is served until the signal comes; undefined: no API, the end of the story is the end. */
  readonly port: number | undefined;
}

/** Short, so that nobody waits long for a take-over in the story; a daemon's is longer. */
const LEASE_TTL_MS = 3_000;
/** What has not stopped by then is left behind. */
const STOP_WITHIN_MS = 700;

/** @returns the exit code: 0 if the story went as told or was stopped, 1 if it did not */
export async function runLive({ seed, output, colour, signal, port }: LiveOptions): Promise<number> {
  const narrator = new Narrator(output, colour);
  const clock = new RealClock();
  const opened: { close(): Promise<unknown> }[] = [];
  const play = async (): Promise<void> => {
    const startedAt = clock.now();
    const world = await DemoWorld.create({ seed: `${seed}/live`, clock, leaseTtlMs: LEASE_TTL_MS });
    opened.push(world);
    const serving = port === undefined ? undefined : await serveWorld(world, port);
    if (serving) {
      opened.push({ close: () => serving.stop() });
      narrator.aside(`HTTP API: ${serving.url} (how to use it is told at the end)`);
    }
    summarise(narrator, await tellStory({ world, narrator }), clock.now() - startedAt);
    if (!serving) return;
    explain(narrator, serving);
    await new Promise(() => undefined); // the cluster goes on until it is stopped
  };
  introduce(narrator, seed);
  try {
    const ended = await Promise.race([play().then(() => 'told'), stopOf(signal)]);
    if (ended === 'stopped') narrator.line('\nStopped.');
    return 0;
  } catch (thrown) {
    narrator.line();
    narrator.bad(`This did not go as it should: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    narrator.say(`Please report it with the seed ${seed}.`);
    return 1;
  } finally {
    await closeSoon(opened.reverse());
    clock.stop();
  }
}

function stopOf(signal: AbortSignal): Promise<'stopped'> {
  return new Promise((resolve) => {
    const stop = (): void => resolve('stopped');
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

async function closeSoon(opened: readonly { close(): Promise<unknown> }[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, STOP_WITHIN_MS);
  });
  const closeAll = async (): Promise<void> => {
    for (const part of opened) await part.close();
  };
  await Promise.race([closeAll().catch(() => undefined), late]); // all of it is thrown away either way
  clearTimeout(timer);
}

function introduce(narrator: Narrator, seed: number): void {
  narrator.headline('Manifold: many Lightning nodes, one merchant');
  narrator.line();
  narrator.say('A merchant runs three Lightning nodes: alpha, beta, and gamma with private channels only.');
  narrator.say('Carol and Dave are customers, north and south forward payments.');
  narrator.say('The network is simulated in this process; onions, invoices and failures are real bytes, time is real.');
  narrator.aside(`Seed ${seed}: --seed ${seed} brings the same amounts and nodes again. Ctrl-C stops.`);
}

function summarise(narrator: Narrator, { payments, receivedMsat, byNode, refused, sentMsat }: Told, ms: number): void {
  narrator.line();
  narrator.headline(`Told in ${Math.round(ms / 1000)} s`);
  narrator.say(
    `${payments} payments, ${sats(receivedMsat)} received; ${refused} cheats refused; nothing lost, nothing taken twice.`,
  );
  for (const member of MEMBERS) {
    const amount = byNode.get(member) ?? 0n;
    const share = receivedMsat > 0n ? (100 * Number(amount)) / Number(receivedMsat) : 0;
    const bar = '█'.repeat(Math.round(share / 4)).padEnd(25);
    narrator.say(`${member.padEnd(6)} ${bar} ${share.toFixed(1).padStart(5)} %  ${sats(amount)}`);
  }
  narrator.say(`${sats(sentMsat)} paid by all three together.`);
  narrator.aside(`All of it again, checked claim by claim: ${OWN_COMMAND} demo --once`);
}

function explain(narrator: Narrator, { url, token }: Serving): void {
  narrator.line();
  narrator.headline(`The cluster is yours: ${url} (Ctrl-C ends it)`);
  narrator.say(`In another terminal${OWN_COMMAND === 'manifold' ? '' : ', in this folder'}:`);
  for (const line of [
    `export MANIFOLD_API=${url} MANIFOLD_TOKEN=${token}`,
    `${OWN_COMMAND} invoice create --amount 21000sat --description coffee`,
    `${OWN_COMMAND} sim pay <invoice> --parts 3`,
    `${OWN_COMMAND} events`,
    'curl -s -H "authorization: Bearer $MANIFOLD_TOKEN" $MANIFOLD_API/v1/receipts',
  ]) {
    narrator.command(line);
  }
}
