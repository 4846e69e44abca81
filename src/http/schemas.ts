import { type TSchema, Type } from 'typebox';
import { Details } from '../cases/details.ts';
import { STAGES } from '../cases/state.ts';
import { CODES } from '../embargo/policy.ts';
import { Address, NOT_ON_A_LINE } from '../roster/entries.ts';
import { InstantUtc } from './instant.ts';

/*
 * What the API answers to the command line too, which reads it by the same schemas: this file knows nothing of how it is made.
 */

/** An id or an address, in a path or a query: nothing that a database could not take as a text. */
export const Name = Type.String({ pattern: '^[!-~]{1,254}$', description: 'an id: 1 to 254 printable ASCII characters' });
export const ById = Type.Object({ id: Name });

export const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$', description: 'a SHA-256 in lower-case hexadecimal' });

export const OrNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

export const Reason = Type.String({
  pattern: `^[^${NOT_ON_A_LINE}]{1,500}$`,
  description: 'one line of 1 to 500 characters that says why',
});

export const ListRole = Type.Enum(['intake', 'private', 'public']);
export const DeliveryState = Type.Enum(['queued', 'leased', 'deferred', 'held', 'delivered', 'failed'], {
  description: '"queued", "leased", "deferred", "held", "delivered" or "failed"',
});
export const Audience = Type.Enum(['contact', 'reporter', 'stranger', 'public'], {
  description: '"contact", "reporter", "stranger" or "public"',
});

/** What a policy says of an instant. */
export const PolicyAnswer = Type.Object({
  ok: Type.Boolean(),
  violations: Type.Array(
    Type.Object({
      code: Type.Enum([...CODES], { description: CODES.join(', ') }),
      policy: OrNull(Type.String({ description: 'whose rule it is' })),
      message: Type.String(),
      latest: Type.Optional(InstantUtc),
      earliest: Type.Optional(InstantUtc),
      nearest: Type.Optional(InstantUtc),
    }),
  ),
  suggestion: Type.Optional(InstantUtc),
  unchecked: Type.Array(Type.String(), { description: 'rules that could not be looked at, and why' }),
});

export const ClockView = Type.Object({
  trusted: Type.Boolean({ description: 'false: nothing is released' }),
  wall: { ...InstantUtc, description: 'what the clock of this node says, in UTC' },
  believed: { ...InstantUtc, description: 'what time it is taken to be, in UTC' },
  why: OrNull(
    Type.Enum(['ahead', 'behind', 'nodes'], {
      description: '"ahead" or "behind" of where it ought to be, or "nodes": another node has been later',
    }),
  ),
  since: OrNull(InstantUtc),
  here: Type.Boolean({ description: 'whether it is the clock of this node that is in doubt' }),
});

export const RestorationView = Type.Object({
  takenAt: OrNull({ ...InstantUtc, description: 'when the backup was taken; null where none was restored' }),
  restoredAt: OrNull(InstantUtc),
  confirmedAt: OrNull({ ...InstantUtc, description: 'null where nothing is released until an admin confirms it' }),
  held: Type.Integer({ description: 'copies that were waiting in the backup and are held since' }),
});

const Severity = Type.Object({
  vector: Type.String(),
  version: Type.String(),
  score: Type.Number({ description: 'of all metrics that are in the vector' }),
  base: Type.Number({ description: 'of the base metrics alone' }),
  rating: Type.String(),
});

export const CaseSummary = Type.Object({
  id: Type.String({ description: 'PREFIX-YYYY-NNNN' }),
  state: Type.Enum([...STAGES], { description: `one of ${STAGES.join(', ')}` }),
  revision: Type.Integer({ description: 'goes up with every change; the ETag' }),
  receivedAt: InstantUtc,
  releaseAt: OrNull(InstantUtc),
  channels: Type.Array(Type.String(), { description: 'addresses of the public lists' }),
  overdue: Type.Boolean({ description: 'all of the public ought to have it' }),
  overdueSince: OrNull(InstantUtc),
  lead: OrNull(Type.String({ description: 'id of the contact who leads it' })),
  bundleHash: OrNull(Sha256),
  dispatchedAt: OrNull(InstantUtc),
  releasedAt: OrNull(InstantUtc),
});

