import { type Instant, SECOND, toIso } from '../../clock.ts';
import { importRoster } from '../../roster/import.ts';
import { addRecipient } from '../../roster/recipients.ts';
import { issueToken } from '../../roster/tokens.ts';
import * as cases from '../../store/cases.ts';
import * as lists from '../../store/lists.ts';
import * as posts from '../../store/posts.ts';
import type { Case } from '../../store/schema.ts';
import { ACTIVE, type Cast, type Role, TEAM } from './cast.ts';
import { encryptedLetter, type Letter, signedLetter } from './letters.ts';
import { openers, read } from './reading.ts';
import type { Sent } from './sink.ts';
import type { Stage } from './stage.ts';

/** Told as it happens; `detail` is for people, the rest for programs. */
export interface Moment {
  at: string;
  event: string;
  detail: string;
}

export interface Told {
  moments: Moment[];
  counts: Record<string, number>;
}

const at = (text: string): Instant => Date.parse(text);
export const BEGIN = at('2026-09-07T09:00:00Z');
const RELEASE = at('2026-09-22T16:00:00Z');

const SECURITY = 'security@orbit.example';
const DISTRIBUTORS = 'distributors@orbit.example';
const ANNOUNCE = 'announce@orbit.example';
const EXTERNAL = 'oss@public.example';
const READERS = ['reader@home.example', 'news@press.example'];

const SUBJECT = 'CVE-2026-99001: privilege escalation in the orbit scheduler';
const ADVISORY = `Am I vulnerable? If you run orbit 1.2 to 1.4 with tenants, yes.

Fixed versions: 1.2.9, 1.3.6, 1.4.3.
Mitigation: switch off the shared scheduler.
`;
const PATCHES = ['1.2', '1.3', '1.4'].map((branch) => ({
  name: `CVE-2026-99001_v${branch}.patch`,
  bytes: Buffer.from(`--- a/scheduler.go\n+++ b/scheduler.go\n@@ -1 +1 @@\n-allow(tenant)\n+allow(owner) // ${branch}\n`),
}));

/**
 * The main job from the report to the release, as its people live it. Each line is checked as it is told: what is not as
 * it should be throws, and the demonstration fails.
 */
export async function tell(stage: Stage, cast: Cast, say: (moment: Moment) => Promise<void>): Promise<Told> {
  const story = new Story(stage, cast, say);
  await story.rosterIsReady();
  await story.reportComes();
  await story.reporterAddsToIt();
  await story.embargoIsSet();
  await story.patchIsDispatched();
  await story.memberAnswers();
  await story.othersAreRefused();
  await story.instantPasses();
  return story.told;
}

class Story {
  readonly told: Told = { moments: [], counts: {} };
  readonly #stage: Stage;
  readonly #cast: Cast;
  readonly #say: (moment: Moment) => Promise<void>;
  readonly #certificates = new Map<string, Uint8Array>();
  readonly #tokens: { lead: string; leadAgain: string; approver: string } = { lead: '', leadAgain: '', approver: '' };
  #caseId = '';
  #thread = '';
  #seen = 0;

  constructor(stage: Stage, cast: Cast, say: (moment: Moment) => Promise<void>) {
    this.#stage = stage;
    this.#cast = cast;
    this.#say = say;
  }

  async rosterIsReady(): Promise<void> {
    const { running, clock } = this.#stage;
    const { db, keyring } = running.seams;
    const entry = (roles: readonly Role[], list: string) => ({
      organisation: this.#cast[roles[0] ?? 'lead'].organisation,
      lists: [list],
      contacts: roles.map((role) => ({
        address: this.#cast[role].address,
        name: this.#cast[role].name,
        certificate: this.#cast[role].key.armored,
      })),
    });
    const deps = { db, clock };
    const active = [entry(TEAM, SECURITY), ...[...ACTIVE, 'delta' as const].map((role) => entry([role], DISTRIBUTORS))];
    const done = await importRoster(deps, active, { activate: { reason: 'vetted before' }, dryRun: false });
    await importRoster(deps, [entry(['echo'], DISTRIBUTORS)], { activate: null, dryRun: false });
    check(done.written, 'the roster is imported');
    const delta = await db
      .selectFrom('members')
      .select('id')
      .where('organisation', '=', 'Delta Hosting')
      .executeTakeFirstOrThrow();
    await this.#ask(this.#stage.adminToken, 'POST', `/members/${delta.id}/suspend`, 200, { reason: 'terms broken' });
    for (const address of READERS) await addRecipient(deps, { list: ANNOUNCE, address, kind: 'subscriber' });
    await addRecipient(deps, { list: ANNOUNCE, address: EXTERNAL, kind: 'external' });
    for (const list of await lists.all(db)) {
      const key = keyring.find(list.fingerprint);
      if (key) this.#certificates.set(list.address, key.certificate);
    }
    for (const [name, role] of [
      ['lead', 'lead'],
      ['leadAgain', 'lead'],
      ['approver', 'approver'],
    ] as const) {
      const token = { name, role: 'team' as const, person: this.#cast[role].address, days: null };
      this.#tokens[name] = (await issueToken(deps, token)).token;
    }
    await this.#moment(
      'ready',
      '4 active distributors, 1 suspended, 1 not active yet; a team of 3; 2 subscribers and 1 external list',
    );
  }

