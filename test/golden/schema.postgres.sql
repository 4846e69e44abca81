create table acknowledgements (post_id text not null,
  contact_id text not null,
  created_at bigint not null,
  status text not null default 'acknowledged'::text);

alter table acknowledgements add constraint acknowledgements_contact_id_fkey FOREIGN KEY (contact_id) REFERENCES contacts(id);

alter table acknowledgements add constraint acknowledgements_pk PRIMARY KEY (post_id, contact_id);

alter table acknowledgements add constraint acknowledgements_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts(id);

alter table acknowledgements add constraint acknowledgements_status_check CHECK ((status = ANY (ARRAY['acknowledged'::text, 'affected'::text, 'not_affected'::text, 'problem'::text])));

create table advisories (case_id text not null,
  document text not null,
  revision integer not null,
  released_at bigint not null,
  updated_at bigint not null);

alter table advisories add constraint advisories_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id);

alter table advisories add constraint advisories_pkey PRIMARY KEY (case_id);

CREATE OR REPLACE FUNCTION public.advisories_released()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if not exists (select 1 from cases where id = new.case_id and state = 'released') then raise exception 'an advisory is of a released case' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE TRIGGER advisories_released BEFORE INSERT OR UPDATE ON public.advisories FOR EACH ROW EXECUTE FUNCTION advisories_released();

create table answers (member_id text not null,
  round integer not null,
  criterion text not null,
  answer text not null,
  evidence text);

alter table answers add constraint answers_member_id_fkey FOREIGN KEY (member_id) REFERENCES members(id);

alter table answers add constraint answers_pk PRIMARY KEY (member_id, round, criterion);

create table approvals (case_id text not null,
  hash text not null,
  person_id text not null,
  token_id text,
  approved_at bigint not null,
  post_id text);

alter table approvals add constraint approvals_by CHECK (((token_id IS NULL) <> (post_id IS NULL)));

alter table approvals add constraint approvals_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id);

alter table approvals add constraint approvals_own_token FOREIGN KEY (token_id, person_id) REFERENCES tokens(id, person_id);

alter table approvals add constraint approvals_person_id_fkey FOREIGN KEY (person_id) REFERENCES contacts(id);

alter table approvals add constraint approvals_pk PRIMARY KEY (case_id, hash, person_id);

alter table approvals add constraint approvals_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts(id);

CREATE OR REPLACE FUNCTION public.approvals_final()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if true then raise exception 'an approval is never changed: approve again' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.approvals_kept()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if exists (select 1 from cases where id = old.case_id and state = 'released') then raise exception 'the approvals of a released case are not deleted' using errcode = 'check_violation'; end if;
        return old;
      end $function$
;

CREATE TRIGGER approvals_final BEFORE UPDATE ON public.approvals FOR EACH ROW EXECUTE FUNCTION approvals_final();

CREATE TRIGGER approvals_kept BEFORE DELETE ON public.approvals FOR EACH ROW EXECUTE FUNCTION approvals_kept();

create table audit (seq integer not null,
  line text not null,
  hash text not null,
  at bigint not null,
  actor text not null,
  action text not null,
  subject text not null);

alter table audit add constraint audit_pkey PRIMARY KEY (seq);

CREATE INDEX audit_action ON public.audit USING btree (action, seq);

CREATE INDEX audit_actor ON public.audit USING btree (actor, seq);

CREATE INDEX audit_subject ON public.audit USING btree (subject, seq);

CREATE OR REPLACE FUNCTION public.audit_refuse()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin raise exception 'the audit log is only appended to' using errcode = 'check_violation'; end $function$
;

CREATE TRIGGER audit_refuse BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();

create table audit_end (id integer not null,
  seq integer not null,
  hash text not null);

alter table audit_end add constraint audit_end_id_check CHECK ((id = 1));

alter table audit_end add constraint audit_end_pkey PRIMARY KEY (id);

create table came_back (post_id text not null,
  delivery_id text not null,
  what text not null,
  words text);

alter table came_back add constraint came_back_pkey PRIMARY KEY (post_id);

alter table came_back add constraint came_back_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts(id);

CREATE INDEX came_back_for ON public.came_back USING btree (delivery_id);

create table case_numbers (year integer not null,
  last integer not null);

alter table case_numbers add constraint case_numbers_pkey PRIMARY KEY (year);

create table case_team (case_id text not null,
  contact_id text not null);

alter table case_team add constraint case_team_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id);

alter table case_team add constraint case_team_contact_id_fkey FOREIGN KEY (contact_id) REFERENCES contacts(id);

alter table case_team add constraint case_team_pk PRIMARY KEY (case_id, contact_id);

create table cases (id text not null,
  year integer not null,
  number integer not null,
  state text not null,
  list_id text not null,
  thread_token text not null,
  received_at bigint not null,
  reporter_address text,
  reporter_certificate_id text,
  revision integer not null,
  release_at bigint,
  channels text,
  draft_post_id text,
  bundle_hash text,
  public_post_id text,
  dispatched_at bigint,
  overdue_told_at bigint,
  released_at bigint,
  updated_at bigint not null,
  public_digest text,
  acknowledged_at bigint,
  accepted_at bigint,
  led_at bigint,
  in_fix_at bigint,
  fix_ready_at bigint,
  forthcoming_at bigint,
  scheduled_at bigint,
  noticed_at bigint,
  prenoticed_at bigint,
  retrospective_at bigint,
  closed_at bigint,
  aside_at bigint,
  handover_at bigint,
  exception_at bigint,
  lead_id text,
  deputy_id text,
  handover_id text,
  scheduled_by text,
  details_post_id text,
  prenoticed_draft_id text,
  aside text,
  duplicate_of text,
  policies text,
  patch_set text,
  schedule_hash text,
  distributed_set text,
  forthcoming_post_id text,
  forthcoming_digest text,
  forthcoming_hash text,
  forthcoming_by text,
  external_post_id text,
  evidence_post_id text,
  external_digest text,
  original_at bigint,
  leak_decision text,
  leak_decided_at bigint,
  told_release_at bigint,
  disarmed_at bigint,
  plan text,
  proposal text,
  proposed_hash text,
  proposed_at bigint,
  agreed_release_at bigint,
  reporter_release_at bigint,
  reopened_at bigint,
  set_aside text,
  forthcoming_release_at bigint,
  told_none_at bigint,
  reporter_none_at bigint,
  told_until bigint);

