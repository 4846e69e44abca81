import type { Generated, Insertable, Selectable, Updateable } from 'kysely';
import type { Instant } from '../clock.ts';

/** The tables as they stand after the last migration. Columns keep the names of the database. */
export interface Schema {
  lists: ListTable;
  members: MemberTable;
  member_lists: { member_id: string; list_id: string };
  member_groups: { member_id: string; name: string };
  contacts: ContactTable;
  certificates: CertificateTable;
  certificate_keys: { certificate_id: string; fingerprint: string; key_id: string };
  /** What is known to be revoked of the certificate with that fingerprint; `data` is a binary copy of it. */
  revocations: { fingerprint: string; word: string; data: Uint8Array };
  recipients: RecipientTable;
  tokens: TokenTable;
  identities: IdentityTable;
  cases: CaseTable;
  /** The last number given in a year. */
  case_numbers: { year: number; last: number };
  /** Who alone may know of a case; one without a row in either is for everybody on its lists. */
  need_to_know_groups: { case_id: string; name: string };
  /** `round`: of the application by which he is a member; see MemberTable. */
  need_to_know_members: { case_id: string; member_id: string; round: number };
  missed: { case_id: string; contact_id: string };
  posts: PostTable;
  patches: PatchTable;
  approvals: ApprovalTable;
  deliveries: DeliveryTable;
  /** Of those that have ended some time ago. */
  past_deliveries: DeliveryTable;
  /** A view of both, to read from. */
  all_deliveries: DeliveryTable;
  delivery_attempts: DeliveryAttempt;
  came_back: CameBackTable;
  contact_health: ContactHealthTable;
  /** Posts that reached nobody, and whose writers were told. */
  undelivered_told: { post_id: string; told_at: Instant };
  unsubscribed: { contact_id: string; list_id: string; created_at: Instant };
  acknowledgements: { post_id: string; contact_id: string; created_at: Instant; status: Generated<Acknowledged> };
  patch_sets: PatchSetTable;
  advisories: AdvisoryTable;
  /** Who of the response team alone works on a case; one without a row is the whole team's. */
  case_team: { case_id: string; contact_id: string };
  /** What was due, and at which level somebody was told; see cases/reminders.ts. */
  reminders: { case_id: string; what: string; due_at: Instant; level: number; told_at: Instant };
  incidents: IncidentTable;
  minimal_notices: MinimalNoticeTable;
  secrets: { name: string; value: Uint8Array };
  answers: AnswerTable;
  vouches: VouchTable;
  verdicts: VerdictTable;
  removals: RemovalTable;
  key_proofs: KeyProofTable;
  /** The words of `revocations` that a certificate says, or that were laid over it. */
  revocations_laid: { certificate_id: string; word: string };
  certificate_renewals: { certificate_id: string; data: Uint8Array; holds: number; created_at: Instant };
  certificate_warnings: { certificate_id: string; ends_at: Instant; days: number; created_at: Instant };
  audit: AuditTable;
  /** One row, with id 1. */
  audit_end: { id: number; seq: number; hash: string };
  idempotency: IdempotencyTable;
  /** At most one row, with id 1. */
  clock: ClockTable;
  restorations: RestorationTable;
  /** `line`: milliseconds from the monotonic clock of that run of a machine to where its wall clock ought to be. */
  clock_lines: { boot: string; line: number; seen_at: Instant };
}

export type ListRole = 'intake' | 'private' | 'public';
export type MemberState =
  | 'applied'
  | 'vouched'
  | 'vetted'
  | 'key_proved'
  | 'active'
  | 'key_hold'
  | 'suspended'
  | 'removed'
  | 'rejected';
export type TokenRole = 'admin' | 'team' | 'auditor';
/** A part of what a role may do. `read`: whatever changes nothing. */
export type TokenScope = 'read' | 'roster' | 'cases' | 'delivery' | 'audit' | 'tokens' | 'lists';
/** What the gate knows of a case; where it stands in the process is in cases/state.ts. */
export type CaseState = 'received' | 'scheduled' | 'armed' | 'released';
/** What becomes of a case beside the way to its release. */
export type Aside = 'needs_info' | 'rejected' | 'leaked' | 'withdrawn' | 'public_already';
/** What a contact says of a dispatch. */
export type Acknowledged = 'acknowledged' | 'affected' | 'not_affected' | 'problem';
export type PostState = 'accepted' | 'held' | 'refused';
export type DeliveryState = 'queued' | 'leased' | 'deferred' | 'held' | 'delivered' | 'failed';
/** Who a copy is for: a contact and a reporter get it sealed, a stranger nothing but fixed words, the public what is released. */
export type Audience = 'contact' | 'reporter' | 'stranger' | 'public';

