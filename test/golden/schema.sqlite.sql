CREATE TABLE "acknowledgements" ("post_id" text not null references "posts" ("id"),
  "contact_id" text not null references "contacts" ("id"),
  "created_at" integer not null,
  "status" text default 'acknowledged' not null check (status in ('acknowledged', 'affected', 'not_affected', 'problem')),
  constraint "acknowledgements_pk" primary key ("post_id",
  "contact_id")) strict;

CREATE TABLE "advisories" ("case_id" text primary key references "cases" ("id"),
  "document" text not null,
  "revision" integer not null,
  "released_at" integer not null,
  "updated_at" integer not null) strict;

CREATE TRIGGER advisories_released_insert before insert on advisories when not exists (select 1 from cases where id = new.case_id and state = 'released')
        begin select raise(abort, 'an advisory is of a released case'); end;

CREATE TRIGGER advisories_released_update before update on advisories when not exists (select 1 from cases where id = new.case_id and state = 'released')
        begin select raise(abort, 'an advisory is of a released case'); end;

CREATE VIEW all_deliveries as select id, post_id, list_id, case_id, audience, address, contact_id, certificate_id, message_id, state, priority, due_at, attempts,
    tried_at, lease, lease_until, reason, response, created_at, settled_at, told_at, bounced_at, late_told_at from deliveries union all select id, post_id, list_id, case_id, audience, address, contact_id, certificate_id, message_id, state, priority, due_at, attempts,
    tried_at, lease, lease_until, reason, response, created_at, settled_at, told_at, bounced_at, late_told_at from past_deliveries;

CREATE TABLE "answers" ("member_id" text not null references "members" ("id"),
  "round" integer not null,
  "criterion" text not null,
  "answer" text not null,
  "evidence" text,
  constraint "answers_pk" primary key ("member_id",
  "round",
  "criterion")) strict;

CREATE TABLE "approvals" (
    case_id text not null references cases (id),
    hash text not null,
    person_id text not null references contacts (id),
    token_id text,
    post_id text references posts (id),
    approved_at integer not null,
    constraint approvals_pk primary key (case_id, hash, person_id),
    constraint approvals_own_token foreign key (token_id, person_id) references tokens (id, person_id),
    constraint approvals_by check ((token_id is null) <> (post_id is null))
  ) strict;

CREATE TRIGGER approvals_final_update before update on approvals when true
      begin select raise(abort, 'an approval is never changed: approve again'); end;

CREATE TRIGGER approvals_kept_delete before delete on approvals when exists (select 1 from cases where id = old.case_id and state = 'released')
      begin select raise(abort, 'the approvals of a released case are not deleted'); end;

CREATE TRIGGER approvals_replaced_insert before insert on approvals when exists (select 1 from cases where id = new.case_id and state = 'released')
        or exists (select 1 from approvals where rowid = new.rowid)
      begin select raise(abort, 'the approvals of a released case are not replaced'); end;

CREATE TABLE "audit" ("seq" integer primary key,
  "line" text not null,
  "hash" text not null,
  "at" integer not null,
  "actor" text not null,
  "action" text not null,
  "subject" text not null) strict;

CREATE INDEX "audit_action" on "audit" ("action",
  "seq");

CREATE INDEX "audit_actor" on "audit" ("actor",
  "seq");

CREATE INDEX "audit_subject" on "audit" ("subject",
  "seq");

CREATE TRIGGER audit_no_delete before delete on audit begin select raise(abort, 'the audit log is only appended to'); end;

CREATE TRIGGER audit_no_replace before insert on audit when exists (select 1 from audit where seq = new.seq)
      begin select raise(abort, 'the audit log is only appended to'); end;

CREATE TRIGGER audit_no_update before update on audit begin select raise(abort, 'the audit log is only appended to'); end;

CREATE TABLE "audit_end" ("id" integer primary key check (id = 1),
  "seq" integer not null,
  "hash" text not null) strict;

CREATE TABLE came_back (
    post_id text primary key references posts (id), delivery_id text not null, what text not null, words text) strict;

CREATE INDEX "came_back_for" on "came_back" ("delivery_id");

CREATE TABLE "case_numbers" ("year" integer primary key,
  "last" integer not null) strict;

CREATE TABLE "case_team" ("case_id" text not null references "cases" ("id"),
  "contact_id" text not null references "contacts" ("id"),
  constraint "case_team_pk" primary key ("case_id",
  "contact_id")) strict;

