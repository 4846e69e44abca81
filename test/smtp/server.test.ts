import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Refusal, reasons, refusalRow } from '../../src/refusal.ts';
import { dial, LIST, NOW, type Rig, rig, transcript, untilData } from './wire.ts';

let open: Rig[] = [];
async function started(...args: Parameters<typeof rig>): Promise<Rig> {
  const made = await rig(...args);
  open.push(made);
  return made;
}
afterEach(async () => {
  await Promise.all(open.map(({ server }) => server.close(0)));
  open = [];
});

describe('a session', () => {
  it('takes a mail and says so with the text of the move, after it resolved', async () => {
    const { port, taken } = await started();
    const wire = await untilData(port);
    expect(await wire.ask('Subject: x\r\n\r\n..stuffed\r\n.')).toBe('250 2.0.0 post 0001');
    expect(await wire.ask('QUIT')).toMatch(/^221 2\.0\.0/);
    expect(taken).toEqual([
      {
        envelope: {
          sender: 'reporter@else.example',
          recipient: LIST,
          receivedAt: NOW,
          client: { address: '127.0.0.1', helo: 'client.example', tls: false },
        },
        raw: 'Subject: x\r\n\r\n.stuffed\r\n',
      },
    ]);
  });

  it('takes what comes to a thread whose address is longer than addresses should be: it may have been written long ago', async () => {
    const { port, taken } = await started({ doors: { recipient: async () => undefined } });
    const thread = `twenty-letters-in-it+PROJECT-OF-THIRTY-ONE-CHARACTER-2026-12345.${'0'.repeat(32)}@orbit.example`;
    const wire = await untilData(port, thread);
    await wire.ask('Subject: x\r\n\r\nx\r\n.');
    expect(taken.map(({ envelope }) => envelope.recipient)).toEqual([thread]);
  });

  it('says of each sender, recipient and mail that it refuses why', async () => {
    const receive = () => Promise.reject(new Refusal('cannot-open'));
    const { port, refused } = await started({ limits: { recipients: 4 }, doors: { receive } });
    const wire = await dial(port);
    await wire.reply();
    await transcript(wire, [
      ['EHLO client.example', /^250/],
      ['MAIL FROM:<a@b.example> RET=FULL', /^555 5\.5\.4/],
      ['MAIL FROM:<"a"@b.example>', /^553 5\.1\.3/],
      ['MAIL FROM:<a@b.example>', /^250/],
      ['RCPT TO:<nobody@orbit.example>', /^550 5\.1\.1/],
      ['RCPT TO:<x@else.example>', /^550 5\.7\.1/],
      [`RCPT TO:<${LIST}>`, /^250/],
      ['RCPT TO:<distributors@orbit.example>', /^452 4\.5\.3/],
      [`RCPT TO:<${LIST}>`, /^452 4\.5\.3/],
      ['DATA', /^354/],
      ['Subject: x\r\n\r\nx\r\n.', /^550 5\.7\.0/],
      ['MAIL FROM:<a@b.example>', /^250/],
      [`RCPT TO:<${LIST}>`, /^250/],
      ['DATA', /^354/],
      [`${'x'.repeat(5000)}\r\n.`, /^552 5\.3\.4/],
    ]);
    expect(refused).toEqual([
      '5.5.4',
      'bad-address',
      'no-such-address',
      'relay-denied',
      'one-list-a-transaction',
      '4.5.3',
      'cannot-open',
      'too-large',
    ]);
  });

  it('names itself and no software, and offers neither AUTH, STARTTLS, SMTPUTF8 nor DSN', async () => {
    const { port } = await started();
    const wire = await dial(port);
    expect(await wire.reply()).toBe('220 mx.orbit.example ESMTP');
    expect(await wire.ask('EHLO client.example')).toBe(
      '250-mx.orbit.example\n250-PIPELINING\n250-8BITMIME\n250-ENHANCEDSTATUSCODES\n250 SIZE 4096',
    );
    await transcript(wire, [
      ['AUTH PLAIN AGEAYg==', /^500 5\.5\.2/],
      ['STARTTLS', /^500 5\.5\.2/],
      ['XCLIENT ADDR=1.2.3.4', /^500 5\.5\.2/],
      ['WIZ please', /^500 5\.5\.2/],
      ['DATA_OK', /^500 5\.5\.2/],
      [`VRFY ${LIST}`, /^252 2\.1\.5 (?!.*orbit)/],
      ['VRFY nobody@orbit.example', /^252 2\.1\.5 (?!.*orbit)/],
    ]);
  });

  it('refuses unknown recipients, foreign domains and a second list at RCPT, and takes one address twice', async () => {
    const { port } = await started({ limits: { recipients: 20 } });
    const wire = await dial(port);
    await wire.reply();
    await transcript(wire, [
      ['EHLO client.example', /^250/],
      ['MAIL FROM:<>', /^250 2\.1\.0/],
      ['RCPT TO:<nobody@orbit.example>', /^550 5\.1\.1 No such address/],
      ['RCPT TO:<somebody@else.example>', /^550 5\.7\.1 /],
      ['RCPT TO:<somebody%else.example@orbit.example>', /^550 5\.1\.1/],
      ['DATA', /^503 5\.5\.1/],
      [`RCPT TO:<${LIST}>`, /^250 2\.1\.5/],
      ['RCPT TO:<SECURITY@Orbit.Example>', /^250 2\.1\.5/],
      ['RCPT TO:<distributors@orbit.example>', /^452 4\.5\.3/],
      ['RCPT TO:<nobody@orbit.example>', /^550 5\.1\.1/],
      ['RSET', /^250 2\.0\.0/],
      ['MAIL FROM:<>', /^250/],
      ['RCPT TO:<distributors@orbit.example>', /^250 2\.1\.5/],
      ['RSET', /^250/],
      ['MAIL FROM:<>', /^250/],
      ['RCPT TO:<postmaster>', /^250 2\.1\.5/],
    ]);
  });

  it('hands the null sender over as null, and an xn-- domain as it was written', async () => {
    const { port, taken } = await started();
    const wire = await dial(port);
    await wire.reply();
    await transcript(wire, [
      ['EHLO client.example', /^250/],
      ['MAIL FROM:<> BODY=8BITMIME', /^250/],
      [`RCPT TO:<${LIST}>`, /^250/],
      ['DATA', /^354/],
      ['a: \xe9\r\n\r\nx\r\n.', /^250 2\.0\.0/],
      ['MAIL FROM:<a@xn--mller-kva.example>', /^250/],
      [`RCPT TO:<${LIST}>`, /^250/],
      ['DATA', /^354/],
      ['x\r\n.', /^250 2\.0\.0/],
    ]);
    expect(taken.map(({ envelope }) => envelope.sender)).toEqual([null, 'a@xn--mller-kva.example']);
    expect(taken[0]?.raw).toBe('a: \xe9\r\n\r\nx\r\n');
  });

  it.each([
    ['two @', '<a@b@orbit.example>', /^50[013] 5\.1\.3/],
    ['a quoted local part', '<"a"@orbit.example>', /^553 5\.1\.3/],
    ['a quoted blank', '<"a b"@orbit.example>', /^501 5\.1\.3/],
    ['a local part of 101 octets', `<${'a'.repeat(101)}@orbit.example>`, /^553 5\.1\.3/],
    ['255 octets', `<a@${'b.'.repeat(120)}orbit.example>`, /^50[13] 5\.1\.3/],
    ['an address literal', '<security@[127.0.0.1]>', /^553 5\.1\.3/],
    ['no domain', '<security>', /^501 5\.1\.3/],
    ['nothing', '<>', /^501 5\.1\.3/],
    ['no brackets', 'security@orbit.example', /^501 5\.1\.3/],
    ['a tab', '<secu\trity@orbit.example>', /^500 5\.5\.2/],
    ['a NUL', '<secu\0rity@orbit.example>', /^500 5\.5\.2/],
    ['a bare CR', '<security@orbit.example>\rRCPT TO:<a@b>', /^500 5\.5\.2/],
    ['octets beyond ASCII', '<s\xc3\xa9curity@orbit.example>', /^500 5\.5\.2/],
    ['a parameter', `<${LIST}> NOTIFY=NEVER`, /^555 5\.5\.4/],
    ['an xtext line end', `<${LIST}> ORCPT=a+0D+0Ab`, /^50[01] 5\.1\.3/],
  ])('refuses a recipient with %s', async (_what, path, expected) => {
    const { port } = await started();
    const wire = await dial(port);
    await wire.reply();
    await transcript(wire, [
      ['EHLO client.example', /^250/],
      ['MAIL FROM:<a@else.example>', /^250/],
      [`RCPT TO:${path}`, expected],
      ['DATA', /^503/],
    ]);
  });

  it.each([
    ['MAIL FROM:<"a"@b.example>', /^553 5\.1\.3/],
    ['MAIL FROM:<a@b.example> SMTPUTF8', /^555 5\.5\.4/],
    ['MAIL FROM:<a@b.example> RET=FULL', /^555 5\.5\.4/],
    ['MAIL FROM:<a@b.example> AUTH=<>', /^555 5\.5\.4/],
    ['MAIL FROM:<a@b.example> BODY=BINARYMIME', /^501 5\.5\.4/],
    ['MAIL FROM:<a@b.example> SIZE=4097', /^552 5\.3\.4/],
    ['MAIL FROM:<a@b.example> SIZE=x', /^501 5\.5\.4/],
  ])('refuses %s', async (line, expected) => {
    const { port } = await started();
    const wire = await dial(port);
    await wire.reply();
    await transcript(wire, [
      ['EHLO client.example', /^250/],
      [line, expected],
      [`RCPT TO:<${LIST}>`, /^503 5\.5\.1/],
    ]);
  });

  it('answers commands that were sent in one go, each in its turn', async () => {
    const { port, taken } = await started();
    const wire = await dial(port);
    await wire.reply();
    wire.raw(`EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<nobody@orbit.example>\r\nRCPT TO:<${LIST}>\r\nDATA\r\n`);
    for (const expected of [/^250/, /^250/, /^550/, /^250/, /^354/]) expect(await wire.reply()).toMatch(expected);
    wire.raw(`one\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<${LIST}>\r\nDATA\r\n`);
    for (const expected of [/^250 2\.0\.0/, /^250/, /^250/, /^354/]) expect(await wire.reply()).toMatch(expected);
    expect(await wire.ask('two\r\n.')).toMatch(/^250 2\.0\.0/);
    expect(taken.map(({ raw }) => raw)).toEqual(['one\r\n', 'two\r\n']);
  });
});