/** What a post is; the kinds below the line are written by Curfew itself. */
export type PostKind =
  | 'report'
  | 'post'
  | 'owner'
  | 'request'
  | 'bounce'
  // ---
  | 'answer'
  | 'key'
  | 'receipt'
  | 'receipt-clear'
  | 'draft'
  | 'dispatch'
  | 'public'
  | 'lifted'
  | 'news'
  | 'news-clear'
  | 'alert'
  | 'membership'
  | 'proof'
  | 'waits'
  | 'key-wanted'
  | 'details'
  | 'notice'
  | 'prenotice'
  | 'forthcoming'
  | 'reply-clear'
  | 'minimal'
  | 'retrospective'
  | 'archive'
  | 'evidence'
  | 'leaked'
  | 'withdrawn';

interface ListTable {
  id: string;
  /** Lower case. */
  address: string;
  role: ListRole;
  name: string;
  /** Of the list's OpenPGP key, upper-case hex. */
  fingerprint: string;
  created_at: Instant;
  /** Takes only what came wholly encrypted; only what somebody of the roster signed; only what its members and the team signed. */
  encrypted_only: Generated<number>;
  signed_only: Generated<number>;
  members_only: Generated<number>;
  /** What is not the team's waits for the team. */
  moderated: Generated<number>;
  /** What becomes of a text that its signer has not addressed to this list. */
  unaddressed: Generated<'hold' | 'accept'>;
  /** Octets of a mail; null: what the server takes. */
  largest: number | null;
  /** Patterns of the attachments that are allowed, with `*`, separated by spaces; null: any. */
  file_names: string | null;
  file_types: string | null;
  /** Before the subject of what it distributes, in brackets. */
  subject_prefix: string | null;
  /** Below it. */
  footer: string | null;
  /** Hours after which a copy through it that keeps being deferred fails; null: as configured. */
  give_up: number | null;
  /** Whether the copies of a mail share what is encrypted, each with a session key packet of its own, or have each its own. */
  seal: Generated<'shared' | 'fresh'>;
  /** Of the key that it has from `next_at` on; null where that is not to change. */
  next_fingerprint: string | null;
  next_at: Instant | null;
  /** Whether its contacts know. */
  next_told: Generated<number>;
  /** The last end of its key that its contacts know, or 0 for none; null: nobody was to be told of any yet. */
  expires_told: Instant | null;
}

interface MemberTable {
  id: string;
  organisation: string;
  product: string | null;
  state: MemberState;
  reason: string | null;
  created_at: Instant;
  updated_at: Instant;
  /** Of applications: what was said of an earlier one counts no more. */
  round: Generated<number>;
  /** The version of the terms that he accepted, and when. */
  terms: string | null;
  terms_at: Instant | null;
  /** When he is to be looked at again, and when the team was told that it is time. */
  review_at: Instant | null;
  review_told_at: Instant | null;
  /** When two admins removed him; null where he never was, or was admitted again. */
  removed_at: Instant | null;
  /** When he began anew; null where he never did. */
  began_at: Instant | null;
}

interface OfRound {
  member_id: string;
  round: number;
}

interface AnswerTable extends OfRound {
  criterion: string;
  answer: string;
  /** A link. */
  evidence: string | null;
}

interface VouchTable extends OfRound {
  /** Of another member. */
  contact_id: string;
  statement: string;
  created_at: Instant;
}

interface VerdictTable extends OfRound {
  /** A contact of the response team. */
  person_id: string;
  criterion: string;
  pass: number;
  note: string | null;
  created_at: Instant;
}

interface RemovalTable extends OfRound {
  person_id: string;
  reason: string;
  created_at: Instant;
}

interface KeyProofTable {
  id: string;
  contact_id: string;
  certificate_id: string;
  /** SHA-256, hex. */
  nonce_hash: string;
  created_at: Instant;
  proved_at: Instant | null;
}

