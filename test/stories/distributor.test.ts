import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encryptedMail } from '../support/compose.ts';
import { LISTS } from '../support/house.ts';
import { installed } from '../support/installed.ts';
import { type Instance, openInstance, standardRoster, TEAM } from '../support/instance.ts';
import { generate, makeParty, openCopy, type Party } from '../support/party.ts';
import { type Sink, startSink } from '../support/sink.ts';

/** The document itself is what runs: each of its `sh` blocks, in order, in one shell. */
const DOCUMENT = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'distributors.md'), 'utf8');
const blocks = [...DOCUMENT.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
const absent = ['curl', 'bash', 'awk', 'paste'].find((program) => !installed(program));
const REQUEST = 'security-request@orbit.example';

describe.skipIf(absent !== undefined)(`the life of a distributor${absent ? ` (absent: ${absent})` : ''}`, () => {
  let sink: Sink;
  let house: Instance;
  let folder: string;
  let shell: ChildProcessWithoutNullStreams;
  let contact: Party;
  let another: Party;

  beforeAll(async () => {
    sink = await startSink();
    house = await openInstance({ relay: sink, roster: await standardRoster() });
    folder = mkdtempSync(join(tmpdir(), 'curfew-distributor-'));
    contact = await makeParty('security@gamma.example');
    writeFileSync(join(folder, 'security-alias.asc'), contact.public);
    another = await generate(contact.address, 'security', {});
    writeFileSync(join(folder, 'another.asc'), another.public);
    const names = ['LENA', 'DIRK', 'ADA'];
    for (const [at, person] of TEAM.entries()) {
      const made = await house.curfew(
        'token',
        'create',
        '--name',
        `admin ${at}`,
        '--role',
        'admin',
        '--person',
        person,
        '--json',
      );
      writeFileSync(join(folder, names[at] ?? ''), JSON.parse(made.stdout).token);
    }
    const env = { ...process.env, CURFEW: `http://127.0.0.1:${house.httpPort}`, LENA: 'LENA', DIRK: 'DIRK', ADA: 'ADA' };
    shell = spawn('bash', ['-eu', '-o', 'pipefail'], { cwd: folder, env });
  });
  afterAll(async () => {
    shell?.kill();
    await house?.close();
    await sink?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Gives what it printed. Rejects where a command of it fails. */
  function run(block: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let out = '';
      let errors = '';
      const done = () => {
        for (const stream of [shell.stdout, shell.stderr]) stream.removeAllListeners('data');
        shell.removeAllListeners('close');
      };
      shell.stdout.on('data', (chunk: Buffer) => {
        out += chunk;
        if (!out.endsWith('@done@\n')) return;
        done();
        resolve(out.slice(0, -'@done@\n'.length));
      });
      shell.stderr.on('data', (chunk: Buffer) => {
        errors += chunk;
      });
      shell.on('close', () => {
        done();
        reject(new Error(`a command of the document failed:\n${block}\n${out}\n${errors}`));
      });
      shell.stdin.write(`${block}\necho; echo @done@\n`);
    });
  }

  const state = () => house.rows<{ state: string }>(`select state from members where organisation = 'Gamma Linux'`)[0]?.state;
  const mailTo = (address: string) => sink.mails.filter(({ to }) => to.includes(address));

  /** What the contact does between two blocks: he opens the mail that is sealed to him, and sends the words in it back. */
  async function proveKey(key: Party): Promise<void> {
    await house.settled();
    const asked = mailTo(contact.address).at(-1)?.raw ?? Buffer.alloc(0);
    const { entity } = await openCopy(asked, key, await house.certificate(LISTS.security));
    const lines = /^list \S+\r?\nprove \S+/m.exec(entity.toString())?.[0] ?? '';
    expect(lines).toContain('prove ');
    const letter = { from: key, to: REQUEST, subject: '...', text: `${lines.replaceAll('\r', '')}\n` };
    const raw = await encryptedMail(letter, { recipients: [await house.certificate(LISTS.security)], signer: key });
    expect(await house.send(contact.address, REQUEST, raw)).toMatch(/^250 /);
    await house.settled();
  }

  test('is as the document tells it, block after block', async () => {
    const states: (string | undefined)[] = [];
    for (const block of blocks) {
      await run(block);
      if (block.includes('/prove-key')) await proveKey(state() === 'active' ? another : contact);
      states.push(state());
    }
    expect(states).toEqual([
      undefined,
      'applied',
      'applied',
      'vetted',
      'key_proved',
      'active',
      'active',
      'active',
      'active',
      'removed',
      'removed',
    ]);
    const audited = JSON.parse(await run(blocks.at(-1) ?? '')).items as { action: string; actor: { name: string } }[];
    expect(audited.map(({ action }) => action).reverse()).toEqual([
      'member.apply',
      'member.vouch',
      'member.judge',
      'member.judge',
      'member.prove-key',
      'member.activate',
      'member.change',
      'member.suspend',
      'member.reinstate',
      'member.ask-removal',
      'member.remove',
    ]);
    expect(audited[0]?.actor.name).toBe(TEAM[1]);
    await house.settled();
    // Of the application, of the proof that is asked for, and of each step from there on he was told; in clear of nothing.
    const told = mailTo(contact.address).map(({ raw }) => raw.toString());
    expect(told.length).toBeGreaterThanOrEqual(7);
    for (const mail of told) expect(mail).toContain('-----BEGIN PGP MESSAGE-----');
    expect(told.join('')).not.toMatch(/Gamma|criterion/);
  });
});
