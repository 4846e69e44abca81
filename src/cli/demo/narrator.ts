import { type Instant, toIso } from '../../clock.ts';
import * as cases from '../../store/cases.ts';
import type { Case } from '../../store/schema.ts';
import type { Cast, Role } from './cast.ts';
import type { Letter } from './letters.ts';
import { openers, type Read, read } from './reading.ts';
import type { Sent } from './sink.ts';
import type { Stage } from './stage.ts';

/** A line of the story; `detail` is for people. */
export interface Moment {
  at: string;
  event: string;
  detail: string;
}

export interface Told {
  moments: Moment[];
  counts: Record<string, number>;
}

/** Tells the story line by line, and looks after each that nothing was sent of which no line has spoken. */
export class Narrator {
  readonly stage: Stage;
  readonly cast: Cast;
  readonly told: Told = { moments: [], counts: {} };
  /** By list address. */
  readonly certificates = new Map<string, Uint8Array>();
  readonly #say: (moment: Moment) => Promise<void>;
  readonly #taken = new Set<Sent>();

  constructor(stage: Stage, cast: Cast, say: (moment: Moment) => Promise<void>) {
    this.stage = stage;
    this.cast = cast;
    this.#say = say;
  }

  get db() {
    return this.stage.running.seams.db;
  }

  /** The story's. */
  get now(): Instant {
    return this.stage.clock.now();
  }

  /** Every list's certificate. */
  get all(): Uint8Array[] {
    return [...this.certificates.values()];
  }

  certificate(list: string): Uint8Array {
    const certificate = this.certificates.get(list);
    if (!certificate) throw new Error(`no certificate of ${list}`);
    return certificate;
  }

  /** The only one. */
  async case(): Promise<Case> {
    const [found] = await cases.page(this.db, { limit: 1 });
    if (!found) throw new Error('no case was opened');
    return found;
  }

  letter(from: Role, to: string, subject: string, text: string): Letter {
    return { from: this.cast[from], to, subject, text, at: this.now };
  }

  /** Hands a mail to Curfew, which must take it. */
  async send(from: Role, to: string, mail: Uint8Array): Promise<void> {
    const outcome = await this.stage.mail(this.cast[from].address, to, mail);
    check(outcome.state === 'delivered', `the mail to ${to} is accepted: ${outcome.response}`);
    this.count('accepted', 1);
    await this.stage.settle();
  }

  /** Hands a mail to Curfew, which must refuse it in the session, and send nothing but what these are told of it. */
  async refused(event: string, from: Role, to: string, mail: Uint8Array, told: readonly Role[] = []): Promise<void> {
    const outcome = await this.stage.mail(this.cast[from].address, to, mail);
    check(outcome.state === 'failed' && outcome.response.startsWith('550 5.7.1'), `${event}: ${outcome.response}`);
    await this.stage.settle();
    const expected = told.map((role) => this.cast[role].address).sort();
    check(
      this.fresh()
        .map((sent) => sent.to)
        .sort()
        .join() === expected.join(),
      'a refusal sends nothing else',
    );
    this.count('refused', 1);
    await this.moment(event, `refused in the session: ${outcome.response}`);
  }

  /** Mails that no line of the story has spoken of yet. */
  fresh(): Sent[] {
    return this.stage.sent.filter((sent) => !this.#taken.has(sent));
  }

  /** A fresh mail for each of these addresses, in their order; there must be as many as the address is named times. */
  take(addresses: readonly string[]): Sent[] {
    return addresses.map((address, index) => {
      const mails = this.fresh().filter(({ to }) => to === address);
      const wanted = addresses.slice(index).filter((other) => other === address).length;
      check(mails.length === wanted, `as many mails to ${address} as were to come: ${wanted}, not ${mails.length}`);
      const [sent] = mails as [Sent, ...Sent[]];
      this.#taken.add(sent);
      this.count('sent', 1);
      return sent;
    });
  }

  /** The one fresh sealed copy for each of them; each must open with its recipient's key and with nobody else's. */
  async copies(roles: readonly Role[]): Promise<Read[]> {
    const copies: Read[] = [];
    for (const [index, sent] of this.take(roles.map((role) => this.cast[role].address)).entries()) {
      const role = roles[index] as Role;
      const able = await openers(sent, this.cast, this.now);
      check(able.length === 1 && able[0] === this.cast[role], `only ${role} opens the copy`);
      const copy = await read(sent, this.cast[role], this.all, this.now);
      check(copy.signer !== null && copy.outerSubject === '[...]', 'the list has signed the copy, and its outside is neutral');
      copies.push(copy);
    }
    this.count('sealed', copies.length);
    return copies;
  }

  /** What Curfew says by itself of what is owed: to these of the team, and in these words, the beginning of a subject each. */
  async reminded(event: string, roles: readonly Role[], subjects: readonly string[], detail: string): Promise<void> {
    const { id } = await this.case();
    const mails = await this.copies(roles);
    const said = new Set(mails.map(({ subject }) => subject));
    const expected = subjects.map((subject) => `[${id}] ${subject}`);
    check([...said].sort().join() === [...expected].sort().join(), `${event}: ${[...said].join(', ')}`);
    await this.moment(event, detail);
  }

  /** A REST request that must be answered with that status. */
  async ask(token: string, method: string, path: string, status: number, body?: object) {
    const answer = await this.stage.api(token, method, path, body);
    check(answer.status === status, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer;
  }

  count(what: string, more: number): void {
    this.told.counts[what] = (this.told.counts[what] ?? 0) + more;
  }

  async moment(event: string, detail: string): Promise<void> {
    const moment = { at: toIso(this.now), event, detail };
    this.told.moments.push(moment);
    await this.#say(moment);
  }
}

/** A line of the story that does not hold ends it. */
export function check(holds: unknown, what: string): asserts holds {
  if (!holds) throw new Error(`The demonstration fails: ${what}`);
}
