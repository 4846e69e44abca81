import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { oneEngine } from '../support/dialects.ts';

oneEngine((engine) => {
  test('who asks for one thing after the other does not keep the event loop from all else', async () => {
    const { db } = await engine.open();
    let turns = 0;
    const others = setInterval(() => turns++, 1);
    const count = sql`with recursive n (i) as (select 1 union all select i + 1 from n where i < 20000) select count(*) from n`;
    const begun = performance.now();
    while (performance.now() - begun < 500) await count.execute(db);
    clearInterval(others);
    expect(turns).toBeGreaterThan(0);
  });
});