export const PatchView = Type.Object({
  id: Type.String(),
  sha256: Sha256,
  size: Type.Integer({ description: 'octets' }),
});

/** Everything about a case but its content. */
export const CaseView = Type.Object({
  ...CaseSummary.properties,
  needToKnow: OrNull(
    Type.Object(
      {
        groups: Type.Array(Type.String()),
        members: Type.Array(Type.Object({ id: Type.String(), organisation: Type.String() })),
      },
      { description: 'who alone may know of it, besides the response team; null: everybody on the lists that it is sent to' },
    ),
  ),
  approvals: Type.Array(
    Type.Object({
      what: Type.Enum(['patches', 'schedule', 'bundle', 'proposal', 'forthcoming'], {
        description: '"patches", "schedule", "bundle", "proposal" or "forthcoming"',
      }),
      person: Type.String({ description: 'address' }),
      approvedAt: InstantUtc,
    }),
    { description: 'of what stands there now' },
  ),
  patches: Type.Array(PatchView),
  people: Type.Object({
    lead: OrNull(Address),
    deputy: OrNull(Address),
    handoverTo: OrNull(Address),
    team: Type.Array(Address, { description: 'who alone works on it besides these; empty: all of the response team' }),
  }),
  policies: Type.Array(Type.String(), { description: 'names of those that it is under' }),
  waived: Type.Array(Type.String(), {
    description: 'codes of rules that its instant breaks, or the one that is proposed, and that do not hold for it',
  }),
  due: Type.Array(
    Type.Object({
      what: Type.String({ description: '"acknowledge", "forthcoming", "notice", "second-notice" or "release"' }),
      at: InstantUtc,
      policy: Type.String({ description: 'whose rule it is' }),
      doneAt: OrNull(InstantUtc),
    }),
    { description: 'what the policies have due, and when it was done' },
  ),
  patchSet: Type.Object({
    hash: OrNull(Type.String({ description: 'of the patches that stand there, to be approved; null without any' })),
    approved: Type.Boolean(),
    distributed: Type.Boolean({ description: 'whether these are what distributors have' }),
    revision: Type.Integer({ description: 'of the last one that was approved; 0 for none' }),
  }),
  schedule: Type.Object({
    hash: OrNull(Type.String({ description: 'of instant, channels and policies, to be approved by a second person' })),
    approvedAt: OrNull(InstantUtc),
  }),
  proposal: OrNull(
    Type.Object(
      {
        hash: OrNull(Type.String({ description: 'to be approved by two different people' })),
        since: InstantUtc,
        releaseAt: OrNull(InstantUtc),
        changes: Type.Array(Type.String({ description: '"instant", "channels", "text" or "details"' })),
      },
      { description: 'what would take the place of the armed release, which stands until two people approve this' },
    ),
  ),
  forthcoming: Type.Object({
    hash: OrNull(
      Type.String({ description: 'of the word to the public that a fix will come, to be approved by a second person' }),
    ),
    sentAt: OrNull({ ...InstantUtc, description: 'of that one; null while it waits, whatever was sent before' }),
  }),
  duplicateOf: OrNull(Type.String({ description: 'null also for whoever may not know of that one' })),
});

/** What is known of a case, in clear. */
export const DetailsView = Type.Object({
  details: Details,
  severity: OrNull(Severity),
  lacking: Type.Array(Type.String()),
  wish: OrNull(
    Type.Object(
      { words: Type.String(), at: OrNull(InstantUtc), answer: OrNull(PolicyAnswer) },
      {
        description:
          'when the reporter would have it released, and what the policies of the case say of that where it is an instant',
      },
    ),
  ),
});

/** What is to be approved, in clear. */
export const BundleView = Type.Object({
  hash: Sha256,
  releaseAt: OrNull(InstantUtc),
  channels: Type.Array(Type.String()),
  unread: Type.Array(Type.String(), {
    description: 'the channels on which nobody is: what is released there is on the pages alone',
  }),
  subject: Type.String(),
  text: Type.String(),
  external: OrNull(
    Type.Object(
      { subject: Type.String(), text: Type.String() },
      { description: 'the mail to external addresses; null for a note' },
    ),
  ),
  note: Type.Boolean({ description: 'it is the public word of a withdrawal, and nothing of the case' }),
  patches: Type.Array(Type.Object({ id: Type.String(), name: Type.String(), sha256: Sha256, size: Type.Integer() })),
});