CREATE TABLE "cases" ("id" text primary key,
  "year" integer not null,
  "number" integer not null,
  "state" text not null check (state in ('received', 'scheduled', 'armed', 'released')),
  "list_id" text not null references "lists" ("id"),
  "thread_token" text not null unique,
  "received_at" integer not null,
  "reporter_address" text,
  "reporter_certificate_id" text references "certificates" ("id"),
  "revision" integer not null,
  "release_at" integer,
  "channels" text,
  "draft_post_id" text,
  "bundle_hash" text,
  "public_post_id" text,
  "dispatched_at" integer,
  "overdue_told_at" integer,
  "released_at" integer,
  "updated_at" integer not null,
  "public_digest" text,
  "acknowledged_at" integer,
  "accepted_at" integer,
  "led_at" integer,
  "in_fix_at" integer,
  "fix_ready_at" integer,
  "forthcoming_at" integer,
  "scheduled_at" integer,
  "noticed_at" integer,
  "prenoticed_at" integer,
  "retrospective_at" integer,
  "closed_at" integer,
  "aside_at" integer,
  "handover_at" integer,
  "exception_at" integer,
  "lead_id" text references "contacts" ("id"),
  "deputy_id" text references "contacts" ("id"),
  "handover_id" text references "contacts" ("id"),
  "scheduled_by" text references "contacts" ("id"),
  "details_post_id" text references "posts" ("id"),
  "prenoticed_draft_id" text references "posts" ("id"),
  "aside" text check (aside in ('needs_info', 'rejected', 'leaked', 'withdrawn', 'public_already')),
  "duplicate_of" text references "cases" ("id"),
  "policies" text,
  "patch_set" text,
  "schedule_hash" text,
  "distributed_set" text,
  "forthcoming_post_id" text references "posts" ("id"),
  "forthcoming_digest" text,
  "forthcoming_hash" text,
  "forthcoming_by" text references "contacts" ("id"),
  "external_post_id" text references "posts" ("id"),
  "evidence_post_id" text references "posts" ("id"),
  "external_digest" text,
  "original_at" integer,
  "leak_decision" text check (leak_decision in ('keep', 'release')),
  "leak_decided_at" integer,
  "told_release_at" integer,
  "disarmed_at" integer,
  "plan" text,
  "proposal" text,
  "proposed_hash" text,
  "proposed_at" integer,
  "agreed_release_at" integer,
  "reporter_release_at" integer,
  "reopened_at" integer,
  "set_aside" text,
  "forthcoming_release_at" integer,
  "told_none_at" integer,
  "reporter_none_at" integer,
  "told_until" integer,
  constraint "cases_number" unique ("year",
  "number"),
  constraint "cases_bundle" check (state = 'received' or (release_at is not null and draft_post_id is not null and bundle_hash is not null)),
  constraint "cases_not_early" check (state <> 'released' or (released_at is not null and public_post_id is not null and released_at >= release_at))) strict;

CREATE INDEX "cases_due" on "cases" ("state",
  "release_at");

CREATE INDEX "cases_to_review" on "cases" ("released_at") where state = 'released' and retrospective_at is null and closed_at is null;

CREATE INDEX "cases_under_way" on "cases" ("received_at") where state <> 'released' and closed_at is null;

CREATE TRIGGER cases_approved_update before update on cases when new.state = 'released' and old.state <> 'released'
      and (select count(distinct person_id) from approvals where case_id = new.id and hash = new.bundle_hash) < 2
      begin select raise(abort, 'a case is released only with the approvals of two different people'); end;

CREATE TRIGGER cases_as_approved_update before update on cases when new.state = 'released' and old.state <> 'released'
      and (new.release_at is distinct from old.release_at
        or new.channels is distinct from old.channels
        or new.bundle_hash is distinct from old.bundle_hash
        or new.draft_post_id is distinct from old.draft_post_id)
      begin select raise(abort, 'a release changes nothing of what was approved'); end;

CREATE TRIGGER cases_born_insert before insert on cases when new.state = 'released'
      begin select raise(abort, 'no case begins released'); end;

CREATE TRIGGER cases_external_final_update before update on cases when old.state = 'released'
      and (new.external_post_id is distinct from old.external_post_id or new.external_digest is distinct from old.external_digest)
        begin select raise(abort, 'a released case stays as it was released'); end;

CREATE TRIGGER cases_external_post_update before update on cases when new.state = 'released' and old.state <> 'released' and new.external_post_id is not null
      and not exists (select 1 from posts where id = new.external_post_id and case_id = new.id and kind = 'public'
        and digest = new.external_digest and received_at >= new.release_at)
        begin select raise(abort, 'a case is released with an external post of its own, written at the instant or later'); end;

CREATE TRIGGER cases_final_update before update on cases when old.state = 'released'
      and (new.id <> old.id
        or new.state <> old.state
        or new.release_at is distinct from old.release_at
        or new.channels is distinct from old.channels
        or new.bundle_hash is distinct from old.bundle_hash
        or new.draft_post_id is distinct from old.draft_post_id
        or new.public_post_id is distinct from old.public_post_id
        or new.released_at is distinct from old.released_at)
      begin select raise(abort, 'a released case stays as it was released'); end;

