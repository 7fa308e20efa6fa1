/** Runs a module of this folder in a thread of its own, from sources and from a build alike. */
import { Worker } from 'node:worker_threads';

/**
 * @param name file in this folder, without its ending; it posts one message
 * @param environment variables that differ from ours, which modules of that thread see when they load
 */
export function inThread<T>(name: string, input: unknown, environment: Readonly<Record<string, string>>): Promise<T> {
  const options = { workerData: input, env: { ...process.env, ...environment } };
  const worker = import.meta.url.endsWith('.ts')
    ? new Worker(fromSources(new URL(`./${name}.ts`, import.meta.url)), { ...options, eval: true })
    : new Worker(new URL(`./${name}.js`, import.meta.url), options);
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => {
      reject(new Error(`the thread ${name} ended with code ${code} and said nothing`));
    });
  });
}

/** A thread does not take over the loader of its parent. */
function fromSources({ href }: URL): string {
  const loader = import.meta.resolve('tsx/esm/api');
  return `import(${JSON.stringify(loader)}).then(({ register }) => { register(); return import(${JSON.stringify(href)}); })`;
}
