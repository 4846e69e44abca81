import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Part, partsOf } from '../../src/store/structure.ts';
import { ON_POSTGRES } from '../../src/store/structure-postgres.ts';
import { eachEngine } from '../support/dialects.ts';
import { ROOT } from '../support/root.ts';
import { schemaText } from '../support/schema-text.ts';

/** After a new migration: `UPDATE_GOLDEN=1 npx vitest run test/store/schema.test.ts`, and read the difference. */
const UPDATE = process.env['UPDATE_GOLDEN'] === '1';

eachEngine((engine) => {
  test('the migrated schema is the committed one', async () => {
    const { db } = await engine.open();
    const golden = join(import.meta.dirname, '..', 'golden', `schema.${engine.name}.sql`);
    const dump = await schemaText(db);
    if (UPDATE) await writeFile(golden, dump);
    expect(dump).toBe(await readFile(golden, 'utf8'));
  });

  test.runIf(engine.name === 'postgres')(
    'what a server wants of a database of PostgreSQL is what the migrations make there',
    async () => {
      const { db } = await engine.open();
      const parts = await partsOf(db);
      if (UPDATE) await writeFile(join(ROOT, 'src', 'store', 'structure-postgres.ts'), sourceOf(parts));
      else expect(ON_POSTGRES).toEqual(parts);
    },
  );
});

function sourceOf(parts: readonly Part[]): string {
  return `// biome-ignore-all format: a part a line
import type { Part } from './structure.ts';

/** All that the migrations make on PostgreSQL. Written, and compared with what they make, by test/store/schema.test.ts. */
export const ON_POSTGRES: readonly Part[] = [
${parts.map((part) => `  ${JSON.stringify(part)},\n`).join('')}];
`;
}