alter table cases add constraint cases_aside_check CHECK ((aside = ANY (ARRAY['needs_info'::text, 'rejected'::text, 'leaked'::text, 'withdrawn'::text, 'public_already'::text])));

alter table cases add constraint cases_bundle CHECK (((state = 'received'::text) OR ((release_at IS NOT NULL) AND (draft_post_id IS NOT NULL) AND (bundle_hash IS NOT NULL))));

alter table cases add constraint cases_deputy_id_fkey FOREIGN KEY (deputy_id) REFERENCES contacts(id);

alter table cases add constraint cases_details_post_id_fkey FOREIGN KEY (details_post_id) REFERENCES posts(id);

alter table cases add constraint cases_duplicate_of_fkey FOREIGN KEY (duplicate_of) REFERENCES cases(id);

alter table cases add constraint cases_evidence_post_id_fkey FOREIGN KEY (evidence_post_id) REFERENCES posts(id);

alter table cases add constraint cases_external_post_id_fkey FOREIGN KEY (external_post_id) REFERENCES posts(id);

alter table cases add constraint cases_forthcoming_by_fkey FOREIGN KEY (forthcoming_by) REFERENCES contacts(id);

alter table cases add constraint cases_forthcoming_post_id_fkey FOREIGN KEY (forthcoming_post_id) REFERENCES posts(id);

alter table cases add constraint cases_handover_id_fkey FOREIGN KEY (handover_id) REFERENCES contacts(id);

alter table cases add constraint cases_lead_id_fkey FOREIGN KEY (lead_id) REFERENCES contacts(id);

alter table cases add constraint cases_leak_decision_check CHECK ((leak_decision = ANY (ARRAY['keep'::text, 'release'::text])));

alter table cases add constraint cases_list_id_fkey FOREIGN KEY (list_id) REFERENCES lists(id);

alter table cases add constraint cases_not_early CHECK (((state <> 'released'::text) OR ((released_at IS NOT NULL) AND (public_post_id IS NOT NULL) AND (released_at >= release_at))));

alter table cases add constraint cases_number UNIQUE (year, number);

alter table cases add constraint cases_pkey PRIMARY KEY (id);

alter table cases add constraint cases_prenoticed_draft_id_fkey FOREIGN KEY (prenoticed_draft_id) REFERENCES posts(id);

alter table cases add constraint cases_reporter_certificate_id_fkey FOREIGN KEY (reporter_certificate_id) REFERENCES certificates(id);

alter table cases add constraint cases_scheduled_by_fkey FOREIGN KEY (scheduled_by) REFERENCES contacts(id);

alter table cases add constraint cases_state_check CHECK ((state = ANY (ARRAY['received'::text, 'scheduled'::text, 'armed'::text, 'released'::text])));

alter table cases add constraint cases_thread_token_key UNIQUE (thread_token);

CREATE INDEX cases_due ON public.cases USING btree (state, release_at);

CREATE INDEX cases_to_review ON public.cases USING btree (released_at) WHERE ((state = 'released'::text) AND (retrospective_at IS NULL) AND (closed_at IS NULL));

CREATE INDEX cases_under_way ON public.cases USING btree (received_at) WHERE ((state <> 'released'::text) AND (closed_at IS NULL));

CREATE OR REPLACE FUNCTION public.cases_approved()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if new.state = 'released' and old.state <> 'released'
      and (select count(distinct person_id) from approvals where case_id = new.id and hash = new.bundle_hash) < 2 then raise exception 'a case is released only with the approvals of two different people' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.cases_as_approved()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if new.state = 'released' and old.state <> 'released'
      and (new.release_at is distinct from old.release_at
        or new.channels is distinct from old.channels
        or new.bundle_hash is distinct from old.bundle_hash
        or new.draft_post_id is distinct from old.draft_post_id) then raise exception 'a release changes nothing of what was approved' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.cases_born()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if new.state = 'released' then raise exception 'no case begins released' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.cases_external_final()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if old.state = 'released'
      and (new.external_post_id is distinct from old.external_post_id or new.external_digest is distinct from old.external_digest) then raise exception 'a released case stays as it was released' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.cases_external_post()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if new.state = 'released' and old.state <> 'released' and new.external_post_id is not null
      and not exists (select 1 from posts where id = new.external_post_id and case_id = new.id and kind = 'public'
        and digest = new.external_digest and received_at >= new.release_at) then raise exception 'a case is released with an external post of its own, written at the instant or later' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.cases_final()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if old.state = 'released'
      and (new.id <> old.id
        or new.state <> old.state
        or new.release_at is distinct from old.release_at
        or new.channels is distinct from old.channels
        or new.bundle_hash is distinct from old.bundle_hash
        or new.draft_post_id is distinct from old.draft_post_id
        or new.public_post_id is distinct from old.public_post_id
        or new.released_at is distinct from old.released_at) then raise exception 'a released case stays as it was released' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.cases_kept()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if new.id is distinct from old.id
        or new.year is distinct from old.year
        or new.number is distinct from old.number
        or new.list_id is distinct from old.list_id
        or new.thread_token is distinct from old.thread_token then raise exception 'a case keeps its number, its list and its thread' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.cases_needed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if old.state in ('armed', 'released') then raise exception 'a case that is armed or released is not deleted' using errcode = 'check_violation'; end if;
        return old;
      end $function$