interface ContactTable {
  id: string;
  member_id: string;
  /** Lower case. */
  address: string;
  name: string | null;
  active: number;
  created_at: Instant;
  /** When he proved the key of his certificate, or an admin answered for it; null: no copies are made for him. */
  proved_at: Instant | null;
}

interface CertificateTable {
  id: string;
  contact_id: string | null;
  /** Of the primary key, upper-case hex. */
  fingerprint: string;
  /** Transferable public key, binary (RFC 9580 §10.1). */
  data: Uint8Array;
  state: 'current' | 'proposed' | 'retired' | 'mail';
  created_at: Instant;
}

interface RecipientTable {
  id: string;
  list_id: string;
  address: string;
  kind: 'subscriber' | 'external';
  created_at: Instant;
}

interface TokenTable {
  id: string;
  name: string;
  role: TokenRole;
  /** SHA-256 of the token, hex. */
  hash: string;
  person_id: string | null;
  created_at: Instant;
  expires_at: Instant | null;
  revoked_at: Instant | null;
  /** To the minute. */
  last_used_at: Instant | null;
  /** Words with a space between; null: all of the role. */
  scopes: string | null;
  /** SHA-256, hex, of what finished the sign-in that it comes of; null: somebody made it. */
  sign_in: string | null;
}

/** An account of an identity provider, and the person whose it is. */
interface IdentityTable {
  /** With the subject it names the account for good (OpenID Connect Core 1.0 §5.7). */
  issuer: string;
  subject: string;
  contact_id: string;
  created_at: Instant;
  /** When an admin said that it is his; null: it only says so itself. */
  confirmed_at: Instant | null;
  signed_in_at: Instant | null;
}

interface CaseTable {
  /** `PREFIX-YYYY-NNNN`. */
  id: string;
  year: number;
  number: number;
  state: CaseState;
  /** The intake list that opened it. */
  list_id: string;
  thread_token: string;
  received_at: Instant;
  reporter_address: string | null;
  reporter_certificate_id: string | null;
  /** Goes up with every change of instant, text or patches. */
  revision: number;
  release_at: Instant | null;
  /** Addresses of the public lists it will be published on, sorted, separated by spaces. */
  channels: string | null;
  /** The post of kind `draft` that holds the subject and text for the public. */
  draft_post_id: string | null;
  /** SHA-256 over what people approve (see embargo/bundle.ts), hex. */
  bundle_hash: string | null;
  public_post_id: string | null;
  /** SHA-256 of the public post's mail that was released, hex: no other octets go out as that post. */
  public_digest: string | null;
  /** The same for external addresses, which have a post of their own; null where there were none. */
  external_post_id: string | null;
  external_digest: string | null;
  dispatched_at: Instant | null;
  /** Of versions that told it once; see reminders. */
  /** Written by former versions alone: `reminders` has it now. */
  overdue_told_at: Instant | null;
  released_at: Instant | null;
  /** The place of the last post that was written before it was released, withdrawn or rejected. */
  told_until: number | null;
  updated_at: Instant;
  /** Steps of the process, null before they were taken; `scheduled_at` and `prenoticed_at` go back to null with what they were for. */
  acknowledged_at: Instant | null;
  accepted_at: Instant | null;
  led_at: Instant | null;
  in_fix_at: Instant | null;
  /** Of the first patch set that was approved. */
  fix_ready_at: Instant | null;
  forthcoming_at: Instant | null;
  /** What the public is told before: its post, its SHA-256, the hash that a second person approves, and the first one, who drafted it. */
  forthcoming_post_id: string | null;
  forthcoming_digest: string | null;
  forthcoming_hash: string | null;
  forthcoming_by: string | null;
  /** The instant that the public was told last. */
  forthcoming_release_at: Instant | null;
  /** When the second person approved the instant. */
  scheduled_at: Instant | null;
  /** Of the first dispatch. */
  noticed_at: Instant | null;
  prenoticed_at: Instant | null;
  retrospective_at: Instant | null;
  closed_at: Instant | null;
  aside: Aside | null;
  aside_at: Instant | null;
  /** What stood when it was said to have leaked, or to be public, as JSON (embargo/set-aside.ts); it means nothing of any other case. */
  set_aside: string | null;
  /** Contacts of the response team; `handover_id` is asked to be the next lead, since `handover_at`. */
  lead_id: string | null;
  deputy_id: string | null;
  handover_id: string | null;
  handover_at: Instant | null;
  scheduled_by: string | null;
  /** When the reason for an exception of the policy was recorded. */
  exception_at: Instant | null;
  /** The post of kind `details` that says what is known of it. */
  details_post_id: string | null;
  /** The draft that the second notice carried. */
  prenoticed_draft_id: string | null;
  duplicate_of: string | null;
  /** When what was rejected was opened again, last. */
  reopened_at: Instant | null;
  /** The post of kind `evidence` with the words of what stands in `aside`: of a leak, a withdrawal, of what is public already. */
  evidence_post_id: string | null;
  /** The instant that distributors were told at first, where it was moved since. */
  original_at: Instant | null;
  /** That which they were told last, and since when they are told of none (cases/told.ts). */
  told_release_at: Instant | null;
  told_none_at: Instant | null;
  /** The same of the reporter. */
  reporter_release_at: Instant | null;
  reporter_none_at: Instant | null;
  /** When it was armed last and something was changed after. */
  disarmed_at: Instant | null;
  /** What would be changed of an armed case (embargo/proposal.ts), as JSON; the hash of the bundle that it makes; since when. */
  proposal: string | null;
  proposed_hash: string | null;
  proposed_at: Instant | null;
  /** That two people stood behind last. */
  agreed_release_at: Instant | null;
  /** The id of its schedule, or of what it was last retracted to; part of the bundle. */
  plan: string | null;
  /** What was decided of the last leak. */
  leak_decision: 'keep' | 'release' | null;
  leak_decided_at: Instant | null;
  /** Names, with spaces between; null: those of the project. */
  policies: string | null;
  /** Hashes of patch sets: the last that was approved, and the last that was dispatched. */
  patch_set: string | null;
  distributed_set: string | null;
  /** Of instant, policies, channels and permissions, as they stand there. */
  schedule_hash: string | null;
}

