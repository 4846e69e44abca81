import { afterEach, describe, expect, test } from 'vitest';
import { clearMail } from '../support/compose.ts';
import { LISTS } from '../support/house.ts';
import { type Instance, openInstance, TEAM } from '../support/instance.ts';
import { makeParty, openCopy } from '../support/party.ts';
import { freePort } from '../support/ports.ts';
import { type Postfix, postfixAbsent, startPostfix } from '../support/postfix.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { swaks, swaksAbsent } from '../support/swaks.ts';
import { counted, REPORTER, reportMail } from './embargo.ts';

const missing = postfixAbsent ?? swaksAbsent;

describe.skipIf(missing)(`behind a real Postfix${missing ? ` (${missing})` : ''}`, () => {
  const opened: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const thing of opened.splice(0).reverse()) await thing.close();
  });

  /** The world, Postfix before it, and Curfew behind: mail comes in through Postfix and goes out through it. */
  async function behind(protocol: 'smtp' | 'lmtp'): Promise<{ sink: Sink; postfix: Postfix; house: Instance }> {
    const sink = await startSink();
    opened.push(sink);
    const port = await freePort();
    const postfix = await startPostfix({ domain: 'orbit.example', curfew: { protocol, port }, sink });
    opened.push({ close: postfix.stop });
    const house = await openInstance({ relay: { port: postfix.outPort }, smtpPort: port, protocol });
    opened.push(house);
    return { sink, postfix, house };
  }

  test.each(['lmtp', 'smtp'] as const)(
    'a report handed over by %s reaches the team, sealed, back through it',
    async (protocol) => {
      const { sink, postfix, house } = await behind(protocol);
      const mail = await reportMail(house, { text: 'It crashes.\n.\nReally.\n' });
      const server = { port: postfix.inPort };
      const { code, stdout } = await swaks({ server, from: REPORTER, to: LISTS.security, mail });
      expect(code, stdout).toBe(0);
      const mails = [...(await sink.waitFor(4, 30_000))];
      expect(counted(mails)).toEqual(Object.fromEntries([...TEAM, REPORTER].sort().map((address) => [address, 1])));
      expect(await postfix.log()).toMatch(
        new RegExp(`postfix/${protocol}\\[.*to=<${LISTS.security}>.*status=sent \\(250 2\\.0\\.0 Accepted as`),
      );
      const certificate = await house.certificate(LISTS.security);
      for (const { to, raw } of mails) {
        const address = to.join();
        const { entity, signer } = await openCopy(raw, await makeParty(address), certificate);
        expect(signer).toBe(house.fingerprints[LISTS.security]);
        expect(entity.toString()).toContain(address === REPORTER ? 'We have your report' : 'It crashes.\r\n.\r\nReally.');
        await expect(openCopy(raw, await makeParty('nobody@else.example'))).rejects.toThrow('No decryption key packets found');
      }

      // What Curfew refuses at RCPT, Postfix refuses there too, and takes no mail.
      sink.mails.length = 0;
      const from = { address: 'early@bird.example', name: 'Early' };
      const early = (to: string) =>
        swaks({ server, from: from.address, to, mail: clearMail({ from, to, subject: 'Soon', text: 'Now.\n' }) });
      for (const [to, said] of [
        [LISTS.announce, '550 5.7.1 This list'],
        ['nobody@orbit.example', '550 5.1.1 No such address here'],
      ] as const) {
        const refused = await early(to);
        expect(refused.code).toBe(24);
        expect(refused.stdout).toContain(said);
      }
      // What Curfew refuses once it has read it comes back from Postfix as a bounce, said to the sender once.
      expect((await early(LISTS.distributors)).code).toBe(0);
      const [bounce] = await sink.waitFor(1, 30_000);
      expect([bounce?.from, bounce?.to]).toEqual(['', [from.address]]);
      expect(bounce?.raw.toString()).toMatch(/^Status: 5\.7\.1\r$/m);
    },
  );
});