;

CREATE OR REPLACE FUNCTION public.cases_public_digest()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if old.state = 'released' and new.public_digest is distinct from old.public_digest then raise exception 'a released case stays as it was released' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.cases_public_octets()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if new.state = 'released' and old.state <> 'released'
      and exists (select 1 from posts where id = new.public_post_id and kind = 'public'
        and (digest is distinct from new.public_digest or received_at < new.release_at)) then raise exception 'a case is released with the digest of its public post, which was written at the instant or later' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.cases_public_post()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if new.state = 'released' and old.state <> 'released'
      and not exists (select 1 from posts where id = new.public_post_id and case_id = new.id and kind = 'public') then raise exception 'a case is released with a public post of its own' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.cases_rebundled()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if new.bundle_hash = old.bundle_hash
      and (new.release_at is distinct from old.release_at or new.channels is distinct from old.channels) then raise exception 'another instant or channel is another bundle, to be approved anew' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.cases_redescribed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if new.details_post_id is distinct from old.details_post_id
      and (new.bundle_hash = old.bundle_hash or new.state = 'released' or old.state = 'released') then raise exception 'other details are another bundle, to be approved anew' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE TRIGGER cases_approved BEFORE UPDATE ON public.cases FOR EACH ROW EXECUTE FUNCTION cases_approved();

CREATE TRIGGER cases_as_approved BEFORE UPDATE ON public.cases FOR EACH ROW EXECUTE FUNCTION cases_as_approved();

CREATE TRIGGER cases_born BEFORE INSERT ON public.cases FOR EACH ROW EXECUTE FUNCTION cases_born();

CREATE TRIGGER cases_external_final BEFORE UPDATE ON public.cases FOR EACH ROW EXECUTE FUNCTION cases_external_final();

CREATE TRIGGER cases_external_post BEFORE UPDATE ON public.cases FOR EACH ROW EXECUTE FUNCTION cases_external_post();

CREATE TRIGGER cases_final BEFORE UPDATE ON public.cases FOR EACH ROW EXECUTE FUNCTION cases_final();

CREATE TRIGGER cases_kept BEFORE UPDATE OF id, year, number, list_id, thread_token ON public.cases FOR EACH ROW EXECUTE FUNCTION cases_kept();

CREATE TRIGGER cases_needed BEFORE DELETE ON public.cases FOR EACH ROW EXECUTE FUNCTION cases_needed();

CREATE TRIGGER cases_public_digest BEFORE UPDATE ON public.cases FOR EACH ROW EXECUTE FUNCTION cases_public_digest();

CREATE TRIGGER cases_public_octets BEFORE UPDATE ON public.cases FOR EACH ROW EXECUTE FUNCTION cases_public_octets();

CREATE TRIGGER cases_public_post BEFORE UPDATE ON public.cases FOR EACH ROW EXECUTE FUNCTION cases_public_post();

CREATE TRIGGER cases_rebundled BEFORE UPDATE ON public.cases FOR EACH ROW EXECUTE FUNCTION cases_rebundled();

CREATE TRIGGER cases_redescribed BEFORE UPDATE ON public.cases FOR EACH ROW EXECUTE FUNCTION cases_redescribed();

create table certificate_keys (certificate_id text not null,
  fingerprint text not null,
  key_id text not null);

alter table certificate_keys add constraint certificate_keys_certificate_id_fkey FOREIGN KEY (certificate_id) REFERENCES certificates(id) ON DELETE CASCADE;

alter table certificate_keys add constraint certificate_keys_pk PRIMARY KEY (certificate_id, fingerprint);

CREATE INDEX certificate_keys_fingerprint ON public.certificate_keys USING btree (fingerprint);

CREATE INDEX certificate_keys_key_id ON public.certificate_keys USING btree (key_id);

create table certificate_renewals (certificate_id text not null,
  data bytea not null,
  holds integer not null,
  created_at bigint not null);

alter table certificate_renewals add constraint certificate_renewals_certificate_id_fkey FOREIGN KEY (certificate_id) REFERENCES certificates(id);

alter table certificate_renewals add constraint certificate_renewals_holds_check CHECK ((holds = ANY (ARRAY[0, 1])));

alter table certificate_renewals add constraint certificate_renewals_pkey PRIMARY KEY (certificate_id);

create table certificate_warnings (certificate_id text not null,
  ends_at bigint not null,
  days integer not null,
  created_at bigint not null);

alter table certificate_warnings add constraint certificate_warnings_certificate_id_fkey FOREIGN KEY (certificate_id) REFERENCES certificates(id);

alter table certificate_warnings add constraint certificate_warnings_pk PRIMARY KEY (certificate_id, ends_at, days);

create table certificates (id text not null,
  contact_id text,
  fingerprint text not null,
  data bytea not null,
  state text not null,
  created_at bigint not null);

alter table certificates add constraint certificates_contact_id_fkey FOREIGN KEY (contact_id) REFERENCES contacts(id);

alter table certificates add constraint certificates_once UNIQUE (contact_id, fingerprint);

alter table certificates add constraint certificates_owner CHECK (((state = 'mail'::text) = (contact_id IS NULL)));

alter table certificates add constraint certificates_pkey PRIMARY KEY (id);

alter table certificates add constraint certificates_state_check CHECK ((state = ANY (ARRAY['current'::text, 'proposed'::text, 'retired'::text, 'mail'::text])));

CREATE UNIQUE INDEX certificates_current ON public.certificates USING btree (contact_id) WHERE (state = 'current'::text);

CREATE INDEX certificates_fingerprint ON public.certificates USING btree (fingerprint);

create table clock (id integer not null,
  high_water bigint not null,
  suspect_since bigint,
  suspect_why text,
  suspect_boot text);

alter table clock add constraint clock_id_check CHECK ((id = 1));

