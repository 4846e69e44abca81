import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { SYSTEM } from '../../src/audit/entry.ts';
import { DAY } from '../../src/clock.ts';
import { importRoster } from '../../src/roster/import.ts';
import { issueToken, revokeToken } from '../../src/roster/tokens.ts';
import * as tokens from '../../src/store/tokens.ts';
import { NOW } from '../store/roster-rows.ts';
import { eachEngine } from '../support/dialects.ts';
import { addLists, clock, entry, pgp } from './roster-file.ts';

eachEngine((engine) => {
  const open = async () => {
    const { db } = await engine.open();
    await addLists(db);
    return { db, clock, pgp, by: SYSTEM };
  };

  test('a token is stored as its SHA-256 alone', async () => {
    const deps = await open();
    const { id, token } = await issueToken(deps, { name: 'ci', role: 'auditor', person: null, days: 3 });
    expect(token).toMatch(/^curfew_[0-9a-z]{52}$/);
    const hash = createHash('sha256').update(token).digest('hex');
    const [row, ...others] = await tokens.all(deps.db);
    expect(row).toEqual({
      id,
      name: 'ci',
      role: 'auditor',
      hash,
      person_id: null,
      created_at: NOW,
      expires_at: NOW + 3 * DAY,
      revoked_at: null,
      last_used_at: null,
      scopes: null,
      sign_in: null,
    });
    expect(others).toEqual([]);
  });

  test('a person is an active contact of the response team', async () => {
    const deps = await open();
    const team = { ...(await entry('Team', 'lead@orbit.example')), lists: ['security@orbit.example'] };
    const candidate = { ...(await entry('Candidate', 'new@orbit.example')), lists: ['security@orbit.example'] };
    const activate = { activate: { reason: 'the team' }, dryRun: false };
    await importRoster(deps, [team, await entry('Alpha', 'a@alpha.example')], activate);
    await importRoster(deps, [candidate], { activate: null, dryRun: false });

    const { id } = await issueToken(deps, { name: 'lead', role: 'team', person: 'Lead@Orbit.example', days: null });
    expect((await tokens.byNameOrId(deps.db, id))?.person_id).toBeTruthy();
    for (const person of ['a@alpha.example', 'new@orbit.example', 'nobody@orbit.example'])
      await expect(issueToken(deps, { name: person, role: 'team', person, days: null })).rejects.toMatchObject({
        reason: 'not-found',
        hint: `${person} is no active contact of an active member on an intake list`,
      });
    expect(await tokens.all(deps.db)).toHaveLength(1);
  });

  test('what a token may do of its role is kept, in one order and each once', async () => {
    const deps = await open();
    const wish = { name: 'ci', role: 'admin', person: null, days: null } as const;
    await issueToken(deps, { ...wish, scopes: ['lists', 'read', 'lists'] });
    expect((await tokens.all(deps.db)).map(({ scopes }) => scopes)).toEqual(['read lists']);
    await expect(issueToken(deps, { ...wish, name: 'none', scopes: [] })).rejects.toMatchObject({ reason: 'invalid' });
    const row = { scopes: '', name: 'bare', id: 'x', hash: 'y' };
    const [known] = await tokens.all(deps.db);
    if (known) await expect(tokens.insert(deps.db, { ...known, ...row })).rejects.toThrow();
  });

  test.each(['', ' padded', 'two\nlines', 'x'.repeat(101)])('the name %j is refused', async (name) => {
    await expect(issueToken(await open(), { name, role: 'admin', person: null, days: null })).rejects.toMatchObject({
      reason: 'invalid',
    });
  });

  test('a token is revoked by name or by id, once', async () => {
    const deps = await open();
    const { id } = await issueToken(deps, { name: 'ci', role: 'auditor', person: null, days: null });
    expect(await revokeToken(deps, 'ci')).toMatchObject({ id, revoked_at: NOW });
    await expect(revokeToken(deps, id)).rejects.toMatchObject({ reason: 'conflict', hint: 'The token "ci" is revoked already' });
    await expect(revokeToken(deps, 'none')).rejects.toMatchObject({ reason: 'not-found' });
  });
});