CREATE TRIGGER cases_kept_update before update of id, year, number, list_id, thread_token on cases when new.id is distinct from old.id
        or new.year is distinct from old.year
        or new.number is distinct from old.number
        or new.list_id is distinct from old.list_id
        or new.thread_token is distinct from old.thread_token
      begin select raise(abort, 'a case keeps its number, its list and its thread'); end;

CREATE TRIGGER cases_needed_delete before delete on cases when old.state in ('armed', 'released')
      begin select raise(abort, 'a case that is armed or released is not deleted'); end;

CREATE TRIGGER cases_number_update before update on cases when new.rowid is distinct from old.rowid
      begin select raise(abort, 'a case keeps its number, its list and its thread'); end;

CREATE TRIGGER cases_public_digest_update before update on cases when old.state = 'released' and new.public_digest is distinct from old.public_digest
      begin select raise(abort, 'a released case stays as it was released'); end;

CREATE TRIGGER cases_public_octets_update before update on cases when new.state = 'released' and old.state <> 'released'
      and exists (select 1 from posts where id = new.public_post_id and kind = 'public'
        and (digest is distinct from new.public_digest or received_at < new.release_at))
      begin select raise(abort, 'a case is released with the digest of its public post, which was written at the instant or later'); end;

CREATE TRIGGER cases_public_post_update before update on cases when new.state = 'released' and old.state <> 'released'
      and not exists (select 1 from posts where id = new.public_post_id and case_id = new.id and kind = 'public')
      begin select raise(abort, 'a case is released with a public post of its own'); end;

CREATE TRIGGER cases_rebundled_update before update on cases when new.bundle_hash = old.bundle_hash
      and (new.release_at is distinct from old.release_at or new.channels is distinct from old.channels)
      begin select raise(abort, 'another instant or channel is another bundle, to be approved anew'); end;

CREATE TRIGGER cases_redescribed_update before update on cases when new.details_post_id is distinct from old.details_post_id
      and (new.bundle_hash = old.bundle_hash or new.state = 'released' or old.state = 'released')
        begin select raise(abort, 'other details are another bundle, to be approved anew'); end;

CREATE TRIGGER cases_replaced_insert before insert on cases when exists (select 1 from cases where rowid = new.rowid)
        or exists (select 1 from cases where id = new.id)
        or exists (select 1 from cases where year = new.year and number = new.number)
        or exists (select 1 from cases where thread_token = new.thread_token)
      begin select raise(abort, 'a row of cases is never replaced by another'); end;

CREATE TABLE "certificate_keys" ("certificate_id" text not null references "certificates" ("id") on delete cascade,
  "fingerprint" text not null,
  "key_id" text not null,
  constraint "certificate_keys_pk" primary key ("certificate_id",
  "fingerprint")) strict;

CREATE INDEX "certificate_keys_fingerprint" on "certificate_keys" ("fingerprint");

CREATE INDEX "certificate_keys_key_id" on "certificate_keys" ("key_id");

CREATE TABLE "certificate_renewals" ("certificate_id" text primary key references "certificates" ("id"),
  "data" blob not null,
  "holds" integer not null check (holds in (0, 1)),
  "created_at" integer not null) strict;

CREATE TABLE "certificate_warnings" ("certificate_id" text not null references "certificates" ("id"),
  "ends_at" integer not null,
  "days" integer not null,
  "created_at" integer not null,
  constraint "certificate_warnings_pk" primary key ("certificate_id",
  "ends_at",
  "days")) strict;

CREATE TABLE "certificates" ("id" text primary key,
  "contact_id" text references "contacts" ("id"),
  "fingerprint" text not null,
  "data" blob not null,
  "state" text not null check (state in ('current', 'proposed', 'retired', 'mail')),
  "created_at" integer not null,
  constraint "certificates_owner" check ((state = 'mail') = (contact_id is null)),
  constraint "certificates_once" unique ("contact_id",
  "fingerprint")) strict;

CREATE UNIQUE INDEX "certificates_current" on "certificates" ("contact_id") where "state" = 'current';

CREATE INDEX "certificates_fingerprint" on "certificates" ("fingerprint");

CREATE TABLE "clock" ("id" integer primary key check (id = 1),
  "high_water" integer not null,
  "suspect_since" integer,
  "suspect_why" text,
  "suspect_boot" text,
  constraint "clock_suspect" check ((suspect_since is null) = (suspect_why is null) and (suspect_since is null) = (suspect_boot is null))) strict;

CREATE TABLE "clock_lines" ("boot" text primary key,
  "line" integer not null,
  "seen_at" integer not null) strict;

CREATE TABLE "contact_health" ("contact_id" text not null primary key references "contacts" ("id"),
  "delivered_at" integer,
  "stands_at" integer,
  "hard_count" integer default 0 not null,
  "hard_first_at" integer,
  "hard_last_at" integer,
  "soft_count" integer default 0 not null,
  "soft_first_at" integer,
  "soft_last_at" integer,
  "delayed_at" integer,
  "line" text,
  "warned_at" integer) strict;