/** What columns of a case have in them. */
export interface CaseHints {
  aside?: Aside;
  /** None of these. */
  notAside?: readonly Aside[];
  state?: CaseState;
  /** A column that has a value. */
  set?: keyof Case;
  /** Columns that have none. */
  unset: readonly (keyof Case)[];
}

/** What of a case under embargo is recognised: by an id, a whole file, its texts or its patches. */
export type IncidentKind = 'id' | 'file' | 'text' | 'patch';

/** Mail with something that is under embargo, on its way to the public. */
interface IncidentTable {
  id: string;
  /** Of the first mail, and of the last one that counts with it. */
  at: Instant;
  last_at: Instant;
  mails: number;
  case_id: string;
  kind: IncidentKind;
  /** Where in the mail it stood: a word for programs. */
  place: string;
  /** How much of that text or patch was there; 100 for an id and a file. */
  percent: number;
  /** The list that it came to. */
  list_id: string;
  /** The list did not take it. */
  refused: number;
  encrypted: number;
  /** Of the envelope and the From: as they were said. */
  sender: string | null;
  from_address: string | null;
  /** Whose valid signature is over all of it. */
  signer_contact_id: string | null;
  /** When the team was told. */
  told_at: Instant | null;
  /** Who closed it: `person:ID`, or whoever else may; null while it is open. */
  closed_by: string | null;
  closed_at: Instant | null;
}

/** What is public of a released case. */
interface AdvisoryTable {
  case_id: string;
  /** JSON of an Advisory (advisories/advisory.ts), in clear. */
  document: string;
  /** From 1 on. */
  revision: number;
  released_at: Instant;
  updated_at: Instant;
}

/** A set of patches that was approved as it stood: it supersedes those of smaller revisions. */
interface PatchSetTable {
  case_id: string;
  revision: number;
  hash: string;
  approved_by: string;
  approved_at: Instant;
}

/** The post of fixed words that tells the public that the longest embargo of a case has ended without an advisory. */
interface MinimalNoticeTable {
  case_id: string;
  post_id: string;
  /** SHA-256 of the post's mail, hex: no other octets go out as that post. */
  digest: string;
  /** When that embargo ended: it goes to nobody before. */
  not_before: Instant;
  created_at: Instant;
}