export const Writings = Type.Object({ items: Type.Array(Type.Object({ writtenAt: InstantUtc, text: Type.String() })) });

export const ArchiveDraft = Type.Object({ text: Type.String(), hash: Sha256 });

const Days = Type.Number({ description: 'days, to two places' });

export const StatisticsView = Type.Object({
  from: InstantUtc,
  to: InstantUtc,
  reports: Type.Integer({ description: 'that came in that time' }),
  rejected: Type.Integer(),
  duplicates: Type.Integer(),
  released: Type.Integer({ description: 'cases that were released in that time' }),
  onTime: Type.Integer(),
  late: Type.Integer(),
  severity: Type.Record(Type.String(), Type.Integer(), { description: 'released cases by severity, or "unrated"' }),
  median: Type.Object({ embargoed: OrNull(Days), reportToPublic: OrNull(Days) }),
  cases: Type.Array(
    Type.Object({
      id: Type.String(),
      severity: OrNull(Type.String()),
      receivedAt: InstantUtc,
      noticedAt: OrNull(InstantUtc),
      releasedAt: InstantUtc,
      embargoed: OrNull(Type.Number({ description: 'days from the notice to distributors to the release' })),
      reportToPublic: Days,
      onTime: Type.Boolean({ description: 'everybody of the public had it within the grace of its policy' }),
      cause: OrNull(
        Type.Enum(['approved-late', 'held-up', 'channel', 'leaked', 'public-already'], {
          description:
            'why it was not on time ("approved-late", "held-up", or "channel": somebody of the public got it late, or no one of a channel), or public before ("leaked", "public-already")',
        }),
      ),
    }),
    { description: 'those that were released, the earliest first' },
  ),
});

/** A text for the public. */
export const DraftView = Type.Object({ subject: Type.String(), text: Type.String() });

/** What the public will read beside the mails, as it will be. */
export const Preview = Type.Object({
  files: Type.Array(Type.Object({ path: Type.String(), type: Type.String(), body: Type.String() })),
});

export const PatchAdded = Type.Object({ patch: Type.Object({ ...PatchView.properties, name: Type.String() }), case: CaseView });

export const Dispatched = Type.Object({
  postId: Type.String(),
  copies: Type.Integer({
    description: 'one for each active contact of the list who may know of the case and has none of this bundle yet',
  }),
  unproved: Type.Array(Type.Object({ address: Type.String(), memberId: Type.String(), organisation: Type.String() }), {
    description: 'contacts of the list who may know of the case and get no copy, as they have not proved their keys',
  }),
  unreached: Type.Array(
    Type.Object({
      memberId: Type.String(),
      organisation: Type.String(),
      why: Type.Union([Type.Literal('no-contact'), Type.Literal('unsubscribed')]),
    }),
    { description: 'members of the list who may know of the case, and have no active contact or none who has not unsubscribed' },
  ),
  behind: Type.Array(Type.String(), {
    description: 'addresses of private lists that have earlier patches: the bundle is approved when they have these as well',
  }),
});

/** A notice as each recipient gets it. */
export const NoticeView = Type.Object({
  mails: Type.Array(
    Type.Object({
      list: Type.String({ description: 'that it comes from' }),
      subject: Type.String(),
      text: Type.String(),
      files: Type.Array(
        Type.Object({
          name: Type.String(),
          sha256: OrNull({ ...Sha256, description: 'null where each recipient gets a file of his own' }),
          size: Type.Integer(),
        }),
      ),
      to: Type.Array(
        Type.Object({
          address: Type.String(),
          fingerprint: OrNull(Type.String({ description: 'of the certificate that it is sealed to; null: in clear' })),
        }),
        { description: 'empty where it is kept, and goes to the reporter when he brings his certificate' },
      ),
    }),
  ),
  without: Type.Array(Type.Object({ address: Type.String(), why: Type.String() }), {
    description: 'who does not get it, or not before it can be sealed to him, and why',
  }),
  hash: OrNull(
    Type.String({ description: 'of a "forthcoming" that is drafted: what another person approves, so that it goes out' }),
  ),
});

