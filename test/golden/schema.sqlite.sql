CREATE TABLE "acknowledgements" ("post_id" text not null references "posts" ("id"),
  "contact_id" text not null references "contacts" ("id"),
  "created_at" integer not null,
  constraint "acknowledgements_pk" primary key ("post_id",
  "contact_id")) strict;

CREATE TABLE "approvals" ("case_id" text not null references "cases" ("id"),
  "hash" text not null,
  "person_id" text not null references "contacts" ("id"),
  "token_id" text not null,
  "approved_at" integer not null,
  constraint "approvals_pk" primary key ("case_id",
  "hash",
  "person_id"),
  constraint "approvals_own_token" foreign key ("token_id",
  "person_id") references "tokens" ("id",
  "person_id")) strict;

CREATE TRIGGER approvals_final_update before update on approvals when true
      begin select raise(abort, 'an approval is never changed: approve again'); end;

CREATE TABLE "case_numbers" ("year" integer primary key,
  "last" integer not null) strict;

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
  constraint "cases_number" unique ("year",
  "number"),
  constraint "cases_bundle" check (state = 'received' or (release_at is not null and draft_post_id is not null and bundle_hash is not null)),
  constraint "cases_not_early" check (state <> 'released' or (released_at is not null and public_post_id is not null and released_at >= release_at))) strict;

CREATE INDEX "cases_due" on "cases" ("state",
  "release_at");

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

CREATE TRIGGER cases_public_post_update before update on cases when new.state = 'released' and old.state <> 'released'
      and not exists (select 1 from posts where id = new.public_post_id and case_id = new.id and kind = 'public')
      begin select raise(abort, 'a case is released with a public post of its own'); end;

CREATE TRIGGER cases_rebundled_update before update on cases when new.bundle_hash = old.bundle_hash
      and (new.release_at is distinct from old.release_at or new.channels is distinct from old.channels)
      begin select raise(abort, 'another instant or channel is another bundle, to be approved anew'); end;

CREATE TABLE "certificate_keys" ("certificate_id" text not null references "certificates" ("id") on delete cascade,
  "fingerprint" text not null,
  "key_id" text not null,
  constraint "certificate_keys_pk" primary key ("certificate_id",
  "fingerprint")) strict;

CREATE INDEX "certificate_keys_key_id" on "certificate_keys" ("key_id");

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

CREATE TABLE "contacts" ("id" text primary key,
  "member_id" text not null references "members" ("id"),
  "address" text not null unique check (address = lower(address)),
  "name" text,
  "active" integer default 1 not null check (active in (0, 1)),
  "created_at" integer not null) strict;

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
  constraint "deliveries_audience" check ((audience = 'contact' and contact_id is not null)
        or (audience = 'reporter' and certificate_id is not null)
        or audience = 'stranger'
        or (audience = 'public' and case_id is not null))) strict;

CREATE INDEX "deliveries_address" on "deliveries" ("address",
  "created_at");

CREATE INDEX "deliveries_case" on "deliveries" ("case_id");

CREATE INDEX "deliveries_due" on "deliveries" ("state",
  "priority",
  "due_at");

CREATE INDEX "deliveries_post" on "deliveries" ("post_id");

CREATE TRIGGER deliveries_public_insert before insert on deliveries when (new.audience = 'public'
        or exists (select 1 from lists where address = lower(new.address))
        or exists (select 1 from recipients where address = lower(new.address) and kind = 'external')
        or (exists (select 1 from lists where id = new.list_id and role = 'public')
          and not (new.audience = 'contact'
            and exists (select 1 from posts where id = new.post_id and kind in ('owner', 'alert', 'answer')))
          and not (new.audience = 'stranger'
            and exists (select 1 from posts where id = new.post_id and kind = 'key'))))
      and not exists (select 1 from cases
        where id = new.case_id and state = 'released' and (public_post_id = new.post_id or new.audience <> 'public')) begin select raise(abort, 'a public delivery needs a released case and its public post'); end;

CREATE TRIGGER deliveries_public_update before update of post_id, list_id, case_id, audience, address on deliveries when (new.audience = 'public'
        or exists (select 1 from lists where address = lower(new.address))
        or exists (select 1 from recipients where address = lower(new.address) and kind = 'external')
        or (exists (select 1 from lists where id = new.list_id and role = 'public')
          and not (new.audience = 'contact'
            and exists (select 1 from posts where id = new.post_id and kind in ('owner', 'alert', 'answer')))
          and not (new.audience = 'stranger'
            and exists (select 1 from posts where id = new.post_id and kind = 'key'))))
      and not exists (select 1 from cases
        where id = new.case_id and state = 'released' and (public_post_id = new.post_id or new.audience <> 'public')) begin select raise(abort, 'a public delivery needs a released case and its public post'); end;

CREATE TRIGGER deliveries_stranger_insert before insert on deliveries when new.audience = 'stranger'
        and not exists (select 1 from posts where id = new.post_id and kind in ('receipt-clear', 'news-clear', 'key')) begin select raise(abort, 'a stranger is sent nothing but fixed words'); end;

CREATE TRIGGER deliveries_stranger_update before update of post_id, list_id, case_id, audience, address on deliveries when new.audience = 'stranger'
        and not exists (select 1 from posts where id = new.post_id and kind in ('receipt-clear', 'news-clear', 'key')) begin select raise(abort, 'a stranger is sent nothing but fixed words'); end;

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
  "footer" text) strict;

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
  "updated_at" integer not null) strict;

CREATE TABLE "patches" ("id" text primary key,
  "case_id" text not null references "cases" ("id"),
  "sha256" text not null,
  "size" integer not null,
  "content" blob not null,
  "created_at" integer not null,
  "withdrawn_at" integer) strict;

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
  "state" text default 'accepted' not null check (state in ('accepted', 'held', 'refused')),
  "hold_reason" text,
  "hits" text,
  "signatures" text,
  "decided_by" text references "contacts" ("id"),
  "decided_at" integer) strict;

CREATE INDEX "posts_case" on "posts" ("case_id");

CREATE INDEX "posts_held" on "posts" ("id") where "state" = 'held';

CREATE INDEX "posts_message_id" on "posts" ("list_id",
  "message_id_digest");

CREATE INDEX "posts_signature" on "posts" ("list_id",
  "signature_digest") where "signature_digest" is not null;

CREATE TABLE "recipients" ("id" text primary key,
  "list_id" text not null references "lists" ("id"),
  "address" text not null check (address = lower(address)),
  "kind" text not null check (kind in ('subscriber', 'external')),
  "created_at" integer not null,
  constraint "recipients_once" unique ("list_id",
  "address")) strict;

CREATE INDEX "recipients_address" on "recipients" ("address");

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
  constraint "tokens_person" unique ("id",
  "person_id")) strict;

CREATE TABLE "unsubscribed" ("contact_id" text not null references "contacts" ("id"),
  "list_id" text not null references "lists" ("id"),
  "created_at" integer not null,
  constraint "unsubscribed_pk" primary key ("contact_id",
  "list_id")) strict;