interface PostTable {
  id: string;
  list_id: string;
  case_id: string | null;
  kind: PostKind;
  /** SHA-256 of the mail as it was accepted, or as Curfew wrote it, hex. */
  digest: string;
  /** SHA-256 of what was signed and how, hex: the same signature is never distributed twice. */
  signature_digest: string | null;
  /** SHA-256, hex, of its ciphertext, or of its Message-ID with its body: the same mail, whatever its way wrote on it. */
  message_id_digest: string | null;
  /** Envelope sender; null for the null sender and for Curfew's own posts. */
  sender: string | null;
  signer_contact_id: string | null;
  signer_fingerprint: string | null;
  encrypted: number;
  received_at: Instant;
  /** In the order in which all posts were written, whatever the clock said; see `posts.insert`. */
  place: Generated<number>;
  /** Octets of the mail in clear. */
  size: number;
  /** Of a dispatch: the hash of the bundle that it carries, and the revision of its patch set. */
  bundle_hash: string | null;
  patch_revision: number | null;
  /**
   * Of what the team writes in a case: 1 where the reporter reads it, 0 where the team alone does; 1 also of Curfew's own words that wait
   * for his certificate. Null for anything else.
   */
  to_reporter: number | null;
  /** The whole mail as accepted (RFC 5322, CRLF), as an OpenPGP message for the key of list_id, binary. */
  content: Uint8Array;
  /** `held` waits for a person; what he refuses is never distributed. */
  state: Generated<PostState>;
  hold_reason: string | null;
  /** JSON: the name of each check of the policy, and what it said. */
  hits: string | null;
  /** JSON: what was known of each signature when the mail came in; null: it was not opened then. */
  signatures: string | null;
  decided_by: string | null;
  decided_at: Instant | null;
  /** When its content was taken away, by the rule of the project; `content` is empty since. */
  purged_at: Instant | null;
}

interface PatchTable {
  id: string;
  case_id: string;
  /** Of the patch's octets, hex. */
  sha256: string;
  /** SHA-256 of the entity in `content` (name and octets), hex; null in a row of a version that did not write it. */
  digest: string | null;
  size: number;
  /** A MIME entity (name and octets), as an OpenPGP message for the key of the case's intake list. */
  content: Uint8Array;
  created_at: Instant;
  withdrawn_at: Instant | null;
  /** As of a post. */
  purged_at: Instant | null;
}

interface ApprovalTable {
  case_id: string;
  hash: string;
  person_id: string;
  /** Of his own; null where he signed a mail that says so. */
  token_id: string | null;
  post_id: string | null;
  approved_at: Instant;
}

interface DeliveryTable {
  id: string;
  post_id: string;
  list_id: string;
  case_id: string | null;
  audience: Audience;
  address: string;
  contact_id: string | null;
  certificate_id: string | null;
  /** With its angle brackets; the same at every attempt. */
  message_id: string;
  state: DeliveryState;
  /** Smaller goes first. */
  priority: number;
  due_at: Instant;
  attempts: number;
  /** Of the first attempt since it was queued, or since a person said: send it now. */
  tried_at: Instant | null;
  lease: string | null;
  lease_until: Instant | null;
  /** Why it is held, deferred or failed; a word for programs. */
  reason: string | null;
  /** The relay's last answer. */
  response: string | null;
  created_at: Instant;
  settled_at: Instant | null;
  /** When the team was told that it is held or failed. */
  told_at: Instant | null;
  /** When a mail server that had it on the way gave it back. */
  bounced_at: Instant | null;
  /** When the team was told that it waits for long. */
  late_told_at: Instant | null;
}

/** How an attempt to send a copy ended: what the relay said of it, whatever came of the copy later. */
export interface DeliveryAttempt {
  delivery_id: string;
  /** From 1 on. */
  number: number;
  /** When it ended. */
  at: Instant;
  state: Exclude<DeliveryState, 'queued' | 'leased'>;
  reason: string | null;
  /** Of the relay: one line. */
  response: string | null;
}

/** What came to the address of a copy: `arrived`, `delayed` and `failed` are what a mail server says of it (RFC 3464 §2.3.3). */
export type CameBack = 'failed' | 'delayed' | 'arrived' | 'unreadable' | 'auto-reply' | 'mail';