export const NoticeSent = Type.Object({
  ...NoticeView.properties,
  case: CaseView,
});

export const DuplicateLinked = Type.Object({
  ...NoticeView.properties,
  credited: OrNull(Type.String({ description: 'whom the other case credits now as well' })),
  toCredit: OrNull(
    Type.String({ description: 'who wishes to be credited and was not added, as the other case is approved without him' }),
  ),
  case: CaseView,
});

const ACKNOWLEDGED = ['unacknowledged', 'acknowledged', 'affected', 'not_affected', 'problem'] as const;

/** Who has what of a case: each copy of each dispatch, the newest of a contact first. */
export const AcknowledgementsView = Type.Object({
  items: Type.Array(
    Type.Object({
      organisation: Type.String(),
      memberId: Type.String(),
      address: Type.String(),
      list: Type.String({ description: 'address' }),
      postId: Type.String(),
      revision: OrNull(Type.Integer({ description: 'of the patch set; null without patches' })),
      sentAt: InstantUtc,
      delivery: DeliveryState,
      reason: OrNull(Type.String({ description: 'why it is held, deferred or failed' })),
      settledAt: OrNull(InstantUtc),
      status: Type.Enum([...ACKNOWLEDGED], { description: ACKNOWLEDGED.join(', ') }),
      at: OrNull(InstantUtc),
    }),
  ),
});

/** A case that was limited, and who is outside and has something of it all the same. */
export const Limited = Type.Object({
  case: CaseView,
  seenBy: Type.Array(
    Type.Object({
      memberId: Type.String(),
      organisation: Type.String(),
      contactId: Type.String(),
      address: Type.String(),
      copies: Type.Integer({ description: 'how many mails of it were handed over to him' }),
      lastAt: OrNull(InstantUtc),
    }),
    { description: 'contacts of members who may not know of it: what went out is not taken back' },
  ),
});

export const DeliveryView = Type.Object({
  id: Type.String(),
  postId: Type.String(),
  listId: Type.String(),
  caseId: OrNull(Type.String()),
  audience: Audience,
  address: Type.String(),
  messageId: Type.String(),
  state: DeliveryState,
  attempts: Type.Integer(),
  dueAt: InstantUtc,
  reason: OrNull(Type.String({ description: 'why it is held, deferred or failed' })),
  response: OrNull(Type.String({ description: 'the last answer of the relay' })),
  createdAt: InstantUtc,
  settledAt: OrNull(InstantUtc),
});

/** What came of each of many copies. */
export const MovedCopies = Type.Object({
  done: Type.Array(Type.String(), { description: 'ids of copies' }),
  refused: Type.Array(
    Type.Object({
      id: Type.String(),
      code: Type.String({ description: 'the reason, for programs' }),
      detail: Type.String({ description: 'the reason, for people' }),
    }),
    { description: 'copies with which nothing was done' },
  ),
});

/** With its attempts and what came to its address. */
export const WholeDeliveryView = Type.Object({
  ...DeliveryView.properties,
  tried: Type.Array(
    Type.Object({
      number: Type.Integer({ description: 'which attempt, from 1 on' }),
      at: { ...InstantUtc, description: 'when it ended, in UTC' },
      state: Type.Enum(['delivered', 'failed', 'deferred', 'held'], { description: 'how it ended' }),
      reason: OrNull(Type.String()),
      response: OrNull(Type.String({ description: 'of the relay, one line' })),
    }),
    { description: 'its last attempts that have ended, 20 at most, oldest first' },
  ),
  cameBack: Type.Array(
    Type.Object({
      postId: Type.String(),
      at: InstantUtc,
      what: Type.Enum(['failed', 'delayed', 'arrived', 'unreadable', 'auto-reply', 'mail'], {
        description: 'the first three: a mail server’s report',
      }),
      words: OrNull(Type.String({ description: 'of a report that could be read, one line' })),
    }),
    { description: 'what came to the address of this copy, oldest first' },
  ),
});

