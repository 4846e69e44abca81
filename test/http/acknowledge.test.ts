import { beforeEach, expect, test } from 'vitest';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { entityText, fileName, leaves, parseEntity, saysAttachment } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import * as acknowledgements from '../../src/store/acknowledgements.ts';
import { setState } from '../../src/store/members.ts';
import { outbox } from '../delivery/outbox.ts';
import { armed } from '../embargo/armed.ts';
import { listCertificate } from '../post/arrive.ts';
import { eachEngine } from '../support/dialects.ts';
import { LISTS, type Person } from '../support/house.ts';
import { openCopy } from '../support/party.ts';
import { serving, type TestApi } from './api.ts';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

eachEngine((engine) => {
  const serve = serving();
  let api: TestApi;
  let alpha: Person;
  let beta: Person;
  let id: string;
  let mails: { to: string; raw: Buffer }[];

  beforeEach(async () => {
    api = await serve(await engine.open());
    [alpha, beta] = api.house.members;
    ({ id } = await armed(api.house));
    await outbox(api.house).drain();
    await dispatch(api.house, id, LISTS.distributors);
    mails = await outbox(api.house).drain();
  });

  /** The path of the link in what that person was sent. */
  const linkOf = async (person: Person): Promise<string> => {
    const raw = mails.find(({ to }) => to === person.address)?.raw ?? Buffer.alloc(0);
    const { entity } = await openCopy(raw, person, listCertificate(api.house, LISTS.distributors), api.house.clock.now());
    const words = leaves(parseEntity(entity)).map(entityText).join('\n');
    const [, path = ''] = /^https:\/\/[^/\s]+(\/acknowledge\/[0-9a-z]+)\r?$/m.exec(words) ?? [];
    return path;
  };
  const statusOf = async ({ address }: Person) =>
    (await acknowledgements.ofCase(api.house.db, id)).find((one) => one.address === address)?.status;
  const answer = (path: string, status: string) => api.ask(null, `POST ${path}`, { raw: `status=${status}`, headers: FORM });

  test('notes once what he answers, and looking at it notes nothing', async () => {
    const path = await linkOf(alpha);
    const shown = await api.ask(null, `GET ${path}`);
    expect(shown).toMatchObject({ status: 200, body: expect.stringContaining('value="not_affected"') });
    expect(shown.body).not.toContain(id);
    expect(shown.headers.get('content-security-policy')).toContain("form-action 'self'");
    expect(await statusOf(alpha)).toBeNull();
    expect(await answer(path, 'affected')).toMatchObject({ status: 200, body: expect.stringContaining('Noted') });
    expect([await statusOf(alpha), await statusOf(beta)]).toEqual(['affected', null]);
    const { actor } = JSON.parse(
      (await api.house.db.selectFrom('audit').select('line').where('action', '=', 'case.acknowledge').executeTakeFirstOrThrow())
        .line,
    );
    expect(actor).toMatchObject({ type: 'person', id: alpha.contactId, via: expect.stringMatching(/^link:/) });
    expect(api.logged()).not.toContain(path.split('/').at(-1));
  });

  test('that was used, made up or is for who may not know of it any more is a 404 like any other', async () => {
    const [mine, his] = [await linkOf(alpha), await linkOf(beta)];
    expect(mine).not.toBe(his);
    await answer(mine, 'acknowledged');
    const member = await api.house.db
      .selectFrom('members')
      .select('id')
      .where('organisation', '=', 'Beta')
      .executeTakeFirstOrThrow();
    await setState(api.house.db, member.id, { from: 'active', to: 'suspended', reason: null, now: api.house.clock.now() });
    const nothing = await api.ask(null, 'GET /acknowledge/none');
    const other = `${mine.slice(0, -1)}${mine.endsWith('0') ? '1' : '0'}`;
    for (const path of [mine, his, other, mine.slice(0, -22), `${mine}0`]) {
      for (const asked of [await api.ask(null, `GET ${path}`), await answer(path, 'problem')])
        expect([asked.status, asked.body.type, asked.body.detail]).toEqual([404, nothing.body.type, nothing.body.detail]);
    }
    expect([await statusOf(alpha), await statusOf(beta)]).toEqual(['acknowledged', null]);
  });

  test('takes what the form has alone, and of no good link so much a minute from one address', async () => {
    const path = await linkOf(alpha);
    expect(await answer(path, 'unacknowledged')).toMatchObject({ status: 422 });
    expect(await api.ask(null, `POST ${path}`, { raw: 'x'.repeat(2000), headers: FORM })).toMatchObject({ status: 413 });
    let last = await api.ask(null, 'GET /acknowledge/none');
    for (let visits = 0; visits < 60; visits++) last = await api.ask(null, 'GET /acknowledge/none');
    expect([last.status, Number(last.headers.get('retry-after')) > 0]).toEqual([429, true]);
    expect(await statusOf(alpha)).toBeNull();
    // Behind a proxy a stranger has the address of everybody.
    expect(await answer(path, 'affected')).toMatchObject({ status: 200 });
  });

  test('two clicks at once are one', async () => {
    const path = await linkOf(alpha);
    const both = await Promise.all(['affected', 'problem', 'not_affected'].map((status) => answer(path, status)));
    expect(both.map(({ status }) => status).sort()).toEqual([200, 404, 404]);
    const told = await api.house.db.selectFrom('audit').select('seq').where('action', '=', 'case.acknowledge').execute();
    expect(told).toHaveLength(1);
  });

  test('is in a file, which no client quotes to the other members', async () => {
    const raw = mails.find(({ to }) => to === alpha.address)?.raw ?? Buffer.alloc(0);
    const { entity } = await openCopy(raw, alpha, listCertificate(api.house, LISTS.distributors), api.house.clock.now());
    const [link] = leaves(parseEntity(entity)).filter((leaf) => entityText(leaf).includes('/acknowledge/'));
    expect(link && [fileName(link), saysAttachment(link)]).toEqual(['acknowledge.txt', true]);
    expect(viewOf(parseEntity(entity)).text).toContain('acknowledge.txt has a link');
  });
});
