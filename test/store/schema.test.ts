import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eachEngine } from '../support/dialects.ts';
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
});
