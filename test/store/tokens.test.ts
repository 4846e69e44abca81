import { expect, test } from 'vitest';
import type { Token } from '../../src/store/schema.ts';
import * as tokens from '../../src/store/tokens.ts';
import { eachEngine } from '../support/dialects.ts';
import { NOW } from './roster-rows.ts';

function token(id: string, name: string): Token {
  return {
    id,
    name,
    role: 'team',
    hash: `hash of ${id}`,
    person_id: null,
    created_at: NOW,
    expires_at: null,
    revoked_at: null,
    last_used_at: null,
    scopes: null,
    sign_in: null,
  };
}

eachEngine((engine) => {
  test('a token is found by its hash, also when it is revoked', async () => {
    const { db } = await engine.open();
    await tokens.insert(db, token('1', 'deputy'));
    await tokens.revoke(db, '1', NOW + 1);
    expect(await tokens.byHash(db, 'hash of 1')).toMatchObject({ id: '1', revoked_at: NOW + 1 });
    expect(await tokens.byHash(db, 'hash of 2')).toBeUndefined();
  });

  test('a name is given once, also after the token was revoked', async () => {
    const { db } = await engine.open();
    await tokens.insert(db, token('1', 'deputy'));
    await tokens.revoke(db, '1', NOW);
    await expect(tokens.insert(db, token('2', 'deputy'))).rejects.toMatchObject({ reason: 'conflict' });
  });

  test('an id wins over a token that is named like it', async () => {
    const { db } = await engine.open();
    await tokens.insert(db, token('1', '2'));
    await tokens.insert(db, token('2', 'deputy'));
    expect(await tokens.byNameOrId(db, '2')).toMatchObject({ id: '2' });
    expect(await tokens.byNameOrId(db, 'deputy')).toMatchObject({ id: '2' });
    expect((await tokens.all(db)).map(({ id }) => id)).toEqual(['1', '2']);
  });

  test('a token is revoked once, at the first instant', async () => {
    const { db } = await engine.open();
    await tokens.insert(db, token('1', 'deputy'));
    expect([await tokens.revoke(db, '1', NOW), await tokens.revoke(db, '1', NOW + 1)]).toEqual([true, false]);
    expect(await tokens.byNameOrId(db, '1')).toMatchObject({ revoked_at: NOW });
  });
});