interface CameBackTable {
  /** What came. */
  post_id: string;
  /** The copy. */
  delivery_id: string;
  what: CameBack;
  /** Of a report that could be read: one line of a stranger. */
  words: string | null;
}

/** What became of the copies for a contact's address, as delivery/health.ts folds it; who has no row had none. */
interface ContactHealthTable {
  contact_id: string;
  /** When a relay took one last; it may have been given back since. */
  delivered_at: Instant | null;
  /** When a relay took the first one after the last failure, none of which was given back since. */
  stands_at: Instant | null;
  /** Of the failures of this run. */
  hard_count: number;
  hard_first_at: Instant | null;
  hard_last_at: Instant | null;
  soft_count: number;
  /** Since when the first of them was on its way. */
  soft_first_at: Instant | null;
  soft_last_at: Instant | null;
  /** When a mail server said last that it still tries. */
  delayed_at: Instant | null;
  /** What was said of the last failure: one line of a stranger. */
  line: string | null;
  /** When others were told of this run. */
  warned_at: Instant | null;
}

export interface AuditTable {
  /** From 1 on, without a gap. */
  seq: number;
  /** What is hashed, to the octet: JSON on one line (docs/audit.md). */
  line: string;
  /** SHA-256 of it, hex. */
  hash: string;
  at: Instant;
  /** `person:ID`, `token:ID`, `host:USER` or `system`. */
  actor: string;
  action: string;
  subject: string;
}

/** A request that was made with an Idempotency-Key. Whatever tells something of it can be read with its sender's token alone. */
interface IdempotencyTable {
  /** SHA-256 of the token's id and the key, hex. */
  id: string;
  /** Keyed digest of the whole request, hex. */
  fingerprint: string;
  /** The attempt that has it in hand, or had. */
  claim: string;
  claimed_at: Instant;
  created_at: Instant;
  /** 1: what was asked for is done; written in the transaction that did it. */
  done: Generated<number>;
  /** Sealed; null until there is one. */
  answer: Uint8Array | null;
}

/** Of the wall clock: ahead of where it ought to be, behind it; or another node has been later. */
export type ClockWhy = 'ahead' | 'behind' | 'nodes';

/** This database was restored from a backup. */
export interface RestorationTable {
  id: string;
  /** When the backup was taken. */
  taken_at: Instant;
  restored_at: Instant;
  /** When all that might be sent or released again was held. */
  held_at: Instant | null;
  /** When a person said that what had happened since the backup was looked at. */
  confirmed_at: Instant | null;
  confirmed_by: string | null;
}

interface ClockTable {
  id: number;
  /** The latest instant that was believed. */
  high_water: Instant;
  /** Null where the clock is believed, and the next two then as well. */
  suspect_since: Instant | null;
  suspect_why: ClockWhy | null;
  /** The run of the machine whose clock it is. */
  suspect_boot: string | null;
}

export type List = Selectable<ListTable>;
export type Member = Selectable<MemberTable>;
export type NewMember = Insertable<MemberTable>;
export type Answer = Selectable<AnswerTable>;
export type Vouch = Selectable<VouchTable>;
export type Verdict = Selectable<VerdictTable>;
export type Removal = Selectable<RemovalTable>;
export type KeyProof = Selectable<KeyProofTable>;
export type Contact = Selectable<ContactTable>;
export type Certificate = Selectable<CertificateTable>;
export type Recipient = Selectable<RecipientTable>;
export type Token = Selectable<TokenTable>;
export type Identity = Selectable<IdentityTable>;
export type Case = Selectable<CaseTable>;
export type Idempotency = Selectable<IdempotencyTable>;
export type Post = Selectable<PostTable>;
export type Incident = Selectable<IncidentTable>;
export type NewIncident = Insertable<IncidentTable>;
export type Patch = Selectable<PatchTable>;
export type MinimalNotice = Selectable<MinimalNoticeTable>;
export type PatchSet = Selectable<PatchSetTable>;
export type Delivery = Selectable<DeliveryTable>;
export type ContactHealth = Selectable<ContactHealthTable>;
export type NewPost = Insertable<PostTable>;
export type NewList = Insertable<ListTable>;
export type ListChange = Updateable<ListTable>;
export type NewDelivery = Insertable<DeliveryTable>;
