import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LISTS } from '../support/house.ts';
import type { Instance } from '../support/instance.ts';
import { runCurfew } from '../support/process.ts';

/** What is wrong with the audit log of a project, as whoever verifies an export of it is told; null: nothing. */
export async function faultOfLog(house: Instance): Promise<string | null> {
  const [log, key] = [join(house.temporary, 'log.jsonl'), join(house.temporary, 'key.asc')];
  writeFileSync(key, await house.certificate(LISTS.security));
  const exported = await house.curfew('audit', 'export', '--out', log);
  if (exported.code !== 0) return `the log is not exported: ${exported.stderr}`;
  const { code, stdout, stderr } = await runCurfew(['audit', 'verify', log, '--key', key]);
  return code === 0 ? null : `the log does not verify: ${stdout}${stderr}`;
}