export const IncidentView = Type.Object({
  id: Type.String(),
  state: Type.Enum(['open', 'closed']),
  at: { ...InstantUtc, description: 'when the first mail came, in UTC' },
  lastAt: { ...InstantUtc, description: 'when the last one came that counts with it' },
  mails: Type.Integer({ description: 'how many count with it: of one sender, within an hour' }),
  caseId: Type.String(),
  kind: Type.Enum(['id', 'file', 'text', 'patch'], { description: 'what was recognised' }),
  place: Type.String({ description: 'where in the mail it stood' }),
  percent: Type.Integer({ description: 'of that text or patch, how much was there; 100 for an id and a file' }),
  listId: Type.String({ description: 'the list that it came to' }),
  refused: Type.Boolean({ description: 'the list is public, and did not take it; else it was also addressed to the public' }),
  encrypted: Type.Boolean(),
  sender: OrNull(Type.String({ description: 'of the envelope, as it was said' })),
  from: OrNull(Type.String({ description: 'as it was said' })),
  signerId: OrNull(Type.String({ description: 'the contact whose valid signature is over all of it' })),
  toldAt: OrNull(InstantUtc),
  closedBy: OrNull(Type.String({ description: '`person:ID`, `token:ID` or `host:NAME`' })),
  closedAt: OrNull(InstantUtc),
});

/** What a list takes and what it adds, as people set it. */
export const policy = {
  encryptedOnly: Type.Boolean({ description: 'takes only what came wholly encrypted' }),
  signedOnly: Type.Boolean({ description: 'takes only what somebody of the roster signed as a whole' }),
  membersOnly: Type.Boolean({ description: 'takes only what its members and the team signed; a private list always does' }),
  moderated: Type.Boolean({ description: 'holds what is not the team’s until the team decides' }),
  unaddressed: Type.Union([Type.Literal('hold'), Type.Literal('accept')], {
    description: 'what becomes of a mail of somebody on the roster whose signature does not say that it is for this list',
  }),
  largest: OrNull(
    Type.Integer({
      minimum: 1,
      maximum: 26_214_400,
      description: 'octets of a mail, 1 to 26214400; null: what the server takes',
    }),
  ),
  fileNames: OrNull(
    Type.String({
      minLength: 1,
      maxLength: 2000,
      pattern: '^[^\\u0000]*$',
      description: 'patterns of attachments that are allowed, as in "*.patch *.diff"',
    }),
  ),
  fileTypes: OrNull(
    Type.String({
      minLength: 1,
      maxLength: 2000,
      pattern: '^[^\\u0000]*$',
      description: 'their media types, as in "text/* image/png"',
    }),
  ),
  subjectPrefix: OrNull(
    Type.String({
      maxLength: 50,
      pattern: `^[^\\[\\]${NOT_ON_A_LINE}]+$`,
      description: '1 to 50 characters before the subject, without the brackets that are put around it',
    }),
  ),
  footer: OrNull(
    Type.String({
      maxLength: 5000,
      pattern: '^[^\\u0000]*$',
      description: 'below what it distributes, as the terms of the embargo',
    }),
  ),
  giveUp: OrNull(
    Type.Integer({
      minimum: 1,
      maximum: 720,
      description:
        'whole hours, 1 to 720, for which a copy is tried before it fails, but for what belongs to a release; null: as long as the server does',
    }),
  ),
  seal: Type.Enum(['shared', 'fresh'], {
    description:
      '"shared": a mail is encrypted once, and each member’s copy has the session key for him alone before that; "fresh": each copy is encrypted anew, by a session key of its own',
  }),
};

export const ListView = Type.Object({
  id: Type.String(),
  address: Type.String(),
  role: ListRole,
  name: Type.String(),
  fingerprint: Type.String({ description: 'of its OpenPGP key' }),
  nextKey: OrNull(
    Type.Object(
      { fingerprint: Type.String(), from: InstantUtc },
      { description: 'the key that it will have from that instant on' },
    ),
  ),
  ...policy,
});

export const PostState = Type.Union([Type.Literal('accepted'), Type.Literal('held'), Type.Literal('refused')]);