alter table clock add constraint clock_pkey PRIMARY KEY (id);

alter table clock add constraint clock_suspect CHECK ((((suspect_since IS NULL) = (suspect_why IS NULL)) AND ((suspect_since IS NULL) = (suspect_boot IS NULL))));

create table clock_lines (boot text not null,
  line bigint not null,
  seen_at bigint not null);

alter table clock_lines add constraint clock_lines_pkey PRIMARY KEY (boot);

create table contact_health (contact_id text not null,
  delivered_at bigint,
  stands_at bigint,
  hard_count integer not null default 0,
  hard_first_at bigint,
  hard_last_at bigint,
  soft_count integer not null default 0,
  soft_first_at bigint,
  soft_last_at bigint,
  delayed_at bigint,
  line text,
  warned_at bigint);

alter table contact_health add constraint contact_health_contact_id_fkey FOREIGN KEY (contact_id) REFERENCES contacts(id);

alter table contact_health add constraint contact_health_pkey PRIMARY KEY (contact_id);

create table contacts (id text not null,
  member_id text not null,
  address text not null,
  name text,
  active integer not null default 1,
  created_at bigint not null,
  proved_at bigint);

alter table contacts add constraint contacts_active_check CHECK ((active = ANY (ARRAY[0, 1])));

alter table contacts add constraint contacts_address_check CHECK ((address = lower(address)));

alter table contacts add constraint contacts_address_key UNIQUE (address);

alter table contacts add constraint contacts_member_id_fkey FOREIGN KEY (member_id) REFERENCES members(id);

alter table contacts add constraint contacts_pkey PRIMARY KEY (id);

CREATE INDEX contacts_member ON public.contacts USING btree (member_id);

create table deliveries (id text not null,
  post_id text not null,
  list_id text not null,
  case_id text,
  audience text not null,
  address text not null,
  contact_id text,
  certificate_id text,
  message_id text not null,
  state text not null,
  priority integer not null,
  due_at bigint not null,
  attempts integer not null default 0,
  tried_at bigint,
  lease text,
  lease_until bigint,
  reason text,
  response text,
  created_at bigint not null,
  settled_at bigint,
  told_at bigint,
  bounced_at bigint,
  late_told_at bigint);

alter table deliveries add constraint deliveries_audience CHECK ((((audience = 'contact'::text) AND (contact_id IS NOT NULL)) OR ((audience = 'reporter'::text) AND (certificate_id IS NOT NULL)) OR (audience = 'stranger'::text) OR ((audience = 'public'::text) AND (case_id IS NOT NULL))));

alter table deliveries add constraint deliveries_audience_check CHECK ((audience = ANY (ARRAY['contact'::text, 'reporter'::text, 'stranger'::text, 'public'::text])));

alter table deliveries add constraint deliveries_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id);

alter table deliveries add constraint deliveries_certificate_id_fkey FOREIGN KEY (certificate_id) REFERENCES certificates(id);

alter table deliveries add constraint deliveries_contact_id_fkey FOREIGN KEY (contact_id) REFERENCES contacts(id);

alter table deliveries add constraint deliveries_list_id_fkey FOREIGN KEY (list_id) REFERENCES lists(id);

alter table deliveries add constraint deliveries_message_id_key UNIQUE (message_id);

alter table deliveries add constraint deliveries_pkey PRIMARY KEY (id);

alter table deliveries add constraint deliveries_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts(id);

alter table deliveries add constraint deliveries_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'leased'::text, 'deferred'::text, 'held'::text, 'delivered'::text, 'failed'::text])));

CREATE INDEX deliveries_address ON public.deliveries USING btree (lower(address), created_at);

CREATE INDEX deliveries_case ON public.deliveries USING btree (case_id, contact_id);

CREATE INDEX deliveries_due ON public.deliveries USING btree (state, priority, due_at, id);

CREATE INDEX deliveries_post ON public.deliveries USING btree (post_id, state, priority, id);

CREATE INDEX deliveries_settled ON public.deliveries USING btree (settled_at) WHERE (settled_at IS NOT NULL);

CREATE INDEX deliveries_untold ON public.deliveries USING btree (id) WHERE ((told_at IS NULL) AND (state = ANY (ARRAY['held'::text, 'failed'::text])));

