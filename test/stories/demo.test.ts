import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { absent, type GnuPG, openGnuPG } from '../support/gnupg.ts';
import { type Ended, run, runCurfew } from '../support/process.ts';
import { armoredIn } from './correspondent.ts';

/** What the story is about, in the order of its lines. */
const LINES = [
  /report received +ORBIT-2026-0001: encrypted, signature verified, by rae@research\.example \([0-9A-F]{40}/,
  /receipt sent +to rae@research\.example/,
  /team copies +3, each encrypted to one key/,
  /team reminded +nobody leads it/,
  /lead claims it +lena@team\.example, .*: within 24 hours/,
  /reporter answered +by a person/,
  /severity scored +CVSS:3\.1\/.*: 8\.8 high/,
  /patches approved +3 files/,
  /a Friday is refused +BAD_WEEKDAY \(orbit\)/,
  /embargo set +release at 2026-09-22T16:00:00/,
  /embargo approved +by lena@team\.example and apu@team\.example/,
  /a telling notice is refused +.*the component "scheduler"/,
  /forthcoming notice +one public notice, 3 copies/,
  /lead reminded +distributors have to be told/,
  /patch dispatched +to 4 members/,
  /members acknowledge +alpha, bravo, charlie/,
  /dora reminded +after 24 hours; she is "unacknowledged"/,
  /patch revised +revision 2 supersedes the one before: 4 copies/,
  /a member tries the public list early +refused in the session: 550 5\.7\.1/,
  /incident +lead and deputy are told at once/,
  /second notice due now +lead and deputy are told/,
  /second notice +4 copies/,
  /release approved +.* by two people over one hash/,
  /15:59:59 +one second before +0 mails of it; .*404/,
  /16:00:00 +the instant passes/,
  /public post sent/,
  /members told +4/,
  /pages public +advisory, CSAF, OSV, CVE record and feed/,
  /retrospective due now +lead and deputy are told/,
  /retrospective written/,
  /statistics +embargo 8\.00 d, report to public 15\.28 d, on time/,
  /audit log verified +\d+ lines, .*without line (\d+), the release: "line \1 is missing before it"/,
  /^mails in: +\d+ accepted, 2 refused$/,
  /^mails out: \d+, .*\b3 that a fix will come, 3 public$/,
  /^early: 0, lost: 0, twice: 0$/,
];
const INSTANT = Date.parse('2026-09-22T16:00:00Z');
const PUBLIC = ['reader@home.example', 'news@press.example', 'oss@public.example'];
/** After the story: its keys and signatures are of the past then, whatever the machine believes. */
const LATER = ['--faked-system-time', '20260923T120000!'];

const folder = mkdtempSync(join(tmpdir(), 'curfew-demo-test-'));
const keep = join(folder, 'kept');
const temporary = join(folder, 'tmp');
let ended: Ended;

beforeAll(async () => {
  mkdirSync(temporary);
  ended = await runCurfew(['demo', '--fast', '--keep', keep], { env: { TMPDIR: temporary } });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const mails = () =>
  readdirSync(join(keep, 'mails'))
    .sort()
    .map((name) => ({ name, to: /^\d{4}-(.+)\.eml$/.exec(name)?.[1], raw: readFileSync(join(keep, 'mails', name)) }));

function expectStory(output: string): void {
  // What is folded begins under the details.
  const lines = output.replaceAll(/\n {50}/g, ' ').split('\n');
  const places = LINES.map((pattern) => lines.findIndex((line) => pattern.test(line)));
  expect(places, output).not.toContain(-1);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
}

test('the demonstration tells the whole story in its order, ends with its counts, and leaves nothing behind', () => {
  expect([ended.code, ended.stderr]).toEqual([0, '']);
  expectStory(ended.stdout);
  expect(readdirSync(temporary)).toEqual([]);
  expect(readdirSync(keep).sort()).toEqual(['data', 'keys', 'mails', 'timeline.json']);
});

test('its timeline is there for programs', () => {
  const { moments, counts } = JSON.parse(readFileSync(join(keep, 'timeline.json'), 'utf8'));
  expect(moments.map(({ at }: { at: string }) => Date.parse(at))).toEqual(
    moments.map(({ at }: { at: string }) => Date.parse(at)).sort((a: number, b: number) => a - b),
  );
  expect(moments.map(({ event }: { event: string }) => event)).toContain('the instant passes');
  expect(counts).toMatchObject({ sent: mails().length, public: PUBLIC.length, refused: 2 });
});

test('each public recipient got the word that a fix will come, and nothing else that is dated before the instant', () => {
  const open = mails().filter(({ to }) => PUBLIC.includes(to ?? ''));
  const field = (raw: Buffer, name: string) => new RegExp(`^${name}: (.*)\\r$`, 'm').exec(raw.toString('latin1'))?.[1] ?? '';
  const early = open.filter(({ raw }) => Date.parse(field(raw, 'Date')) < INSTANT);
  expect(early.map(({ to }) => to).sort()).toEqual([...PUBLIC].sort());
  for (const { raw } of early) expect(field(raw, 'Subject')).toBe('[orbit] Security release on 2026-09-22 16:00:00 UTC');
  const onTime = open.filter((mail) => !early.includes(mail));
  expect(onTime.map(({ to }) => to).sort()).toEqual([...PUBLIC].sort());
});

describe.skipIf(absent.gpg)(`with gpg${absent.gpg ? ` (${absent.gpg})` : ''}`, () => {
  const homes = new Map<string, GnuPG>();
  beforeAll(async () => {
    for (const file of readdirSync(join(keep, 'keys'))) {
      const home = openGnuPG();
      homes.set(file.replace(/\.sec\.asc$/, ''), home);
      const { code, err } = await home.run([...LATER, '--import'], readFileSync(join(keep, 'keys', file)));
      expect(code, err).toBe(0);
    }
  });
  afterAll(async () => {
    for (const home of homes.values()) await home.close();
  });

  test("each sealed copy opens with its recipient's key and with no other", async () => {
    const sealed = mails().filter(({ raw }) => raw.includes('BEGIN PGP MESSAGE'));
    expect(ended.stdout).toContain(`${sealed.length} sealed`);
    for (const { name, to, raw } of sealed) {
      const message = armoredIn(raw);
      const tried = await Promise.all(
        [...homes].map(async ([address, home]) => ({ address, ...(await home.run([...LATER, '--decrypt'], message)) })),
      );
      const opens = tried.filter(({ status }) => status.includes('DECRYPTION_OKAY'));
      expect(
        opens.map(({ address }) => address),
        name,
      ).toEqual([to]);
      // Exit 2 after a decryption: the signature of a list whose certificate is not in that home.
      for (const { address, code, status } of tried.filter((one) => !opens.includes(one)))
        expect([code, status.some((line) => line.startsWith('NO_SECKEY'))], `${name} in ${address}`).toEqual([2, true]);
    }
  });
});

test('`npm run demo` needs no terminal', async () => {
  const { code, stdout } = await run('npm', ['run', '--silent', 'demo'], { cwd: join(import.meta.dirname, '..', '..') });
  expect(code).toBe(0);
  expectStory(stdout);
});
