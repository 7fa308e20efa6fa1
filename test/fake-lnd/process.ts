/** Fake LNDs in a process of their own, for tests with real daemons. */
import { Child, repositoryPath } from '../e2e/processes.js';
import { control, type ControlOrder, type FakeLndStatus } from './control.js';
import type { FakeLndDescription } from './description.js';

export interface FakeLndProcess {
  readonly description: FakeLndDescription;
  /** Of the simulated network's own server: payments, blocks, crashes. */
  readonly simUrl: string;
  order(wish: ControlOrder): Promise<FakeLndStatus>;
  kill(): Promise<void>;
}

/** @param folder for certificates and macaroons; the caller removes it */
export async function startFakeLnds(seed: string, folder: string): Promise<FakeLndProcess> {
  let found = (_: FakeLndDescription): void => undefined;
  const described = new Promise<FakeLndDescription>((resolve) => {
    found = resolve;
  });
  const child = Child.start(['--import', 'tsx', repositoryPath('test/fake-lnd/main.ts'), seed, folder], {
    onLine(line) {
      if (line.startsWith('{"adminPort":')) found(JSON.parse(line) as FakeLndDescription);
    },
  });
  const ended = child.exited.then(() => {
    throw new Error(`the fake LNDs ended:\n${child.output}`);
  });
  ended.catch(() => undefined);
  const description = await Promise.race([described, ended]);
  return {
    description,
    simUrl: `tcp://127.0.0.1:${description.adminPort}`,
    order: (wish) => control(description.controlPort, wish),
    kill: () => child.kill(),
  };
}