CREATE OR REPLACE FUNCTION public.deliveries_blanks()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if new.address <> trim(new.address, '
') then raise exception 'an address has no blanks around it' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.deliveries_minimal_alone()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if new.audience <> 'public'
      and exists (select 1 from posts where id = new.post_id and kind = 'minimal') then raise exception 'a public post goes to the public alone' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.deliveries_own_address()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if new.audience = 'contact'
      and not exists (select 1 from contacts where id = new.contact_id and address = new.address) then raise exception 'the copy of a contact goes to his own address' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.deliveries_public()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if ((new.audience = 'public'
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
        and exists (select 1 from minimal_notices where post_id = new.post_id and case_id = new.case_id)) then raise exception 'a public delivery needs a released case and its public post' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.deliveries_public_alone()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if new.audience not in ('public', 'stranger')
      and exists (select 1 from posts where id = new.post_id and kind = 'public') then raise exception 'a public post goes to the public alone' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.deliveries_stranger()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if new.audience = 'stranger'
        and not exists (select 1 from posts
          where id = new.post_id and kind in ('receipt-clear', 'news-clear', 'key', 'key-wanted', 'reply-clear')) then raise exception 'a stranger is sent nothing but fixed words' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE TRIGGER deliveries_blanks BEFORE INSERT OR UPDATE OF address ON public.deliveries FOR EACH ROW EXECUTE FUNCTION deliveries_blanks();

CREATE TRIGGER deliveries_minimal_alone BEFORE INSERT OR UPDATE OF post_id, audience ON public.deliveries FOR EACH ROW EXECUTE FUNCTION deliveries_minimal_alone();

CREATE TRIGGER deliveries_own_address BEFORE INSERT OR UPDATE OF audience, address, contact_id ON public.deliveries FOR EACH ROW EXECUTE FUNCTION deliveries_own_address();

CREATE TRIGGER deliveries_public BEFORE INSERT OR UPDATE OF post_id, list_id, case_id, audience, address ON public.deliveries FOR EACH ROW EXECUTE FUNCTION deliveries_public();

CREATE TRIGGER deliveries_public_alone BEFORE INSERT OR UPDATE OF post_id, audience ON public.deliveries FOR EACH ROW EXECUTE FUNCTION deliveries_public_alone();

CREATE TRIGGER deliveries_stranger BEFORE INSERT OR UPDATE OF post_id, list_id, case_id, audience, address ON public.deliveries FOR EACH ROW EXECUTE FUNCTION deliveries_stranger();

create table delivery_attempts (delivery_id text not null,
  number integer not null,
  at bigint not null,
  state text not null,
  reason text,
  response text);

alter table delivery_attempts add constraint delivery_attempts_pkey PRIMARY KEY (delivery_id, number);

alter table delivery_attempts add constraint delivery_attempts_state_check CHECK ((state = ANY (ARRAY['delivered'::text, 'failed'::text, 'deferred'::text, 'held'::text])));

create table idempotency (id text not null,
  fingerprint text not null,
  claim text not null,
  claimed_at bigint not null,
  created_at bigint not null,
  done integer not null default 0,
  answer bytea);

alter table idempotency add constraint idempotency_done_check CHECK ((done = ANY (ARRAY[0, 1])));

alter table idempotency add constraint idempotency_pkey PRIMARY KEY (id);

CREATE INDEX idempotency_created ON public.idempotency USING btree (created_at);

create table identities (issuer text not null,
  subject text not null,
  contact_id text not null,
  created_at bigint not null,
  confirmed_at bigint,
  signed_in_at bigint);

alter table identities add constraint identities_contact_id_fkey FOREIGN KEY (contact_id) REFERENCES contacts(id);

alter table identities add constraint identities_pk PRIMARY KEY (issuer, subject);

CREATE UNIQUE INDEX identities_contact ON public.identities USING btree (contact_id) WHERE (confirmed_at IS NOT NULL);

create table incidents (id text not null,
  at bigint not null,
  last_at bigint not null,
  mails integer not null,
  case_id text not null,
  kind text not null,
  place text not null,
  percent integer not null,
  list_id text not null,
  refused integer not null,
  encrypted integer not null,
  sender text,
  from_address text,
  signer_contact_id text,
  told_at bigint,
  closed_by text,
  closed_at bigint);

alter table incidents add constraint incidents_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id);

alter table incidents add constraint incidents_closed CHECK (((closed_by IS NULL) = (closed_at IS NULL)));

alter table incidents add constraint incidents_kind_check CHECK ((kind = ANY (ARRAY['id'::text, 'file'::text, 'text'::text, 'patch'::text])));

alter table incidents add constraint incidents_list_id_fkey FOREIGN KEY (list_id) REFERENCES lists(id);

alter table incidents add constraint incidents_pkey PRIMARY KEY (id);

alter table incidents add constraint incidents_signer_contact_id_fkey FOREIGN KEY (signer_contact_id) REFERENCES contacts(id);

CREATE INDEX incidents_of_case ON public.incidents USING btree (case_id, at);

CREATE INDEX incidents_untold ON public.incidents USING btree (id) WHERE (told_at IS NULL);

create table key_proofs (id text not null,
  contact_id text not null,
  certificate_id text not null,
  nonce_hash text not null,
  created_at bigint not null,
  proved_at bigint);

alter table key_proofs add constraint key_proofs_certificate_id_fkey FOREIGN KEY (certificate_id) REFERENCES certificates(id);

alter table key_proofs add constraint key_proofs_contact_id_fkey FOREIGN KEY (contact_id) REFERENCES contacts(id);

alter table key_proofs add constraint key_proofs_nonce_hash_key UNIQUE (nonce_hash);

alter table key_proofs add constraint key_proofs_pkey PRIMARY KEY (id);

CREATE INDEX key_proofs_contact ON public.key_proofs USING btree (contact_id);

create table lists (id text not null,
  address text not null,
  role text not null,
  name text not null,
  fingerprint text not null,
  created_at bigint not null,
  encrypted_only integer not null default 0,
  signed_only integer not null default 0,
  members_only integer not null default 0,
  moderated integer not null default 0,
  unaddressed text not null default 'hold'::text,
  largest integer,
  file_names text,
  file_types text,
  subject_prefix text,
  footer text,
  next_fingerprint text,
  next_at bigint,
  next_told integer not null default 0,
  expires_told bigint,
  give_up integer,
  seal text not null default 'shared'::text);

alter table lists add constraint lists_address_check CHECK ((address = lower(address)));

alter table lists add constraint lists_address_key UNIQUE (address);

alter table lists add constraint lists_encrypted_only_check CHECK ((encrypted_only = ANY (ARRAY[0, 1])));

alter table lists add constraint lists_largest_check CHECK ((largest > 0));

alter table lists add constraint lists_members_only_check CHECK ((members_only = ANY (ARRAY[0, 1])));

alter table lists add constraint lists_moderated_check CHECK ((moderated = ANY (ARRAY[0, 1])));

alter table lists add constraint lists_next_told_check CHECK ((next_told = ANY (ARRAY[0, 1])));

alter table lists add constraint lists_pkey PRIMARY KEY (id);

alter table lists add constraint lists_role_check CHECK ((role = ANY (ARRAY['intake'::text, 'private'::text, 'public'::text])));

alter table lists add constraint lists_seal_check CHECK ((seal = ANY (ARRAY['shared'::text, 'fresh'::text])));

alter table lists add constraint lists_signed_only_check CHECK ((signed_only = ANY (ARRAY[0, 1])));

alter table lists add constraint lists_unaddressed_check CHECK ((unaddressed = ANY (ARRAY['hold'::text, 'accept'::text])));

CREATE OR REPLACE FUNCTION public.lists_kept()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if new.id is distinct from old.id
        or new.address is distinct from old.address
        or new.role is distinct from old.role then raise exception 'a list keeps its address and its role' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.lists_needed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if exists (select 1 from posts where list_id = old.id)
        or exists (select 1 from cases where list_id = old.id)
        or exists (select 1 from deliveries where list_id = old.id)
        or exists (select 1 from recipients where list_id = old.id) then raise exception 'a list that anything refers to is not deleted' using errcode = 'check_violation'; end if;
        return old;
      end $function$
;

CREATE TRIGGER lists_kept BEFORE UPDATE OF id, address, role ON public.lists FOR EACH ROW EXECUTE FUNCTION lists_kept();

CREATE TRIGGER lists_needed BEFORE DELETE ON public.lists FOR EACH ROW EXECUTE FUNCTION lists_needed();

create table member_groups (member_id text not null,
  name text not null);

alter table member_groups add constraint member_groups_member_id_fkey FOREIGN KEY (member_id) REFERENCES members(id);

alter table member_groups add constraint member_groups_pk PRIMARY KEY (member_id, name);

CREATE INDEX member_groups_name ON public.member_groups USING btree (name);

create table member_lists (member_id text not null,
  list_id text not null);

alter table member_lists add constraint member_lists_list_id_fkey FOREIGN KEY (list_id) REFERENCES lists(id);

alter table member_lists add constraint member_lists_member_id_fkey FOREIGN KEY (member_id) REFERENCES members(id);

alter table member_lists add constraint member_lists_pk PRIMARY KEY (member_id, list_id);

CREATE INDEX member_lists_list ON public.member_lists USING btree (list_id);

create table members (id text not null,
  organisation text not null,
  product text,
  state text not null,
  reason text,
  created_at bigint not null,
  updated_at bigint not null,
  round integer not null default 1,
  terms text,
  terms_at bigint,
  review_at bigint,
  review_told_at bigint,
  removed_at bigint,
  began_at bigint);

alter table members add constraint members_organisation_key UNIQUE (organisation);

alter table members add constraint members_pkey PRIMARY KEY (id);

alter table members add constraint members_state_check CHECK ((state = ANY (ARRAY['applied'::text, 'vouched'::text, 'vetted'::text, 'key_proved'::text, 'active'::text, 'key_hold'::text, 'suspended'::text, 'removed'::text, 'rejected'::text])));

create table minimal_notices (case_id text not null,
  post_id text not null,
  digest text not null,
  not_before bigint not null,
  created_at bigint not null);

alter table minimal_notices add constraint minimal_notices_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id);