/** What is known of a post without opening it. */
export const PostView = Type.Object({
  id: Type.String(),
  listId: Type.String(),
  caseId: OrNull(Type.String()),
  kind: Type.String(),
  digest: Sha256,
  sender: OrNull(Type.String({ description: 'envelope sender' })),
  signerContactId: OrNull(Type.String()),
  signerFingerprint: OrNull(Type.String()),
  encrypted: Type.Boolean({ description: 'whether it came encrypted; it is kept encrypted in any case' }),
  receivedAt: InstantUtc,
  size: Type.Integer({ description: 'octets in clear' }),
  state: PostState,
  holdReason: OrNull(Type.String({ description: 'why it waits, or waited, for a person' })),
  decidedBy: OrNull(Type.String({ description: 'the contact who decided on it' })),
  decidedAt: OrNull(InstantUtc),
  purgedAt: OrNull(Type.String({ format: 'date-time', description: 'when its content was taken away, by the retention rule' })),
});

export const RefusedPostView = Type.Object({
  ...PostView.properties,
  contacts: Type.Integer({ description: 'of how many a copy is out all the same, or may be soon' }),
  reporter: Type.Boolean({ description: 'whether the reporter has it, or may get it yet' }),
});

export const StoppedView = Type.Object({
  stopped: Type.Integer({ description: 'copies that wait now' }),
  delivered: Type.Integer({ description: 'copies that are out' }),
  underWay: Type.Integer({ description: 'copies that a relay is being given at this moment, and that may be out soon' }),
});

export const AuditView = Type.Object({
  seq: Type.Integer({ description: 'its number, from 1 on' }),
  at: InstantUtc,
  actor: Type.Object({
    type: Type.String({ description: '"person", "token", "host" or "system"' }),
    id: OrNull(Type.String()),
    name: OrNull(Type.String({ description: 'what he was called then' })),
    via: OrNull(Type.String({ description: 'the token, or the mail, by which he came' })),
  }),
  action: Type.String({ description: 'noun.verb, as in "case.approve"' }),
  subject: Type.String({ description: 'noun:id' }),
  detail: Type.Unsafe<object>({ type: 'object', additionalProperties: true }),
  prev: Type.String({ description: 'SHA-256 of the line before' }),
  hash: Sha256,
});

const STATES = ['applied', 'vouched', 'vetted', 'key_proved', 'active', 'key_hold', 'suspended', 'removed', 'rejected'] as const;
export const MemberState = Type.Enum([...STATES], { description: `one of ${STATES.join(', ')}` });

export const MemberView = Type.Object({
  id: Type.String(),
  organisation: Type.String(),
  product: OrNull(Type.String()),
  state: MemberState,
  reason: OrNull(Type.String({ description: 'of the last change of state' })),
  lists: Type.Array(Type.String(), { description: 'addresses' }),
  groups: Type.Array(Type.String(), { description: 'names: what a case can be limited to' }),
  createdAt: InstantUtc,
  updatedAt: InstantUtc,
  terms: OrNull(Type.String({ description: 'the version of the terms that he accepted' })),
  reviewAt: OrNull(InstantUtc),
  unproved: Type.Integer({ description: 'how many of its active contacts get nothing, as they have not proved their keys' }),
  etag: Type.String({ description: 'for If-Match: another one after any change of it, of its lists or of its groups' }),
});

const Said = Type.String({ description: 'that of the contact who said it' });

/** What was said of the present application. */
export const AdmissionView = Type.Object({
  member: MemberView,
  answers: Type.Array(Type.Object({ criterion: Type.String(), answer: Type.String(), evidence: OrNull(Type.String()) })),
  vouches: Type.Array(Type.Object({ contactId: Type.String(), address: Said, statement: Type.String(), at: InstantUtc })),
  verdicts: Type.Array(
    Type.Object({
      personId: Type.String(),
      address: Said,
      criterion: Type.String(),
      pass: Type.Boolean(),
      note: OrNull(Type.String()),
      at: InstantUtc,
    }),
  ),
  removals: Type.Array(Type.Object({ personId: Type.String(), address: Said, reason: Type.String(), at: InstantUtc })),
});

