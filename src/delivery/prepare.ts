import { currentInstant } from '../cases/clocks.ts';
import type { Instant } from '../clock.ts';
import { entityText, leaves, parseOwn } from '../mail/message.ts';
import {
  autocrypt,
  filePart,
  multipart,
  type NewField,
  type Pieces,
  protectedPayload,
  sealedMail,
  signedMail,
  signedPayload,
  type TrustedFields,
  textPart,
} from '../mail/outgoing.ts';
import { LINK_FILE, sinceWritten } from '../notices/templates.ts';
import type { ListKey } from '../pgp/keyring.ts';
import { collectInTurn, LARGE } from '../pgp/memory.ts';
import type { Shared } from '../pgp/shared.ts';
import type { Sealed } from '../pgp/worker.ts';
import { kinds } from '../post/kinds.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import * as lists from '../store/lists.ts';
import type { PostFacts } from '../store/posts.ts';
import type { Case, Delivery, List } from '../store/schema.ts';
import { tokenFor } from './code.ts';
import { type Composed, linkFile, listFields, listHeaders, personalHeaders, voiceOf } from './compose.ts';
import { PRIORITY } from './copies.ts';
import { INACTIVE, keptFromAll } from './need-to-know.ts';
import { type Kept, sealedTo } from './sealed-to.ts';

/** A post, opened and composed, with all that its copies share. */
export interface Opened {
  post: PostFacts;
  list: List;
  case: Case | null;
  key: ListKey;
  composed: Composed;
  /** SHA-256 of the mail that was opened, hex: `composed` was made of these octets. */
  digest: string;
  /** What was signed of it already, by its trusted fields: for sealing, and in clear. */
  signed: Map<string, Promise<Uint8Array>>;
  signedInClear: Map<string, Promise<ClearMail>>;
  /** What the copies for members share that was sealed of it already, by its trusted fields. */
  shared: Map<string, Shared>;
}

interface ClearMail {
  payload: Uint8Array;
  signature: { armored: string; micalg: string };
}

/** The value of `key`, made once. What fails is made again at the next need. */
function once<Value>(made: Map<string, Promise<Value>>, key: string, make: () => Promise<Value>): Promise<Value> {
  const value = made.get(key) ?? make();
  made.set(key, value);
  value.catch(() => made.delete(key));
  return value;
}

/**
 * A copy's octets, and the certificate that they are sealed to (null: in clear); or why it has to wait for a person, and what was kept for it where
 * the certificate is why. Never anything unsealed for a private recipient.
 */
export type Prepared = { raw: Pieces; certificate: Uint8Array | null } | { held: string; kept?: Kept };

/** Makes the copies of one post, each for its recipient, with the certificates of this moment. In the order of `batch`. */
export async function prepare(seams: Seams, opened: Opened, batch: readonly Delivery[]): Promise<Prepared[]> {
  const contacts = batch.filter((copy) => copy.audience === 'contact');
  const sealed = await sealForContacts(seams, opened, contacts);
  return Promise.all(
    batch.map(async (copy) => {
      if (copy.audience === 'contact') return sealed.get(copy.id) ?? { held: 'no-certificate' };
      if (copy.audience === 'reporter') return sealForReporter(seams, opened, copy);
      return signInClear(seams, opened, copy);
    }),
  );
}

interface Sealable {
  copy: Delivery;
  certificate: Uint8Array;
  kept: Kept;
}

async function sealForContacts(seams: Seams, opened: Opened, copies: readonly Delivery[]): Promise<Map<string, Prepared>> {
  const prepared = new Map<string, Prepared>();
  const ids = copies.flatMap(({ contact_id }) => contact_id ?? []);
  if (ids.length === 0) return prepared;
  // Whatever made the copy, and however long ago: who is on its list and may know of its case is asked at the moment of sending.
  const kept = await keptFromAll(seams.db, opened.post, ids);
  const to = await sealedTo(seams, copies);
  const sealable: Sealable[] = [];
  for (const copy of copies) {
    const why = copy.contact_id === null ? INACTIVE : kept.get(copy.contact_id);
    const reached = to.get(copy.id);
    if (why !== undefined) prepared.set(copy.id, { held: why });
    else if (!reached || 'held' in reached) prepared.set(copy.id, reached ?? { held: 'no-certificate' });
    else sealable.push({ copy, ...reached });
  }
  const { list, post, composed, key } = opened;
  const fields = listFields(list, post, composed.subject, opened.case);
  const headers = [...listHeaders(list, post.kind), autocrypt(voiceOf(list, post), key.certificate)];
  const answers =
    post.kind === 'dispatch'
      ? await sealWithLinks(seams, opened, fields, sealable)
      : await seal(
          seams,
          opened,
          fields,
          sealable.map(({ certificate }) => certificate),
          list.seal,
        );
  for (const [index, one] of sealable.entries()) prepared.set(one.copy.id, toMail(fields, one, headers, answers[index]));
  return prepared;
}