CREATE TABLE "contacts" ("id" text primary key,
  "member_id" text not null references "members" ("id"),
  "address" text not null unique check (address = lower(address)),
  "name" text,
  "active" integer default 1 not null check (active in (0, 1)),
  "created_at" integer not null,
  "proved_at" integer) strict;

CREATE INDEX "contacts_member" on "contacts" ("member_id");

CREATE TABLE "deliveries" ("id" text primary key,
  "post_id" text not null references "posts" ("id"),
  "list_id" text not null references "lists" ("id"),
  "case_id" text references "cases" ("id"),
  "audience" text not null check (audience in ('contact', 'reporter', 'stranger', 'public')),
  "address" text not null,
  "contact_id" text references "contacts" ("id"),
  "certificate_id" text references "certificates" ("id"),
  "message_id" text not null unique,
  "state" text not null check (state in ('queued', 'leased', 'deferred', 'held', 'delivered', 'failed')),
  "priority" integer not null,
  "due_at" integer not null,
  "attempts" integer default 0 not null,
  "tried_at" integer,
  "lease" text,
  "lease_until" integer,
  "reason" text,
  "response" text,
  "created_at" integer not null,
  "settled_at" integer,
  "told_at" integer,
  "bounced_at" integer,
  "late_told_at" integer,
  constraint "deliveries_audience" check ((audience = 'contact' and contact_id is not null)
        or (audience = 'reporter' and certificate_id is not null)
        or audience = 'stranger'
        or (audience = 'public' and case_id is not null))) strict;

CREATE INDEX deliveries_address on deliveries (lower(address), created_at);

CREATE INDEX deliveries_case on deliveries (case_id, contact_id);

CREATE INDEX "deliveries_due" on "deliveries" ("state",
  "priority",
  "due_at",
  "id");

CREATE INDEX "deliveries_post" on "deliveries" ("post_id",
  "state",
  "priority",
  "id");

CREATE INDEX deliveries_settled on deliveries (settled_at) where settled_at is not null;

CREATE INDEX deliveries_untold on deliveries (id) where told_at is null and state in ('held', 'failed');

