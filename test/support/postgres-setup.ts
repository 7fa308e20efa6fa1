/** For `globalSetup`: one PostgreSQL cluster for the whole test run instead of one per thread. */
import { sharedPostgres } from './postgres.js';

export async function setup(): Promise<() => Promise<void>> {
  const server = await sharedPostgres();
  if (server?.control !== undefined) process.env.MANIFOLD_TEST_POSTGRES = server.url;
  return async () => {
    await server?.control?.stop('immediate');
  };
}
