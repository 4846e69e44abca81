import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { HOUR, toIso } from '../../src/clock.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { outbox } from '../delivery/outbox.ts';
import { armed, scheduled, subscribe } from '../embargo/armed.ts';
import { sealedReport } from '../post/sealed-report.ts';
import { command } from '../support/command.ts';
import { eachEngine } from '../support/dialects.ts';
import { LISTS } from '../support/house.ts';
import { makeParty } from '../support/party.ts';
import { serving } from './api.ts';

eachEngine((engine) => {
  const serve = serving();
  const open = async () => {
    const api = await serve(await engine.open());
    const [lena, dirk] = api.house.team;
    return {
      api,
      house: api.house,
      lena: await api.house.token('team', lena.address),
      dirk: await api.house.token('team', dirk.address),
    };
  };

  test('a notice is shown, then sent with the revision that was seen; an auditor and a token of nobody send none', async () => {
    const { api, house, lena } = await open();
    const rita = await makeParty('rita@example.org');
    const at = `/api/v1/cases/${await sealedReport(house, rita)}`;
    const body = { kind: 'needs-info', text: 'Which version?' };
    const shown = await api.ask(lena, `POST ${at}/notices/preview`, { body });
    expect(shown).toMatchObject({
      status: 200,
      body: { mails: [{ list: LISTS.security, to: [{ address: rita.address, fingerprint: rita.fingerprint }] }], without: [] },
    });
    expect(shown.body.mails[0].text).toContain('Which version?');
    expect(await api.ask(await house.token('auditor'), `POST ${at}/notices/preview`, { body })).toMatchObject({ status: 403 });
    for (const request of [`POST ${at}/notices/preview`, `POST ${at}/notices`])
      expect(await api.ask(await house.token('team'), request, { body })).toMatchObject({ body: { code: 'needs-person' } });
    expect(await api.ask(lena, `POST ${at}/notices`, { body, headers: { 'if-match': '"9"' } })).toMatchObject({ status: 412 });
    const rung = api.rung.deliveries;
    const sent = await api.ask(lena, `POST ${at}/notices`, { body, headers: { 'if-match': '"1"' } });
    expect(sent).toMatchObject({ status: 201, body: { mails: shown.body.mails, hash: null, case: { state: 'needs_info' } } });
    expect(api.rung.deliveries).toBe(rung + 1);
    expect(await api.ask(lena, `POST ${at}/notices`, { body: { kind: 'dispatch' } })).toMatchObject({ status: 422 });
  });

  test('an admin who asks to send in clear finds no such way: no member of a request says so, and none is taken', async () => {
    const { api, house } = await open();
    const lead = await house.token('admin', house.team[0].address);
    const { id } = await armed(house);
    const list = LISTS.distributors;
    const { status, body } = await api.ask(lead, 'GET /api/openapi.json');
    expect(status).toBe(200);
    const operations: { requestBody?: unknown; parameters?: unknown }[] = Object.values<object>(body.paths).flatMap(
      Object.values,
    );
    const asked = JSON.stringify(operations.map(({ requestBody, parameters }) => [requestBody, parameters]));
    // What a list takes, not what it sends.
    expect(asked.match(/"(name":"|)[a-z]*(clear|plain|encrypt|unsealed)[a-z]*":?/gi)).toEqual(['"encryptedOnly":']);
    for (const wish of [{ clear: true }, { encrypt: false }, { plaintext: 'yes' }])
      expect((await api.ask(lead, `POST /api/v1/cases/${id}/dispatch`, { body: { list, ...wish } })).status).toBe(422);
    // A member without a certificate gets nothing, whoever asks.
    const [alpha, beta] = house.members;
    await house.db.deleteFrom('certificates').where('contact_id', '=', beta.contactId).execute();
    expect((await api.ask(lead, `POST /api/v1/cases/${id}/dispatch`, { body: { list } })).status).toBe(202);
    const all = await outbox(house).drain();
    const sent = all.filter(({ to }) => [alpha.address, beta.address].includes(to));
    expect(sent.map(({ to }) => to)).toEqual([alpha.address]);
    expect(sent[0]?.raw.toString()).toContain('multipart/encrypted');
  });

  test('the word to the public is drafted over REST, and goes out with the approval of another person', async () => {
    const { api, house, lena, dirk } = await open();
    await subscribe(house);
    const { id } = await scheduled(house);
    const at = `/api/v1/cases/${id}`;
    const planned = await api.ask(lena, `PUT ${at}/schedule`, { body: { releaseAt: toIso(house.clock.now() + HOUR) } });
    await api.ask(dirk, `POST ${at}/approvals`, { body: { hash: planned.body.schedule.hash } });
    const drafted = await api.ask(lena, `POST ${at}/notices`, { body: { kind: 'forthcoming' } });
    expect(drafted).toMatchObject({ status: 201, body: { mails: [{ to: [{ fingerprint: null }, { fingerprint: null }] }] } });
    const { hash } = drafted.body;
    house.clock.moveTo(house.clock.now() + 1000);
    expect(drafted.body.case.forthcoming).toEqual({ hash, sentAt: null });
    expect(await api.ask(lena, `POST ${at}/approvals`, { body: { hash } })).toMatchObject({
      body: { code: 'approved-already' },
    });
    expect(await api.ask(dirk, `POST ${at}/approvals`, { body: { hash } })).toMatchObject({
      status: 201,
      body: {
        forthcoming: { sentAt: toIso(house.clock.now()) },
        approvals: [{ what: 'schedule' }, { what: 'forthcoming', person: 'dirk@orbit.example' }],
      },
    });
    const again = await api.ask(lena, `POST ${at}/notices`, { body: { kind: 'forthcoming', text: 'Switch it off.' } });
    const waiting = { hash: again.body.hash, mails: [{ text: expect.stringContaining('Switch it off.') }] };
    expect(again.body).toMatchObject({ ...waiting, case: { forthcoming: { hash: again.body.hash, sentAt: null } } });
    expect(await api.ask(dirk, `POST ${at}/notices/preview`, { body: { kind: 'forthcoming' } })).toMatchObject({ body: waiting });
  });

  test('who has what is shown, and a second report is linked with the first, from the command line', async () => {
    const { api, house, lena } = await open();
    const curfew = async (...args: string[]) => {
      const env = { CURFEW_TOKEN: lena, CURFEW_URL: api.url };
      const { code, stdout, stderr } = await command(['case', ...args], { env });
      expect([code, stderr]).toEqual([0, '']);
      return stdout;
    };
    const { id } = await armed(house);
    expect(await curfew('notice', id, '--kind', 'dispatch', '--list', LISTS.distributors, '--preview')).toMatch(
      /^From: +distributors@[\s\S]*\nTo: +alpha@alpha\.example +[0-9A-F]{40}\n[\s\S]*\nFile: +[0-9a-f]{64} +fix\.patch, \d+ octets\nFile: +\(of each his own\) +acknowledge\.txt, \d+ octets\n/,
    );
    await dispatch(house, id, LISTS.distributors);
    await outbox(house).drain();
    const rows = (await curfew('acknowledgements', id)).trimEnd().split('\n');
    expect(rows.map((row) => row.split(/ {2,}/)[5])).toEqual(['STATUS', 'unacknowledged', 'unacknowledged']);
    expect(rows[1]).toMatch(/^Alpha +alpha@alpha\.example +v1 .*delivered/);
    const second = await house.report({}, 'ron@example.org');
    expect(await curfew('duplicate', second, '--of', id)).toMatch(
      new RegExp(
        `^${second} is a duplicate of ${id}\nCredited there: nobody\nFrom: +security@[\\s\\S]*in clear[\\s\\S]*\nTo: +nobody yet`,
      ),
    );
    expect(await api.ask(lena, `GET /api/v1/cases/${second}`)).toMatchObject({ body: { state: 'rejected', duplicateOf: id } });
    const why = join(inject('folder'), 'why-reopened.txt');
    writeFileSync(why, 'It is another one.\n');
    expect(await curfew('reopen', second, '--file', why)).toContain(`${second}, acknowledged,`);
    expect(await api.ask(lena, `GET /api/v1/cases/${second}`)).toMatchObject({ body: { duplicateOf: null } });
  });
});
