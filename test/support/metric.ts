import type { Instance } from './instance.ts';

/** The value of a gauge without labels, as /metrics of that server tells it; NaN where it tells none. */
export async function metric({ httpPort, adminToken }: Pick<Instance, 'httpPort' | 'adminToken'>, name: string): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${httpPort}/metrics`, { headers: { authorization: `Bearer ${adminToken}` } });
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await answer.text())?.[1]);
}