  async reportComes(): Promise<void> {
    await this.#stage.moveTo(at('2026-09-07T09:12:00Z'));
    const { reporter } = this.#cast;
    const text = 'Any tenant can take over the scheduler. A proof is attached to my mind.';
    const letter = this.#letter('reporter', SECURITY, 'Tenant escape in the scheduler', text);
    const mail = await encryptedLetter(letter, this.#certificate(SECURITY), true);
    await this.#send('reporter', SECURITY, mail);
    const found = await this.#case();
    this.#caseId = found.id;
    const [post] = await posts.page(this.#db, { limit: 1, caseId: found.id });
    const report = (await posts.page(this.#db, { limit: 10, caseId: found.id })).find(({ kind }) => kind === 'report');
    check(post && report?.encrypted === 1 && report.signer_fingerprint === reporter.key.fingerprint, 'encrypted and signed');
    await this.#moment(
      'report received',
      `${found.id}: encrypted, signature verified, by ${reporter.address} (${reporter.key.fingerprint}, came with the mail)`,
    );
    const [receipt, ...copies] = await this.#copiesByRecipient(['reporter', ...TEAM]);
    const words = await read(receipt as Sent, reporter, this.#all, this.#now);
    check(words.subject.includes(found.id) && outerSubject(receipt as Sent) === '[...]', 'the receipt is neutral outside');
    this.#thread = /security\+\S+@orbit\.example/i.exec(words.text)?.[0] ?? '';
    await this.#moment('receipt sent', `to ${reporter.address}: signed, encrypted, outer subject "[...]", thread address inside`);
    check(copies.length === TEAM.length, 'one copy each');
    await this.#moment('team copies', `${copies.length}, each encrypted to one key: ${TEAM.join(', ')}`);
  }

  async reporterAddsToIt(): Promise<void> {
    await this.#stage.moveTo(at('2026-09-08T07:40:00Z'));
    const letter = this.#letter('reporter', this.#thread, 'Re: your receipt', 'Versions 1.2 to 1.4 are concerned.');
    await this.#send('reporter', this.#thread, await encryptedLetter(letter, this.#certificate(SECURITY)));
    const copies = await this.#copiesByRecipient(TEAM);
    const words = await read(copies[0] as Sent, this.#cast.lead, this.#all, this.#now);
    check(words.subject.startsWith(`[${this.#caseId}]`), 'the copy names the case');
    await this.#moment(
      'the reporter writes again',
      `to the thread address: filed under ${this.#caseId}, ${copies.length} team copies`,
    );
  }

  async embargoIsSet(): Promise<void> {
    await this.#stage.moveTo(at('2026-09-11T15:00:00Z'));
    const path = `/cases/${this.#caseId}`;
    for (const { name, bytes } of PATCHES)
      await this.#ask(this.#tokens.lead, 'POST', `${path}/patches`, 201, { name, content: bytes.toString('base64') });
    await this.#moment('patches attached', `${PATCHES.length} files, sealed; their SHA-256 are part of what is approved`);
    await this.#stage.moveTo(at('2026-09-11T15:30:00Z'));
    const wish = { releaseAt: toIso(RELEASE), subject: SUBJECT, text: ADVISORY };
    await this.#ask(this.#tokens.lead, 'PUT', `${path}/schedule`, 200, wish);
    const { bundle_hash: hash } = await this.#case();
    await this.#moment('embargo set', `release at ${toIso(RELEASE)}, bundle ${hash?.slice(0, 16)}...`);
    await this.#ask(this.#tokens.lead, 'POST', `${path}/approvals`, 200, { hash });
    await this.#ask(this.#tokens.leadAgain, 'POST', `${path}/approvals`, 409, { hash });
    await this.#moment('second approval refused', 'the lead with another token is still the same person: 409');
    await this.#ask(this.#tokens.approver, 'POST', `${path}/approvals`, 200, { hash });
    check((await this.#case()).state === 'armed', 'two people arm it');
    await this.#moment('embargo approved', `by ${this.#cast.lead.address} and ${this.#cast.approver.address}: armed`);
  }

  async patchIsDispatched(): Promise<void> {
    await this.#stage.moveTo(at('2026-09-14T16:00:00Z'));
    await this.#ask(this.#tokens.lead, 'POST', `/cases/${this.#caseId}/dispatch`, 200, { list: DISTRIBUTORS });
    await this.#stage.settle();
    const copies = await this.#copiesByRecipient(ACTIVE);
    for (const [index, role] of ACTIVE.entries()) {
      const words = await read(copies[index] as Sent, this.#cast[role], this.#all, this.#now);
      for (const { name, bytes } of PATCHES) check(same(words.files.get(name), bytes), `${name} reaches ${role} byte for byte`);
    }
    await this.#moment(
      'patch dispatched',
      `to ${copies.length} members, each under its own key alone; nothing to delta (suspended) and echo`,
    );
  }

  async memberAnswers(): Promise<void> {
    await this.#stage.moveTo(at('2026-09-16T11:00:00Z'));
    const { thread_token: token } = await this.#case();
    const thread = `distributors+${this.#caseId}.${token}@orbit.example`;
    const letter = this.#letter('bravo', thread, 'Patch 1.3', 'Looks good on our side.');
    await this.#send('bravo', thread, await encryptedLetter(letter, this.#certificate(DISTRIBUTORS)));
    const copies = await this.#copiesByRecipient([...ACTIVE, ...TEAM]);
    await this.#moment('bravo answers the members', `signed and encrypted: ${copies.length} copies to members and team`);
  }

  async othersAreRefused(): Promise<void> {
    await this.#stage.moveTo(at('2026-09-20T20:00:00Z'));
    const early = await signedLetter(this.#letter('charlie', ANNOUNCE, SUBJECT, ADVISORY));
    await this.#refused('a member tries the public list early', 'charlie', ANNOUNCE, early);
    const forged = this.#letter('reporter', DISTRIBUTORS, 'Hello', 'I am bravo, believe me.');
    const asBravo = { ...forged, from: { ...this.#cast.bravo, key: this.#cast.reporter.key } };
    const mail = await encryptedLetter(asBravo, this.#certificate(DISTRIBUTORS));
    await this.#refused('a stranger writes From: bravo', 'bravo', DISTRIBUTORS, mail);
    const { body } = await this.#ask(this.#tokens.lead, 'POST', `/cases/${this.#caseId}/release-now`, 403);
    await this.#moment('release by REST refused', `403 ${String(body['code'])}: ${String(body['detail'] ?? body['title'])}`);
  }

  async instantPasses(): Promise<void> {
    await this.#stage.moveTo(RELEASE - SECOND);
    check(this.#fresh().length === 0 && !this.#stage.sent.some(({ to }) => isPublic(to)), 'nothing is public');
    await this.#moment('one second before', '0 public mails');
    await this.#stage.moveTo(RELEASE);
    const order = this.#stage.sent.slice(this.#seen).map(({ to }) => to);
    const { reporter } = this.#cast;
    const members = ACTIVE.map((role) => this.#cast[role].address);
    check(isPublic(order[0] ?? '') && order.indexOf(EXTERNAL) < order.indexOf(reporter.address), 'the public first');
    const announced = this.#take([...READERS, EXTERNAL]);
    for (const sent of announced) {
      const words = await read(sent, null, this.#all, this.#now);
      check(!words.encrypted && words.signer !== null && words.text.includes('Fixed versions'), 'signed, in clear, whole');
      for (const { name, bytes } of PATCHES) check(same(words.files.get(name), bytes), `${name} is released byte for byte`);
    }
    const released = await this.#case();
    check(released.state === 'released' && released.released_at !== null, 'released');
    const late = ((released.released_at ?? 0) - RELEASE) / SECOND;
    await this.#moment('the instant passes', `${this.#caseId} is released, ${late} s after its instant`);
    await this.#moment(
      'public post sent',
      `to ${READERS.length} subscribers of ${ANNOUNCE} and to ${EXTERNAL}, signed, with the patches`,
    );
    await this.#copiesByRecipient(['reporter']);
    await this.#moment('reporter told', `${reporter.address}, sealed`);
    await this.#copiesByRecipient(ACTIVE);
    await this.#moment('members told', `${members.length} notices that the embargo is lifted, sealed`);
    check(this.#fresh().length === 0, 'nothing else was sent');
    this.#count('public', announced.length);
  }

  get #db() {
    return this.#stage.running.seams.db;
  }

  get #now(): Instant {
    return this.#stage.clock.now();
  }

  get #all(): Uint8Array[] {
    return [...this.#certificates.values()];
  }

  #certificate(list: string): Uint8Array {
    const certificate = this.#certificates.get(list);
    if (!certificate) throw new Error(`no certificate of ${list}`);
    return certificate;
  }

  async #case(): Promise<Case> {
    const [found] = await cases.page(this.#db, { limit: 1 });
    if (!found) throw new Error('no case was opened');
    return found;
  }

  #letter(from: Role, to: string, subject: string, text: string): Letter {
    return { from: this.#cast[from], to, subject, text, at: this.#now };
  }

  async #send(from: Role, to: string, mail: Uint8Array): Promise<void> {
    const outcome = await this.#stage.mail(this.#cast[from].address, to, mail);
    check(outcome.state === 'delivered', `the mail to ${to} is accepted: ${outcome.response}`);
    this.#count('accepted', 1);
    await this.#stage.settle();
  }

  async #refused(event: string, from: Role, to: string, mail: Uint8Array): Promise<void> {
    const outcome = await this.#stage.mail(this.#cast[from].address, to, mail);
    check(outcome.state === 'failed' && outcome.response.startsWith('550 5.7.1'), `${event}: ${outcome.response}`);
    await this.#stage.settle();
    check(this.#fresh().length === 0, 'a refusal sends nothing');
    this.#count('refused', 1);
    await this.#moment(event, `refused in the session: ${outcome.response}`);
  }

  /** Mails that no line of the story has spoken of yet. */
  #fresh(): Sent[] {
    return this.#stage.sent.slice(this.#seen).filter((sent) => !this.#taken.has(sent));
  }

  readonly #taken = new Set<Sent>();

  /** The one fresh mail to each of these addresses, in their order. */
  #take(addresses: readonly string[]): Sent[] {
    return addresses.map((address) => {
      const mails = this.#fresh().filter(({ to }) => to === address);
      check(mails.length === 1, `exactly one mail to ${address}, not ${mails.length}`);
      const [sent] = mails as [Sent];
      this.#taken.add(sent);
      this.#count('sent', 1);
      return sent;
    });
  }

  /** The one fresh sealed copy for each of them; each must open with its recipient's key and with nobody else's. */
  async #copiesByRecipient(roles: readonly Role[]): Promise<Sent[]> {
    const copies = this.#take(roles.map((role) => this.#cast[role].address));
    for (const [index, role] of roles.entries()) {
      const able = await openers(copies[index] as Sent, this.#cast, this.#now);
      check(able.length === 1 && able[0] === this.#cast[role], `only ${role} opens the copy`);
      const { signer } = await read(copies[index] as Sent, this.#cast[role], this.#all, this.#now);
      check(signer !== null, 'the list has signed the copy');
    }
    this.#count('sealed', copies.length);
    return copies;
  }

  async #ask(token: string, method: string, path: string, status: number, body?: object) {
    const answer = await this.#stage.api(token, method, path, body);
    check(answer.status === status, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer;
  }

  #count(what: string, more: number): void {
    this.told.counts[what] = (this.told.counts[what] ?? 0) + more;
  }

  async #moment(event: string, detail: string): Promise<void> {
    const moment = { at: toIso(this.#now), event, detail };
    this.told.moments.push(moment);
    await this.#say(moment);
  }
}

function isPublic(address: string): boolean {
  return address === EXTERNAL || READERS.includes(address);
}

function outerSubject({ raw }: Sent): string | undefined {
  return /^Subject: (.*)\r$/m.exec(Buffer.from(raw).toString('latin1'))?.[1];
}

function same(one: Uint8Array | undefined, other: Uint8Array): boolean {
  return one !== undefined && Buffer.from(one).equals(other);
}

/** A line of the story that does not hold ends it. */
function check(holds: unknown, what: string): asserts holds {
  if (!holds) throw new Error(`The demonstration fails: ${what}`);
}
