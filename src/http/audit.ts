import { Type } from 'typebox';
import { verifyLog } from '../audit/verify.ts';
import { Refusal } from '../refusal.ts';
import * as audit from '../store/audit.ts';
import * as lists from '../store/lists.ts';
import type { Api, App } from './api.ts';
import { InstantText, readInstant } from './instant.ts';
import { PageOf, paging, readPage } from './page.ts';
import { AuditView, Name, Sha256 } from './schemas.ts';

const tags = ['audit'];

export function auditRoutes(app: App, api: Api): void {
  listAudit(app, api);
  verifyAudit(app, api);
}

function listAudit(app: App, { seams: { db } }: Api): void {
  const querystring = Type.Object(
    {
      ...paging,
      actor: Type.Optional({ ...Name, description: '"person:ID", "token:ID", "host:USER" or "system"' }),
      action: Type.Optional({ ...Name, description: 'as in "case.approve"' }),
      subject: Type.Optional({ ...Name, description: 'as in "case:ORBIT-2026-0001"' }),
      from: Type.Optional(InstantText),
      to: Type.Optional(InstantText),
    },
    { additionalProperties: false },
  );
  const schema = { tags, summary: 'List what was done, newest first', querystring, response: { 200: PageOf(AuditView) } };
  app.get('/audit', { schema }, async ({ query }) => {
    const { actor, action, subject } = query;
    const from = query.from === undefined ? undefined : readInstant(query.from, 'from');
    const to = query.to === undefined ? undefined : readInstant(query.to, 'to');
    const filter = Object.fromEntries(
      Object.entries({ actor, action, subject, from, to }).filter(([, value]) => value !== undefined),
    );
    const { items, next } = await readPage(query, async ({ before, limit }) => {
      const rows = await audit.page(db, { ...filter, limit, ...(before === undefined ? {} : { before: seqOf(before) }) });
      return rows.map((row) => ({ ...row, id: String(row.seq) }));
    });
    return { items: items.map(({ line, hash }) => ({ ...JSON.parse(line), hash })), next };
  });
}

function seqOf(cursor: string): number {
  if (!/^\d{1,15}$/.test(cursor)) throw new Refusal('invalid', 'cursor must be `next` of the page before');
  return Number(cursor);
}

function verifyAudit(app: App, { seams: { db, keyring } }: Api): void {
  const answer = Type.Object({
    whole: Type.Boolean(),
    lines: Type.Integer(),
    hash: Sha256,
    heads: Type.Integer({ description: 'signed heads in it that hold' }),
    covered: Type.Integer({ description: 'lines that the last of these covers' }),
    faults: Type.Array(Type.Object({ line: Type.Integer(), text: Type.String() })),
  });
  const schema = {
    tags,
    summary: 'Verify the log that is here',
    description: 'What a machine says of itself: `curfew audit verify` does the same elsewhere, with an export and mailed heads.',
    response: { 200: answer },
  };
  app.get('/audit/verify', { schema }, async () => {
    const list = (await lists.all(db)).find(({ role }) => role === 'intake');
    const keys = list ? keyring.family(list.fingerprint) : [];
    if (keys.length === 0) throw new Refusal('not-ready', 'There is no intake list with a key');
    const verified = await verifyLog(
      audit.lines(db),
      keys.map(({ certificate }) => certificate),
      [],
    );
    return { whole: verified.faults.length === 0, ...verified, faults: verified.faults.slice(0, MOST_FAULTS) };
  });
}

const MOST_FAULTS = 100;