CREATE TRIGGER deliveries_blanks_insert before insert on deliveries when new.address <> trim(new.address, '
')
      begin select raise(abort, 'an address has no blanks around it'); end;

CREATE TRIGGER deliveries_blanks_update before update of address on deliveries when new.address <> trim(new.address, '
')
      begin select raise(abort, 'an address has no blanks around it'); end;

CREATE TRIGGER deliveries_minimal_alone_insert before insert on deliveries when new.audience <> 'public'
      and exists (select 1 from posts where id = new.post_id and kind = 'minimal')
      begin select raise(abort, 'a public post goes to the public alone'); end;

CREATE TRIGGER deliveries_minimal_alone_update before update of post_id, audience on deliveries when new.audience <> 'public'
      and exists (select 1 from posts where id = new.post_id and kind = 'minimal')
      begin select raise(abort, 'a public post goes to the public alone'); end;

CREATE TRIGGER deliveries_own_address_insert before insert on deliveries when new.audience = 'contact'
      and not exists (select 1 from contacts where id = new.contact_id and address = new.address)
      begin select raise(abort, 'the copy of a contact goes to his own address'); end;

CREATE TRIGGER deliveries_own_address_update before update of audience, address, contact_id on deliveries when new.audience = 'contact'
      and not exists (select 1 from contacts where id = new.contact_id and address = new.address)
      begin select raise(abort, 'the copy of a contact goes to his own address'); end;

CREATE TRIGGER deliveries_public_alone_insert before insert on deliveries when new.audience not in ('public', 'stranger')
      and exists (select 1 from posts where id = new.post_id and kind = 'public')
      begin select raise(abort, 'a public post goes to the public alone'); end;

CREATE TRIGGER deliveries_public_alone_update before update of post_id, audience on deliveries when new.audience not in ('public', 'stranger')
      and exists (select 1 from posts where id = new.post_id and kind = 'public')
      begin select raise(abort, 'a public post goes to the public alone'); end;

CREATE TRIGGER deliveries_public_insert before insert on deliveries when ((new.audience = 'public'
        or exists (select 1 from lists where address = lower(new.address))
        or exists (select 1 from recipients where address = lower(new.address) and kind = 'external')
        or (exists (select 1 from lists where id = new.list_id and role = 'public')
          and not (new.audience = 'contact'
            and exists (select 1 from posts where id = new.post_id and kind in ('owner', 'alert', 'answer')))
          and not (new.audience = 'stranger'
            and exists (select 1 from posts where id = new.post_id and kind = 'key'))))
      and not exists (select 1 from cases
        where id = new.case_id and state = 'released' and (public_post_id = new.post_id or external_post_id = new.post_id or new.audience <> 'public'))
      and not (new.audience = 'public'
        and exists (select 1 from lists where id = new.list_id and role = 'public')
        and exists (select 1 from cases
          where id = new.case_id and forthcoming_post_id = new.post_id
            and exists (select 1 from posts
              where posts.id = new.post_id and posts.case_id = cases.id and posts.kind = 'forthcoming'
                and posts.digest = cases.forthcoming_digest)
            and exists (select 1 from approvals
              where approvals.case_id = cases.id and approvals.hash = cases.forthcoming_hash
                and approvals.person_id <> cases.forthcoming_by))))
      and not (new.audience = 'public'
        and exists (select 1 from lists where id = new.list_id and role = 'public')
        and exists (select 1 from minimal_notices where post_id = new.post_id and case_id = new.case_id)) begin select raise(abort, 'a public delivery needs a released case and its public post'); end;

CREATE TRIGGER deliveries_public_update before update of post_id, list_id, case_id, audience, address on deliveries when ((new.audience = 'public'
        or exists (select 1 from lists where address = lower(new.address))
        or exists (select 1 from recipients where address = lower(new.address) and kind = 'external')
        or (exists (select 1 from lists where id = new.list_id and role = 'public')
          and not (new.audience = 'contact'
            and exists (select 1 from posts where id = new.post_id and kind in ('owner', 'alert', 'answer')))
          and not (new.audience = 'stranger'
            and exists (select 1 from posts where id = new.post_id and kind = 'key'))))
      and not exists (select 1 from cases
        where id = new.case_id and state = 'released' and (public_post_id = new.post_id or external_post_id = new.post_id or new.audience <> 'public'))
      and not (new.audience = 'public'
        and exists (select 1 from lists where id = new.list_id and role = 'public')
        and exists (select 1 from cases
          where id = new.case_id and forthcoming_post_id = new.post_id
            and exists (select 1 from posts
              where posts.id = new.post_id and posts.case_id = cases.id and posts.kind = 'forthcoming'
                and posts.digest = cases.forthcoming_digest)
            and exists (select 1 from approvals
              where approvals.case_id = cases.id and approvals.hash = cases.forthcoming_hash
                and approvals.person_id <> cases.forthcoming_by))))
      and not (new.audience = 'public'
        and exists (select 1 from lists where id = new.list_id and role = 'public')
        and exists (select 1 from minimal_notices where post_id = new.post_id and case_id = new.case_id)) begin select raise(abort, 'a public delivery needs a released case and its public post'); end;

CREATE TRIGGER deliveries_stranger_insert before insert on deliveries when new.audience = 'stranger'
        and not exists (select 1 from posts
          where id = new.post_id and kind in ('receipt-clear', 'news-clear', 'key', 'key-wanted', 'reply-clear')) begin select raise(abort, 'a stranger is sent nothing but fixed words'); end;

CREATE TRIGGER deliveries_stranger_update before update of post_id, list_id, case_id, audience, address on deliveries when new.audience = 'stranger'
        and not exists (select 1 from posts
          where id = new.post_id and kind in ('receipt-clear', 'news-clear', 'key', 'key-wanted', 'reply-clear')) begin select raise(abort, 'a stranger is sent nothing but fixed words'); end;

CREATE TABLE "delivery_attempts" ("delivery_id" text not null,
  "number" integer not null,
  "at" integer not null,
  "state" text not null check (state in ('delivered', 'failed', 'deferred', 'held')),
  "reason" text,
  "response" text,
  constraint "delivery_attempts_pkey" primary key ("delivery_id",
  "number")) strict;

CREATE TABLE "idempotency" ("id" text primary key,
  "fingerprint" text not null,
  "claim" text not null,
  "claimed_at" integer not null,
  "created_at" integer not null,
  "done" integer default 0 not null check (done in (0, 1)),
  "answer" blob) strict;

CREATE INDEX "idempotency_created" on "idempotency" ("created_at");

CREATE TABLE "identities" ("issuer" text not null,
  "subject" text not null,
  "contact_id" text not null references "contacts" ("id"),
  "created_at" integer not null,
  "confirmed_at" integer,
  "signed_in_at" integer,
  constraint "identities_pk" primary key ("issuer",
  "subject")) strict;

CREATE UNIQUE INDEX "identities_contact" on "identities" ("contact_id") where "confirmed_at" is not null;

CREATE TABLE "incidents" ("id" text primary key,
  "at" integer not null,
  "last_at" integer not null,
  "mails" integer not null,
  "case_id" text not null references "cases" ("id"),
  "kind" text not null check (kind in ('id', 'file', 'text', 'patch')),
  "place" text not null,
  "percent" integer not null,
  "list_id" text not null references "lists" ("id"),
  "refused" integer not null,
  "encrypted" integer not null,
  "sender" text,
  "from_address" text,
  "signer_contact_id" text references "contacts" ("id"),
  "told_at" integer,
  "closed_by" text,
  "closed_at" integer,
  constraint "incidents_closed" check ((closed_by is null) = (closed_at is null))) strict;

CREATE INDEX "incidents_of_case" on "incidents" ("case_id",
  "at");

CREATE INDEX "incidents_untold" on "incidents" ("id") where "told_at" is null;

CREATE TABLE "key_proofs" ("id" text primary key,
  "contact_id" text not null references "contacts" ("id"),
  "certificate_id" text not null references "certificates" ("id"),
  "nonce_hash" text not null unique,
  "created_at" integer not null,
  "proved_at" integer) strict;

CREATE INDEX "key_proofs_contact" on "key_proofs" ("contact_id");

CREATE TABLE "lists" ("id" text primary key,
  "address" text not null unique check (address = lower(address)),
  "role" text not null check (role in ('intake', 'private', 'public')),
  "name" text not null,
  "fingerprint" text not null,
  "created_at" integer not null,
  "encrypted_only" integer default 0 not null check ("encrypted_only" in (0, 1)),
  "signed_only" integer default 0 not null check ("signed_only" in (0, 1)),
  "members_only" integer default 0 not null check ("members_only" in (0, 1)),
  "moderated" integer default 0 not null check ("moderated" in (0, 1)),
  "unaddressed" text default 'hold' not null check (unaddressed in ('hold', 'accept')),
  "largest" integer check (largest > 0),
  "file_names" text,
  "file_types" text,
  "subject_prefix" text,
  "footer" text,
  "next_fingerprint" text,
  "next_at" integer,
  "next_told" integer default 0 not null check (next_told in (0, 1)),
  "expires_told" integer,
  "give_up" integer,
  "seal" text default 'shared' not null check (seal in ('shared', 'fresh'))) strict;

CREATE TRIGGER lists_kept_update before update of id, address, role on lists when new.id is distinct from old.id
        or new.address is distinct from old.address
        or new.role is distinct from old.role
      begin select raise(abort, 'a list keeps its address and its role'); end;

CREATE TRIGGER lists_needed_delete before delete on lists when exists (select 1 from posts where list_id = old.id)
        or exists (select 1 from cases where list_id = old.id)
        or exists (select 1 from deliveries where list_id = old.id)
        or exists (select 1 from recipients where list_id = old.id)
      begin select raise(abort, 'a list that anything refers to is not deleted'); end;

CREATE TRIGGER lists_number_update before update on lists when new.rowid is distinct from old.rowid
      begin select raise(abort, 'a list keeps its address and its role'); end;

CREATE TRIGGER lists_replaced_insert before insert on lists when exists (select 1 from lists where rowid = new.rowid)
        or exists (select 1 from lists where id = new.id)
        or exists (select 1 from lists where address = new.address)
      begin select raise(abort, 'a row of lists is never replaced by another'); end;

CREATE TABLE "member_groups" ("member_id" text not null references "members" ("id"),
  "name" text not null,
  constraint "member_groups_pk" primary key ("member_id",
  "name")) strict;

CREATE INDEX "member_groups_name" on "member_groups" ("name");

CREATE TABLE "member_lists" ("member_id" text not null references "members" ("id"),
  "list_id" text not null references "lists" ("id"),
  constraint "member_lists_pk" primary key ("member_id",
  "list_id")) strict;

CREATE INDEX "member_lists_list" on "member_lists" ("list_id");

CREATE TABLE "members" ("id" text primary key,
  "organisation" text not null unique,
  "product" text,
  "state" text not null check (state in ('applied', 'vouched', 'vetted', 'key_proved', 'active', 'key_hold', 'suspended', 'removed', 'rejected')),
  "reason" text,
  "created_at" integer not null,
  "updated_at" integer not null,
  "round" integer default 1 not null,
  "terms" text,
  "terms_at" integer,
  "review_at" integer,
  "review_told_at" integer,
  "removed_at" integer,
  "began_at" integer) strict;

CREATE TABLE "minimal_notices" ("case_id" text primary key references "cases" ("id"),
  "post_id" text not null unique references "posts" ("id"),
  "digest" text not null,
  "not_before" integer not null,
  "created_at" integer not null,
  constraint "minimal_notices_not_early" check (created_at >= not_before)) strict;

CREATE TRIGGER minimal_notices_case_insert before insert on minimal_notices when not exists (select 1 from cases
      where id = new.case_id and state <> 'released' and closed_at is null and accepted_at is not null
        and (aside is null or aside not in ('rejected', 'withdrawn'))
        and received_at <= new.not_before)
      begin select raise(abort, 'a minimal notice is of an accepted case that is not released'); end;

CREATE TRIGGER minimal_notices_final_update before update on minimal_notices when true
      begin select raise(abort, 'a minimal notice is never changed'); end;

CREATE TRIGGER minimal_notices_kept_delete before delete on minimal_notices when true
      begin select raise(abort, 'a minimal notice is never deleted'); end;

CREATE TRIGGER minimal_notices_post_insert before insert on minimal_notices when not exists (select 1 from posts
      where id = new.post_id and case_id = new.case_id and kind = 'minimal' and digest = new.digest
        and received_at >= new.not_before)
      begin select raise(abort, 'a minimal notice is a post of its case, written at its instant or later'); end;

CREATE TRIGGER minimal_notices_replaced_insert before insert on minimal_notices when exists (select 1 from minimal_notices
      where rowid = new.rowid or post_id = new.post_id or case_id = new.case_id)
      begin select raise(abort, 'a row of minimal_notices is never replaced by another'); end;

CREATE TABLE "missed" ("case_id" text not null references "cases" ("id"),
  "contact_id" text not null references "contacts" ("id"),
  constraint "missed_pk" primary key ("case_id",
  "contact_id")) strict;

CREATE TABLE "need_to_know_groups" ("case_id" text not null references "cases" ("id"),
  "name" text not null,
  constraint "need_to_know_groups_pk" primary key ("case_id",
  "name")) strict;

CREATE TABLE "need_to_know_members" ("case_id" text not null references "cases" ("id"),
  "member_id" text not null references "members" ("id"),
  "round" integer not null,
  constraint "need_to_know_members_pk" primary key ("case_id",
  "member_id")) strict;

CREATE TABLE "past_deliveries" ("id" text primary key,
  "post_id" text not null references "posts" ("id"),
  "list_id" text not null references "lists" ("id"),
  "case_id" text references "cases" ("id"),
  "audience" text not null,
  "address" text not null,
  "contact_id" text references "contacts" ("id"),
  "certificate_id" text references "certificates" ("id"),
  "message_id" text not null unique,
  "state" text not null check (state in ('delivered', 'failed')),
  "priority" integer not null,
  "due_at" integer not null,
  "attempts" integer not null,
  "tried_at" integer,
  "lease" text check (lease is null),
  "lease_until" integer,
  "reason" text,
  "response" text,
  "created_at" integer not null,
  "settled_at" integer not null,
  "told_at" integer,
  "bounced_at" integer,
  "late_told_at" integer) strict;

CREATE INDEX past_deliveries_address on past_deliveries (lower(address), created_at);

CREATE INDEX "past_deliveries_case" on "past_deliveries" ("case_id");

CREATE INDEX "past_deliveries_post" on "past_deliveries" ("post_id",
  "state",
  "priority",
  "id");

CREATE INDEX past_deliveries_settled on past_deliveries (settled_at);

CREATE INDEX past_deliveries_untold on past_deliveries (id)
    where told_at is null and state in ('held', 'failed');

CREATE TABLE "patch_sets" ("case_id" text not null references "cases" ("id"),
  "revision" integer not null,
  "hash" text not null,
  "approved_by" text not null references "contacts" ("id"),
  "approved_at" integer not null,
  constraint "patch_sets_pk" primary key ("case_id",
  "revision")) strict;

CREATE TABLE "patches" ("id" text primary key,
  "case_id" text not null references "cases" ("id"),
  "sha256" text not null,
  "size" integer not null,
  "content" blob not null,
  "created_at" integer not null,
  "withdrawn_at" integer,
  "digest" text,
  "purged_at" integer) strict;

CREATE INDEX "patches_case" on "patches" ("case_id");

CREATE TABLE "posts" ("id" text primary key,
  "list_id" text not null references "lists" ("id"),
  "case_id" text references "cases" ("id"),
  "kind" text not null,
  "digest" text not null,
  "signature_digest" text,
  "message_id_digest" text,
  "sender" text,
  "signer_contact_id" text references "contacts" ("id"),
  "signer_fingerprint" text,
  "encrypted" integer not null check (encrypted in (0, 1)),
  "received_at" integer not null,
  "size" integer not null,
  "content" blob not null,
  "bundle_hash" text,
  "state" text default 'accepted' not null check (state in ('accepted', 'held', 'refused')),
  "hold_reason" text,
  "hits" text,
  "signatures" text,
  "decided_by" text references "contacts" ("id"),
  "decided_at" integer,
  "to_reporter" integer check (to_reporter in (0, 1)),
  "patch_revision" integer,
  "purged_at" integer,
  "place" integer default 0 not null) strict;

CREATE INDEX "posts_case" on "posts" ("case_id");

CREATE INDEX posts_dispatched on posts (case_id) where kind = 'dispatch';

CREATE INDEX "posts_held" on "posts" ("id") where "state" = 'held';

CREATE INDEX posts_held_of on posts (list_id, signer_contact_id, received_at) where hold_reason is not null;

CREATE INDEX "posts_message_id" on "posts" ("list_id",
  "message_id_digest");

CREATE INDEX posts_place on posts (place);

CREATE INDEX "posts_signature" on "posts" ("list_id",
  "signature_digest") where "signature_digest" is not null;

CREATE INDEX posts_unpurged on posts (received_at) where purged_at is null;

CREATE TRIGGER posts_kept_update before update of id, list_id, case_id, kind, digest, content, received_at, signer_contact_id, signer_fingerprint, bundle_hash on posts when new.id is distinct from old.id
        or new.list_id is distinct from old.list_id
        or new.case_id is distinct from old.case_id
        or new.kind is distinct from old.kind
        or new.digest is distinct from old.digest
        or (new.content is distinct from old.content and (length(new.content) > 0 or old.purged_at is not null or new.purged_at is null
        or old.kind in ('public', 'archive') or old.state = 'held'))
        or new.received_at is distinct from old.received_at
        or new.signer_contact_id is distinct from old.signer_contact_id
        or new.signer_fingerprint is distinct from old.signer_fingerprint
        or new.bundle_hash is distinct from old.bundle_hash
      begin select raise(abort, 'a post is never changed'); end;

CREATE TRIGGER posts_needed_delete before delete on posts when exists (select 1 from cases where draft_post_id = old.id or public_post_id = old.id)
        or exists (select 1 from deliveries where post_id = old.id)
      begin select raise(abort, 'a post that a case or a delivery refers to is not deleted'); end;

CREATE TRIGGER posts_number_update before update on posts when new.rowid is distinct from old.rowid
      begin select raise(abort, 'a post is never changed'); end;

CREATE TRIGGER posts_replaced_insert before insert on posts when exists (select 1 from posts where rowid = new.rowid)
        or exists (select 1 from posts where id = new.id)
      begin select raise(abort, 'a row of posts is never replaced by another'); end;

CREATE TABLE "recipients" ("id" text primary key,
  "list_id" text not null references "lists" ("id"),
  "address" text not null check (address = lower(address)),
  "kind" text not null check (kind in ('subscriber', 'external')),
  "created_at" integer not null,
  constraint "recipients_once" unique ("list_id",
  "address")) strict;

CREATE INDEX "recipients_address" on "recipients" ("address");

CREATE TABLE "reminders" ("case_id" text not null references "cases" ("id"),
  "what" text not null,
  "due_at" integer not null,
  "level" integer not null,
  "told_at" integer not null,
  constraint "reminders_pk" primary key ("case_id",
  "what",
  "due_at",
  "level")) strict;

CREATE TABLE "removals" ("member_id" text not null references "members" ("id"),
  "round" integer not null,
  "person_id" text not null references "contacts" ("id"),
  "reason" text not null,
  "created_at" integer not null,
  constraint "removals_pk" primary key ("member_id",
  "round",
  "person_id")) strict;

CREATE TABLE "restorations" ("id" text primary key,
  "taken_at" integer not null,
  "restored_at" integer not null,
  "held_at" integer,
  "confirmed_at" integer,
  "confirmed_by" text references "contacts" ("id")) strict;

CREATE TABLE "revocations" ("fingerprint" text not null,
  "word" text not null,
  "data" blob not null,
  constraint "revocations_pk" primary key ("fingerprint",
  "word")) strict;

CREATE TABLE "revocations_laid" ("certificate_id" text not null references "certificates" ("id"),
  "word" text not null,
  constraint "revocations_laid_pk" primary key ("certificate_id",
  "word")) strict;

CREATE TABLE "secrets" ("name" text primary key,
  "value" blob not null) strict;

CREATE TABLE "tokens" ("id" text primary key,
  "name" text not null unique,
  "role" text not null check (role in ('admin', 'team', 'auditor')),
  "hash" text not null unique,
  "person_id" text references "contacts" ("id"),
  "created_at" integer not null,
  "expires_at" integer,
  "revoked_at" integer,
  "last_used_at" integer,
  "scopes" text check (scopes <> ''),
  "sign_in" text,
  constraint "tokens_person" unique ("id",
  "person_id")) strict;

CREATE UNIQUE INDEX "tokens_sign_in" on "tokens" ("sign_in");

CREATE TABLE "undelivered_told" ("post_id" text not null primary key references "posts" ("id"),
  "told_at" integer not null) strict;

CREATE TABLE "unsubscribed" ("contact_id" text not null references "contacts" ("id"),
  "list_id" text not null references "lists" ("id"),
  "created_at" integer not null,
  constraint "unsubscribed_pk" primary key ("contact_id",
  "list_id")) strict;

CREATE TABLE "verdicts" ("member_id" text not null references "members" ("id"),
  "round" integer not null,
  "person_id" text not null references "contacts" ("id"),
  "criterion" text not null,
  "pass" integer not null check (pass in (0, 1)),
  "note" text,
  "created_at" integer not null,
  constraint "verdicts_pk" primary key ("member_id",
  "round",
  "person_id",
  "criterion")) strict;

CREATE TABLE "vouches" ("member_id" text not null references "members" ("id"),
  "round" integer not null,
  "contact_id" text not null references "contacts" ("id"),
  "statement" text not null,
  "created_at" integer not null,
  constraint "vouches_pk" primary key ("member_id",
  "round",
  "contact_id")) strict;