async function sealForReporter(seams: Seams, opened: Opened, copy: Delivery): Promise<Prepared> {
  const reached = (await sealedTo(seams, [copy])).get(copy.id);
  if (!reached || 'held' in reached) return reached ?? { held: 'no-certificate' };
  const { list, post, composed, key } = opened;
  const fields = { ...listFields(list, post, composed.subject, opened.case), to: copy.address };
  const [answer] = await seal(seams, opened, fields, [reached.certificate], 'fresh');
  return toMail(
    fields,
    { copy, ...reached },
    [...personalHeaders(post.kind), autocrypt(voiceOf(list, post), key.certificate)],
    answer,
  );
}

/**
 * A dispatch brings each contact a link of his own, by which he says once that he has it. It is a file of no type: a client quotes what is text,
 * mutt an attached one as well, and all other members would have it. One after the other: each is signed anew.
 */
async function sealWithLinks(seams: Seams, opened: Opened, fields: TrustedFields, sealable: readonly Sealable[]) {
  const answers: Awaited<ReturnType<typeof seal>> = [];
  const said = await saidSince(seams, opened);
  for (const { copy, certificate } of sealable) {
    const token = await tokenFor(seams.db, 'acknowledgement', copy.id);
    const content = multipart('mixed', [
      ...(said === null ? [] : [textPart(said)]),
      opened.composed.content,
      filePart(LINK_FILE, 'application/octet-stream', linkFile(seams.project.site, token)),
    ]);
    const own = { ...opened, composed: { ...opened.composed, content }, signed: new Map(), shared: new Map() };
    answers.push(...(await seal(seams, own, fields, [certificate], 'fresh')));
  }
  return answers;
}

/** Who was kept from it, or waits for the relay, may read it when the instant that it names has passed and another one stands. */
async function saidSince({ db, clock }: Seams, { post, composed }: Opened): Promise<string | null> {
  const about = post.case_id === null ? undefined : await cases.byId(db, post.case_id);
  const [text] = leaves(parseOwn(composed.content));
  return about && text ? sinceWritten(entityText(text), currentInstant(about, clock.now())) : null;
}

/** Signed once, then sealed to each certificate alone, as far as nothing that is known of it is against that. */
async function seal(
  seams: Seams,
  { key, composed, signed, shared }: Opened,
  fields: TrustedFields,
  to: Uint8Array[],
  policy: List['seal'],
) {
  if (to.length === 0) return [];
  const { pgp, clock } = seams;
  const now: Instant = clock.now();
  const name = JSON.stringify(fields);
  const message = await once(signed, name, async () => {
    const payload = protectedPayload(fields, composed.content, composed.fields);
    // What it was opened and composed in goes before as much again is taken to sign it, and what was signed before it is sealed.
    const large = payload.length > LARGE && policy === 'shared';
    if (large) await collectInTurn();
    const made = await pgp.sign(payload, key.secret, now);
    if (large) await collectInTurn();
    return made;
  });
  return policy === 'shared' ? pgp.sealShared(message, to, now, sharedOf(shared, name)) : pgp.seal(message, to, now);
}

function sharedOf(all: Map<string, Shared>, name: string): Shared {
  const shared = all.get(name) ?? { bodies: new Map(), lines: new Map() };
  all.set(name, shared);
  return shared;
}

function toMail(
  fields: TrustedFields,
  { copy, certificate, kept }: Sealable,
  headers: NewField[],
  answer: Sealed | undefined,
): Prepared {
  if (!answer || !('armored' in answer)) return { held: answer?.unusable ?? 'no-certificate', kept };
  return { raw: sealedMail(fields, copy.message_id, headers, answer.armored), certificate };
}

async function signInClear({ db, pgp, clock, keyring }: Seams, opened: Opened, copy: Delivery): Promise<Prepared> {
  const { post, composed, signedInClear } = opened;
  // Held, and not thrown: one row that is wrong must not keep the other copies of its post.
  if (kinds[post.kind].clear !== copy.audience) return { held: 'not-in-clear' };
  const list = await lists.byId(db, copy.list_id);
  const key = list && keyring.find(list.fingerprint);
  if (!list || !key) throw new Refusal('not-ready', undefined, `there is no key for the list ${copy.list_id}`);
  const toList = copy.audience === 'public' && copy.priority === PRIORITY.public;
  const fields: TrustedFields = { ...listFields(list, post, composed.subject, null), to: toList ? list.address : copy.address };
  const { payload, signature } = await once(signedInClear, JSON.stringify(fields), async () => {
    const signable = signedPayload(fields, composed.content);
    return { payload: signable, signature: await pgp.signApart(signable, key.secret, clock.now()) };
  });
  const headers = [
    ...(toList ? listHeaders(list, post.kind) : personalHeaders(post.kind)),
    autocrypt(voiceOf(list, post), key.certificate),
  ];
  return { raw: [signedMail(fields, copy.message_id, headers, payload, signature)], certificate: null };
}