alter table minimal_notices add constraint minimal_notices_not_early CHECK ((created_at >= not_before));

alter table minimal_notices add constraint minimal_notices_pkey PRIMARY KEY (case_id);

alter table minimal_notices add constraint minimal_notices_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts(id);

alter table minimal_notices add constraint minimal_notices_post_id_key UNIQUE (post_id);

CREATE OR REPLACE FUNCTION public.minimal_notices_case()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if not exists (select 1 from cases
      where id = new.case_id and state <> 'released' and closed_at is null and accepted_at is not null
        and (aside is null or aside not in ('rejected', 'withdrawn'))
        and received_at <= new.not_before) then raise exception 'a minimal notice is of an accepted case that is not released' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.minimal_notices_final()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if true then raise exception 'a minimal notice is never changed' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.minimal_notices_kept()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if true then raise exception 'a minimal notice is never deleted' using errcode = 'check_violation'; end if;
        return old;
      end $function$
;

CREATE OR REPLACE FUNCTION public.minimal_notices_post()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if not exists (select 1 from posts
      where id = new.post_id and case_id = new.case_id and kind = 'minimal' and digest = new.digest
        and received_at >= new.not_before) then raise exception 'a minimal notice is a post of its case, written at its instant or later' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE TRIGGER minimal_notices_case BEFORE INSERT ON public.minimal_notices FOR EACH ROW EXECUTE FUNCTION minimal_notices_case();

CREATE TRIGGER minimal_notices_final BEFORE UPDATE ON public.minimal_notices FOR EACH ROW EXECUTE FUNCTION minimal_notices_final();

CREATE TRIGGER minimal_notices_kept BEFORE DELETE ON public.minimal_notices FOR EACH ROW EXECUTE FUNCTION minimal_notices_kept();

CREATE TRIGGER minimal_notices_post BEFORE INSERT ON public.minimal_notices FOR EACH ROW EXECUTE FUNCTION minimal_notices_post();

create table missed (case_id text not null,
  contact_id text not null);

alter table missed add constraint missed_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id);

alter table missed add constraint missed_contact_id_fkey FOREIGN KEY (contact_id) REFERENCES contacts(id);

alter table missed add constraint missed_pk PRIMARY KEY (case_id, contact_id);

create table need_to_know_groups (case_id text not null,
  name text not null);

alter table need_to_know_groups add constraint need_to_know_groups_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id);

alter table need_to_know_groups add constraint need_to_know_groups_pk PRIMARY KEY (case_id, name);

create table need_to_know_members (case_id text not null,
  member_id text not null,
  round integer not null);

alter table need_to_know_members add constraint need_to_know_members_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id);

alter table need_to_know_members add constraint need_to_know_members_member_id_fkey FOREIGN KEY (member_id) REFERENCES members(id);

alter table need_to_know_members add constraint need_to_know_members_pk PRIMARY KEY (case_id, member_id);