describe('a refusal after DATA', () => {
  it.each(reasons.filter((reason) => refusalRow(reason).code !== 421))('says its row of the table: %s', async (reason) => {
    const { port } = await started({
      doors: {
        receive: async () => {
          throw new Refusal(reason);
        },
      },
    });
    const wire = await untilData(port);
    const { code, enhanced, text } = refusalRow(reason);
    expect(await wire.ask('x\r\n.')).toBe(`${code} ${enhanced} ${text}`);
    expect(await wire.ask('NOOP')).toMatch(/^250/);
  });

  it('shows the hint, and neither line ends nor octets beyond ASCII in it; the detail goes to the log alone', async () => {
    const { port, log } = await started({
      doors: {
        receive: async () => {
          throw new Refusal('cannot-open', 'expired\r\n250 2.0.0 é', 'sub-key 17');
        },
      },
    });
    const wire = await untilData(port, 'security+ORBIT-2026-0001.s3cret@orbit.example');
    const reply = await wire.ask('Subject: c4nary\r\n\r\nx\r\n.');
    expect(reply).toMatch(/^550 5\.7\.0 .* \(expired\?\?250 2\.0\.0 \?\)$/);
    const lines = log.join('');
    expect(JSON.parse(log.at(-1) ?? '')).toMatchObject({
      client: '127.0.0.1',
      recipient: LIST,
      reason: 'cannot-open',
      detail: 'sub-key 17',
      octets: 22,
    });
    expect(lines).not.toMatch(/c4nary|s3cret|reporter/);
  });

  it('closes after a 421', async () => {
    const { port } = await started({
      doors: {
        receive: async () => {
          throw new Refusal('busy');
        },
      },
    });
    const wire = await untilData(port);
    expect(await wire.ask('x\r\n.')).toMatch(/^421 4\.3\.2/);
    await wire.closed;
  });

  it('reads 451 4.3.0 for what nobody foresaw, and logs where but not what', async () => {
    const { port, log } = await started({
      doors: {
        receive: async (_envelope, raw) => {
          throw Object.assign(new TypeError(`cannot read ${Buffer.from(raw).toString()}`), { responseCode: 250 });
        },
      },
    });
    const wire = await untilData(port);
    expect(await wire.ask('c4nary\r\n    at c4nary\r\n.')).toMatch(/^451 4\.3\.0/);
    const logged = JSON.parse(log.at(-1) ?? '');
    expect(logged).toMatchObject({ level: 50, error: 'TypeError', recipient: LIST });
    expect(logged.at[0]).toContain('server.test.ts');
    expect(log.join('')).not.toContain('c4nary');
  });
});

describe('starting', () => {
  it('says in one line that the port is in use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = address && typeof address === 'object' ? address.port : 0;
    await expect(rig({ port })).rejects.toThrow(`SMTP cannot listen on 127.0.0.1:${port}: the port is in use`);
    other.close();
  });

  it('says in one line that the machine has no such address, or the name is not known', async () => {
    await expect(rig({ host: '192.0.2.1' })).rejects.toThrow(
      'SMTP cannot listen on 192.0.2.1:0: this machine has no such address',
    );
  });

  it('says which TLS file cannot be read', async () => {
    await expect(rig({ tls: { certificate: '/nowhere/c.pem', key: '/nowhere/k.pem' } })).rejects.toThrow(
      'the TLS key of SMTP cannot be read: /nowhere/k.pem (ENOENT)',
    );
  });
});