/** A case that is not public, and what became of a member's copy of it. */
export const Exposed = Type.Object({
  caseId: Name,
  state: Type.String(),
  releaseAt: OrNull(InstantUtc),
  contactId: Type.String(),
  address: Type.String(),
  delivery: Type.String({ description: 'the state of his copy' }),
  settledAt: OrNull(InstantUtc),
});

export const CriteriaView = Type.Object({
  criteria: Type.Array(Type.Object({ id: Type.String(), text: Type.String() })),
  terms: OrNull(Type.String({ description: 'the version that an applicant accepts' })),
});

export const Armored = Type.String({ minLength: 1, description: 'an armored OpenPGP certificate' });

const Failures = Type.Object({ count: Type.Integer(), firstAt: OrNull(InstantUtc), lastAt: OrNull(InstantUtc) });

export const HealthView = Type.Object(
  {
    state: Type.Enum(['well', 'soft', 'failing']),
    deliveredAt: OrNull({
      ...InstantUtc,
      description: 'when a relay took a copy for him last; it may have been given back since',
    }),
    hard: Failures,
    soft: Failures,
    delayedAt: OrNull({ ...InstantUtc, description: 'when a mail server said last that it still tries' }),
    line: OrNull(Type.String({ description: 'what was said of the last failure: the words of a mail server' })),
    warnedAt: OrNull({ ...InstantUtc, description: 'when others of his member and the team were told' }),
  },
  { description: 'how mail to his address fares; the failures are those since a copy last stood (docs/bounces.md)' },
);

export const ContactView = Type.Object({
  id: Type.String(),
  memberId: Type.String(),
  address: Type.String(),
  name: OrNull(Type.String()),
  active: Type.Boolean(),
  fingerprint: OrNull(Type.String({ description: 'of the current certificate' })),
  unsubscribed: Type.Array(Type.String(), { description: 'addresses of lists of his member that he wants nothing of' }),
  createdAt: InstantUtc,
  provedAt: OrNull({
    ...InstantUtc,
    description: 'when he proved his key, or an import answered for it; null: he gets no copies',
  }),
  health: HealthView,
});

const EncryptionKey = OrNull(Type.String({ description: 'fingerprint of the key that copies are encrypted to' }));
export const CertificateView = Type.Object({
  id: Type.String(),
  fingerprint: Type.String(),
  state: Type.Enum(['current', 'proposed', 'retired']),
  certificate: Armored,
  createdAt: InstantUtc,
  endsAt: OrNull({
    ...InstantUtc,
    description: 'when it or its encryption subkey expires; null: never, or it cannot be encrypted to now',
  }),
  whyNot: OrNull(Type.String({ description: 'why it cannot be encrypted to now, as `revoked` or `expired`; null: it can' })),
  proved: Type.Boolean({ description: 'its owner has sent back what was sealed to it' }),
  waiting: OrNull(
    Type.Object(
      { before: EncryptionKey, after: EncryptionKey, certificate: Armored },
      {
        description:
          'a newer copy of it waits for a person: the keys that copies are encrypted to now, and then, and what it will be as a whole',
      },
    ),
  ),
  etag: Type.String({ description: 'for If-Match: another one after any change of it or of what waits' }),
});

export const GivenView = Type.Object({
  ...CertificateView.properties,
  encryptionKey: OrNull(
    Type.Object(
      { before: EncryptionKey, after: EncryptionKey },
      {
        description: 'of a certificate that was renewed; `after` is null where it cannot be encrypted to, as when it is revoked',
      },
    ),
  ),
});

/** What was done in a case, newest first, and what became of its public mails. */
export const Timeline = Type.Object({
  items: Type.Array(AuditView),
  next: OrNull(Type.String({ description: 'the cursor of the next page' })),
  channels: Type.Array(
    Type.Object({
      channel: Type.String({ description: 'the address of the public list' }),
      address: OrNull(Type.String({ description: 'the external address; null for all subscribers of the list' })),
      state: DeliveryState,
      copies: Type.Integer(),
      response: OrNull(Type.String({ description: 'the last answer of the relay, of an external address' })),
      firstAt: OrNull(InstantUtc),
      lastAt: OrNull(InstantUtc),
    }),
    { description: 'in the order in which they are sent' },
  ),
});