create table past_deliveries (id text not null,
  post_id text not null,
  list_id text not null,
  case_id text,
  audience text not null,
  address text not null,
  contact_id text,
  certificate_id text,
  message_id text not null,
  state text not null,
  priority integer not null,
  due_at bigint not null,
  attempts integer not null,
  tried_at bigint,
  lease text,
  lease_until bigint,
  reason text,
  response text,
  created_at bigint not null,
  settled_at bigint not null,
  told_at bigint,
  bounced_at bigint,
  late_told_at bigint);

alter table past_deliveries add constraint past_deliveries_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id);

alter table past_deliveries add constraint past_deliveries_certificate_id_fkey FOREIGN KEY (certificate_id) REFERENCES certificates(id);

alter table past_deliveries add constraint past_deliveries_contact_id_fkey FOREIGN KEY (contact_id) REFERENCES contacts(id);

alter table past_deliveries add constraint past_deliveries_lease_check CHECK ((lease IS NULL));

alter table past_deliveries add constraint past_deliveries_list_id_fkey FOREIGN KEY (list_id) REFERENCES lists(id);

alter table past_deliveries add constraint past_deliveries_message_id_key UNIQUE (message_id);

alter table past_deliveries add constraint past_deliveries_pkey PRIMARY KEY (id);

alter table past_deliveries add constraint past_deliveries_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts(id);

alter table past_deliveries add constraint past_deliveries_state_check CHECK ((state = ANY (ARRAY['delivered'::text, 'failed'::text])));

CREATE INDEX past_deliveries_address ON public.past_deliveries USING btree (lower(address), created_at);

CREATE INDEX past_deliveries_case ON public.past_deliveries USING btree (case_id);

CREATE INDEX past_deliveries_post ON public.past_deliveries USING btree (post_id, state, priority, id);

CREATE INDEX past_deliveries_settled ON public.past_deliveries USING btree (settled_at);

CREATE INDEX past_deliveries_untold ON public.past_deliveries USING btree (id) WHERE ((told_at IS NULL) AND (state = ANY (ARRAY['held'::text, 'failed'::text])));

create table patch_sets (case_id text not null,
  revision integer not null,
  hash text not null,
  approved_by text not null,
  approved_at bigint not null);

alter table patch_sets add constraint patch_sets_approved_by_fkey FOREIGN KEY (approved_by) REFERENCES contacts(id);

alter table patch_sets add constraint patch_sets_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id);

alter table patch_sets add constraint patch_sets_pk PRIMARY KEY (case_id, revision);

create table patches (id text not null,
  case_id text not null,
  sha256 text not null,
  size integer not null,
  content bytea not null,
  created_at bigint not null,
  withdrawn_at bigint,
  digest text,
  purged_at bigint);

alter table patches add constraint patches_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id);

alter table patches add constraint patches_pkey PRIMARY KEY (id);

CREATE INDEX patches_case ON public.patches USING btree (case_id);

create table posts (id text not null,
  list_id text not null,
  case_id text,
  kind text not null,
  digest text not null,
  signature_digest text,
  message_id_digest text,
  sender text,
  signer_contact_id text,
  signer_fingerprint text,
  encrypted integer not null,
  received_at bigint not null,
  size integer not null,
  content bytea not null,
  bundle_hash text,
  state text not null default 'accepted'::text,
  hold_reason text,
  hits text,
  signatures text,
  decided_by text,
  decided_at bigint,
  to_reporter integer,
  patch_revision integer,
  purged_at bigint,
  place bigint not null default 0);

alter table posts add constraint posts_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id);

alter table posts add constraint posts_decided_by_fkey FOREIGN KEY (decided_by) REFERENCES contacts(id);

alter table posts add constraint posts_encrypted_check CHECK ((encrypted = ANY (ARRAY[0, 1])));

alter table posts add constraint posts_list_id_fkey FOREIGN KEY (list_id) REFERENCES lists(id);

alter table posts add constraint posts_pkey PRIMARY KEY (id);

alter table posts add constraint posts_signer_contact_id_fkey FOREIGN KEY (signer_contact_id) REFERENCES contacts(id);

alter table posts add constraint posts_state_check CHECK ((state = ANY (ARRAY['accepted'::text, 'held'::text, 'refused'::text])));

alter table posts add constraint posts_to_reporter_check CHECK ((to_reporter = ANY (ARRAY[0, 1])));

CREATE INDEX posts_case ON public.posts USING btree (case_id);

CREATE INDEX posts_dispatched ON public.posts USING btree (case_id) WHERE (kind = 'dispatch'::text);

CREATE INDEX posts_held ON public.posts USING btree (id) WHERE (state = 'held'::text);

CREATE INDEX posts_held_of ON public.posts USING btree (list_id, signer_contact_id, received_at) WHERE (hold_reason IS NOT NULL);

CREATE INDEX posts_message_id ON public.posts USING btree (list_id, message_id_digest);

CREATE INDEX posts_place ON public.posts USING btree (place);

CREATE INDEX posts_signature ON public.posts USING btree (list_id, signature_digest) WHERE (signature_digest IS NOT NULL);

CREATE INDEX posts_unpurged ON public.posts USING btree (received_at) WHERE (purged_at IS NULL);

CREATE OR REPLACE FUNCTION public.posts_kept()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if new.id is distinct from old.id
        or new.list_id is distinct from old.list_id
        or new.case_id is distinct from old.case_id
        or new.kind is distinct from old.kind
        or new.digest is distinct from old.digest
        or (new.content is distinct from old.content and (length(new.content) > 0 or old.purged_at is not null or new.purged_at is null
        or old.kind in ('public', 'archive') or old.state = 'held'))
        or new.received_at is distinct from old.received_at
        or new.signer_contact_id is distinct from old.signer_contact_id
        or new.signer_fingerprint is distinct from old.signer_fingerprint
        or new.bundle_hash is distinct from old.bundle_hash then raise exception 'a post is never changed' using errcode = 'check_violation'; end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.posts_needed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if exists (select 1 from cases where draft_post_id = old.id or public_post_id = old.id)
        or exists (select 1 from deliveries where post_id = old.id) then raise exception 'a post that a case or a delivery refers to is not deleted' using errcode = 'check_violation'; end if;
        return old;
      end $function$
