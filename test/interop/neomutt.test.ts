import * as openpgp from 'openpgp';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { parseEntity } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import { outbox } from '../delivery/outbox.ts';
import { armed } from '../embargo/armed.ts';
import { listCertificate } from '../post/arrive.ts';
import { entity, pgpMimeMail } from '../support/compose.ts';
import { oneEngine } from '../support/dialects.ts';
import { type GnuPG, openGnuPG } from '../support/gnupg.ts';
import { housing, LISTS } from '../support/house.ts';
import { type Instance, MEMBERS, openInstance, TEAM } from '../support/instance.ts';
import { makeParty, openCopy, type Party } from '../support/party.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { absent, openReader, type Reader } from './neomutt.ts';

const [LENA, DIRK] = TEAM;
const [ALPHA, BETA] = MEMBERS;
const RITA = 'rita@research.example';

describe.skipIf(absent)(`neomutt${absent ? ` (${absent})` : ''}`, () => {
  let sink: Sink;
  let house: Instance;
  let gnupg: GnuPG;
  const readers: Reader[] = [];

  beforeAll(async () => {
    gnupg = openGnuPG();
    sink = await startSink();
    house = await openInstance({ relay: sink });
  });
  beforeEach(() => {
    sink.mails.length = 0;
  });
  afterAll(async () => {
    for (const reader of readers) await reader.close();
    await house?.close();
    await sink?.close();
    await gnupg?.close();
  });

  const list = async (address: string) => ({
    fingerprint: house.fingerprints[address] ?? '',
    public: await house.certificate(address),
  });

  /** Somebody with his own key, and with the certificates that he has verified. */
  async function reader(of: string, ...trusted: Pick<Party, 'fingerprint' | 'public'>[]): Promise<Reader> {
    const opened = await openReader(await makeParty(of), trusted);
    readers.push(opened);
    return opened;
  }

  /** Encrypted and signed with gpg by the sender; the copies that then went out, by recipient. */
  async function post(from: string, to: string, words: { subject: string; text: string }): Promise<Map<string, Buffer>> {
    const [signer, { fingerprint, public: certificate }] = [await makeParty(from), await list(to)];
    for (const key of [signer.secret, certificate]) await gnupg.import(key);
    const letter = { from: signer, to, outerSubject: '...', ...words };
    const armored = await gnupg.encrypt(entity(letter, true), fingerprint, signer.fingerprint);
    return send(from, to, pgpMimeMail(letter, armored.toString()));
  }

  async function send(from: string, to: string, raw: Buffer): Promise<Map<string, Buffer>> {
    sink.mails.length = 0;
    expect(await house.send(from, to, raw)).toMatch(/^250 /);
    await house.settled();
    return new Map(sink.mails.map((mail) => [mail.to.join(), mail.raw]));
  }

  const copyOf = (copies: Map<string, Buffer>, address: string) => {
    const copy = copies.get(address);
    if (!copy) throw new Error(`no copy for ${address}`);
    return copy;
  };
  const lastPost = () => house.rows<{ case_id: string | null; hold_reason: string | null }>(LAST_POST)[0];

  test('shows the words and the subject of a copy, and the signatures of its list and of its writer', async () => {
    const words = { subject: 'Heap overflow in the parser', text: 'It crashes at frame 12.\n' };
    const copies = await post(ALPHA, LISTS.distributors, words);
    const [alpha, distributors] = [await makeParty(ALPHA), await list(LISTS.distributors)];
    const screen = await (await reader(BETA, distributors, alpha)).read(copyOf(copies, BETA), END);
    expectInOrder(screen, [
      'Subject: [...]',
      'Good signature from: orbit distributors <distributors@orbit.example>',
      'Subject: Heap overflow in the parser',
      '| From:      alpha@alpha.example ("alpha") (as the mail says)',
      `| Signature: good, by alpha@alpha.example of alpha.example`,
      `| Key:       ${alpha.fingerprint}`,
      '| Encrypted: yes',
      'Good signature from: alpha <alpha@alpha.example>',
      'It crashes at frame 12.',
    ]);
    expect(screen).not.toMatch(/BAD signature|WARNING|could not/i);
    expect(screen.split('\n').at(-2)).toContain('Heap overflow in the parser');
  });

  test('answers a report so that the answer is filed in its case and reaches the whole team', async () => {
    const copies = await post(RITA, LISTS.security, { subject: 'Wrong length check', text: 'In frame.c.\n' });
    const [lena, security] = [await makeParty(LENA), await list(LISTS.security)];
    const writer = await reader(LENA, security);
    expectInOrder(await writer.read(copyOf(copies, LENA), END), [`Subject: [${CASE}] Wrong length check`, 'In frame.c.']);
    const answer = await writer.answer('We can reproduce it.\n');
    expect(answer.toString()).not.toMatch(/Wrong length|ORBIT/);
    const answered = await send(LENA, LISTS.security, answer);
    // neomutt protects the subject alone: its signature does not say whom it is for.
    expect(lastPost()).toEqual({ case_id: CASE, hold_reason: 'unaddressed' });
    expect([...answered.keys()].sort()).toEqual([...TEAM].sort());
    const screen = await (await reader(DIRK, security, lena)).read(copyOf(answered, DIRK), END);
    expectInOrder(screen, [
      `Subject: Re: [${CASE}] Wrong length check`,
      `| Signature: good, by lena@team.example of team.example`,
      `| Key:       ${lena.fingerprint}`,
      '| Encrypted: yes',
      `| Case:      ${CASE}`,
      '| Held:      its signer has not addressed it to this list: somebody else may have sent on what he wrote to others',
      '> In frame.c.',
      'We can reproduce it.',
    ]);
  });

  test('answers a post of a private list, and the answer waits: only the subject stands under its signature', async () => {
    const copies = await post(ALPHA, LISTS.distributors, { subject: 'Builds', text: 'They pass here.\n' });
    const beta = await reader(BETA, await list(LISTS.distributors));
    await beta.read(copyOf(copies, BETA), END);
    await send(BETA, LISTS.distributors, await beta.answer('Here as well.\n'));
    expect(lastPost()).toEqual({ case_id: null, hold_reason: 'unaddressed' });
  });

  oneEngine((engine) => {
    const build = housing();

    test('quotes a dispatch without the link by which its reader alone acknowledges it', async () => {
      const own = await build((await engine.open()).db);
      const [, beta] = own.members;
      const { id } = await armed(own);
      await outbox(own).drain();
      await dispatch(own, id, LISTS.distributors);
      const copy = (await outbox(own).drain()).find(({ to }) => to === beta.address)?.raw ?? Buffer.of();
      const certificate = listCertificate(own, LISTS.distributors);
      const { entity: sealed } = await openCopy(copy, beta, certificate, own.clock.now());
      const link = /https:.*\/acknowledge\/[0-9a-z]+/;
      const files = viewOf(parseEntity(sealed)).files.filter(({ bytes }) => link.test(Buffer.from(bytes).toString()));
      expect(files.map(({ name }) => name)).toEqual(['acknowledge.txt']);
      const key = await openpgp.readKey({ armoredKey: certificate });
      const fingerprint = key.getFingerprint().toUpperCase();
      const writer = await openReader(beta, [{ fingerprint, public: certificate }]);
      readers.push(writer);
      await writer.read(copy, /frobnicator/);
      const answer = (await writer.answer('We have it.\n')).toString('latin1');
      const armored = /-----BEGIN PGP MESSAGE-----.*-----END PGP MESSAGE-----/s.exec(answer)?.[0] ?? '';
      const secret = own.keyring.find(fingerprint)?.secret ?? new Uint8Array();
      const { data } = await openpgp.decrypt({
        message: await openpgp.readMessage({ armoredMessage: armored }),
        decryptionKeys: await openpgp.readPrivateKey({ binaryKey: secret }),
      });
      expect(data).toMatch(/> .*We have it\./s);
      expect(data).not.toMatch(link);
    });
  });
});

/** The last line of a sealed copy. */
const END = /^\[-- End of PGP\/MIME signed and encrypted data --\]/m;
const YEAR = String(new Date(systemClock.now()).getUTCFullYear());
const CASE = `ORBIT-${YEAR}-0001`;
const LAST_POST = "select case_id, hold_reason from posts where kind in ('post', 'report') order by id desc limit 1";

/** Each of `lines` is a line of the screen, below the one before it; the mark that is new with every mail is left off. */
function expectInOrder(screen: string, lines: readonly string[]): void {
  const shown = screen.split('\n').map((line) => line.replace(/^[0-9a-z]{5}(?=\| )/, ''));
  let above = -1;
  for (const line of lines) {
    const at = shown.indexOf(line, above + 1);
    expect(at, `"${line}" below line ${above + 1} of\n${screen}`).toBeGreaterThan(above);
    above = at;
  }
}
