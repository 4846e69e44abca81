import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encryptedMail } from '../support/compose.ts';
import { LISTS } from '../support/house.ts';
import { type Instance, MEMBERS, openInstance } from '../support/instance.ts';
import { makeParty } from '../support/party.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { absent, openThunderbird, type Thunderbird } from './thunderbird.ts';

const [ALPHA, BETA] = MEMBERS;

describe.skipIf(absent)(`Thunderbird${absent ? ` (${absent})` : ''}`, () => {
  let sink: Sink;
  let house: Instance;
  let thunderbird: Thunderbird;

  beforeAll(async () => {
    sink = await startSink();
    house = await openInstance({ relay: sink });
    const trusted = [await house.certificate(LISTS.distributors), (await makeParty(ALPHA)).public];
    thunderbird = await openThunderbird(await makeParty(BETA), trusted);
  }, 120_000);
  afterAll(async () => {
    await thunderbird?.close();
    await house?.close();
    await sink?.close();
  });

  test('shows the words and the subject of a copy, decrypted, and that the signature of its list is verified', async () => {
    const [from, to] = [await makeParty(ALPHA), LISTS.distributors];
    const letter = { from, to, subject: 'Heap overflow in the parser', outerSubject: '...', text: 'It crashes at frame 12.\n' };
    const mail = await encryptedMail(letter, { recipients: [await house.certificate(to)], signer: from });
    expect(await house.send(ALPHA, to, mail)).toMatch(/^250 /);
    await house.settled();
    const copy = sink.mails.find((each) => each.to.includes(BETA))?.raw ?? Buffer.alloc(0);
    expect(await thunderbird.show(copy)).toEqual({
      title: 'Heap overflow in the parser - Mozilla Thunderbird',
      subject: 'Heap overflow in the parser',
      texts: [
        [
          '| From:      alpha <alpha@alpha.example> (as the mail says)',
          `| Signature: good, by alpha@alpha.example of alpha.example, certificate ${from.fingerprint}`,
          '| Encrypted: yes',
        ].join('\n'),
        'It crashes at frame 12.',
      ],
      encrypted: 'message-encrypted-ok.svg',
      signed: 'message-signed-verified.svg',
    });
  });
});