;

CREATE TRIGGER posts_kept BEFORE UPDATE OF id, list_id, case_id, kind, digest, content, received_at, signer_contact_id, signer_fingerprint, bundle_hash ON public.posts FOR EACH ROW EXECUTE FUNCTION posts_kept();

CREATE TRIGGER posts_needed BEFORE DELETE ON public.posts FOR EACH ROW EXECUTE FUNCTION posts_needed();

create table recipients (id text not null,
  list_id text not null,
  address text not null,
  kind text not null,
  created_at bigint not null);

alter table recipients add constraint recipients_address_check CHECK ((address = lower(address)));

alter table recipients add constraint recipients_kind_check CHECK ((kind = ANY (ARRAY['subscriber'::text, 'external'::text])));

alter table recipients add constraint recipients_list_id_fkey FOREIGN KEY (list_id) REFERENCES lists(id);

alter table recipients add constraint recipients_once UNIQUE (list_id, address);

alter table recipients add constraint recipients_pkey PRIMARY KEY (id);

CREATE INDEX recipients_address ON public.recipients USING btree (address);

create table reminders (case_id text not null,
  what text not null,
  due_at bigint not null,
  level integer not null,
  told_at bigint not null);

alter table reminders add constraint reminders_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id);

alter table reminders add constraint reminders_pk PRIMARY KEY (case_id, what, due_at, level);

create table removals (member_id text not null,
  round integer not null,
  person_id text not null,
  reason text not null,
  created_at bigint not null);

alter table removals add constraint removals_member_id_fkey FOREIGN KEY (member_id) REFERENCES members(id);

alter table removals add constraint removals_person_id_fkey FOREIGN KEY (person_id) REFERENCES contacts(id);

alter table removals add constraint removals_pk PRIMARY KEY (member_id, round, person_id);

create table restorations (id text not null,
  taken_at bigint not null,
  restored_at bigint not null,
  held_at bigint,
  confirmed_at bigint,
  confirmed_by text);

alter table restorations add constraint restorations_confirmed_by_fkey FOREIGN KEY (confirmed_by) REFERENCES contacts(id);

alter table restorations add constraint restorations_pkey PRIMARY KEY (id);

create table revocations (fingerprint text not null,
  word text not null,
  data bytea not null);

alter table revocations add constraint revocations_pk PRIMARY KEY (fingerprint, word);

create table revocations_laid (certificate_id text not null,
  word text not null);

alter table revocations_laid add constraint revocations_laid_certificate_id_fkey FOREIGN KEY (certificate_id) REFERENCES certificates(id);

alter table revocations_laid add constraint revocations_laid_pk PRIMARY KEY (certificate_id, word);

create table secrets (name text not null,
  value bytea not null);

alter table secrets add constraint secrets_pkey PRIMARY KEY (name);

create table tokens (id text not null,
  name text not null,
  role text not null,
  hash text not null,
  person_id text,
  created_at bigint not null,
  expires_at bigint,
  revoked_at bigint,
  last_used_at bigint,
  scopes text,
  sign_in text);

alter table tokens add constraint tokens_hash_key UNIQUE (hash);

alter table tokens add constraint tokens_name_key UNIQUE (name);

alter table tokens add constraint tokens_person UNIQUE (id, person_id);

alter table tokens add constraint tokens_person_id_fkey FOREIGN KEY (person_id) REFERENCES contacts(id);

alter table tokens add constraint tokens_pkey PRIMARY KEY (id);

alter table tokens add constraint tokens_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'team'::text, 'auditor'::text])));

alter table tokens add constraint tokens_scopes_check CHECK ((scopes <> ''::text));

CREATE UNIQUE INDEX tokens_sign_in ON public.tokens USING btree (sign_in);

create table undelivered_told (post_id text not null,
  told_at bigint not null);

alter table undelivered_told add constraint undelivered_told_pkey PRIMARY KEY (post_id);

alter table undelivered_told add constraint undelivered_told_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts(id);

create table unsubscribed (contact_id text not null,
  list_id text not null,
  created_at bigint not null);

alter table unsubscribed add constraint unsubscribed_contact_id_fkey FOREIGN KEY (contact_id) REFERENCES contacts(id);

alter table unsubscribed add constraint unsubscribed_list_id_fkey FOREIGN KEY (list_id) REFERENCES lists(id);

alter table unsubscribed add constraint unsubscribed_pk PRIMARY KEY (contact_id, list_id);

create table verdicts (member_id text not null,
  round integer not null,
  person_id text not null,
  criterion text not null,
  pass integer not null,
  note text,
  created_at bigint not null);

alter table verdicts add constraint verdicts_member_id_fkey FOREIGN KEY (member_id) REFERENCES members(id);

alter table verdicts add constraint verdicts_pass_check CHECK ((pass = ANY (ARRAY[0, 1])));

alter table verdicts add constraint verdicts_person_id_fkey FOREIGN KEY (person_id) REFERENCES contacts(id);

alter table verdicts add constraint verdicts_pk PRIMARY KEY (member_id, round, person_id, criterion);

create table vouches (member_id text not null,
  round integer not null,
  contact_id text not null,
  statement text not null,
  created_at bigint not null);

alter table vouches add constraint vouches_contact_id_fkey FOREIGN KEY (contact_id) REFERENCES contacts(id);

alter table vouches add constraint vouches_member_id_fkey FOREIGN KEY (member_id) REFERENCES members(id);

alter table vouches add constraint vouches_pk PRIMARY KEY (member_id, round, contact_id);
