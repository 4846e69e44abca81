import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, expect, test } from 'vitest';
import { verifyLog } from '../../src/audit/verify.ts';
import { type Cast, makeCast } from '../../src/cli/demo/cast.ts';
import type { Moment } from '../../src/cli/demo/narrator.ts';
import { type Stage, setStage } from '../../src/cli/demo/stage.ts';
import { BEGIN, plain, publicPaths, tell } from '../../src/cli/demo/story.ts';
import { DAY, HOUR, MINUTE } from '../../src/clock.ts';
import { sha256 } from '../../src/embargo/bundle.ts';
import * as audit from '../../src/store/audit.ts';
import type { Case } from '../../src/store/schema.ts';
import { schemaAt } from '../advisories/schemas.ts';
import { eachEngine } from '../support/dialects.ts';
import { filesBelow, findings, type Trace } from './traces.ts';

const PUBLIC = ['news@press.example', 'oss@public.example', 'reader@home.example'];
const traces = (...texts: string[]): Trace[] => texts.map((text) => ({ name: text, text }));
const REPORTED = traces('Tenant escape in the scheduler', 'take over the scheduler');
const EMBARGOED = traces('Am I vulnerable?', 'Privilege escalation', 'switch off the shared', 'allow(owner, job.created)');

/**
 * The acceptance story, on a whole server with real sockets and a clock that is moved. The demonstration plays it, and checks every copy
 * as its recipient; here stands, by the number of its line, what the server says of itself at that moment.
 */
const LINES: Record<string, { line: number; holds(world: World): Promise<void> }> = {
  'report received': {
    line: 1,
    async holds({ show, places, cast }) {
      const { state, receivedAt, due } = await show();
      expect([state, receivedAt]).toEqual(['received', '2026-09-07T09:12:00.000Z']);
      expect(due.map(({ what, at }) => `${what} ${at}`)).toEqual(
        expect.arrayContaining([
          'acknowledge 2026-09-08T09:12:00.000Z',
          'forthcoming 2026-09-14T09:12:00.000Z',
          'release 2026-09-28T09:12:00.000Z',
        ]),
      );
      const kept = await places();
      expect(findings(kept, REPORTED)).toEqual([]);
      // The same search finds what is no secret.
      expect(findings(kept, [{ name: 'the sender', text: cast.reporter.address }]).join()).toContain('plain of the sender');
    },
  },
  'reporter answered': {
    line: 2,
    async holds({ about, mailsTo, members, cast }) {
      const { led_at, received_at, acknowledged_at } = await about();
      expect((led_at ?? 0) - received_at).toBe(22 * HOUR + 28 * MINUTE);
      expect(acknowledged_at).toBe(led_at);
      // The receipt, and the word of a person.
      expect(mailsTo(cast.reporter.address)).toBe(2);
      expect(mailsTo(...members)).toBe(0);
    },
  },
  'severity scored': {
    line: 3,
    async holds({ ask, caseId }) {
      expect(await ask(`/cases/${await caseId()}/details`)).toMatchObject({
        severity: { version: '3.1', score: 8.8, rating: 'high' },
        details: { cve: 'CVE-2026-99001' },
        lacking: [],
      });
    },
  },
  'patches approved': {
    line: 4,
    async holds({ show }) {
      const { state, patches, patchSet } = await show();
      expect([state, new Set(patches.map(({ sha256 }) => sha256)).size]).toEqual(['fix_ready', 3]);
      expect(patchSet).toMatchObject({ approved: true, revision: 1 });
    },
  },
  'embargo approved': {
    line: 5,
    async holds({ show }) {
      expect(await show()).toMatchObject({ state: 'scheduled', releaseAt: '2026-09-22T16:00:00.000Z', policies: ['orbit'] });
    },
  },
  'forthcoming notice': {
    line: 6,
    async holds({ stage, cast, about }) {
      const { forthcoming_post_id } = await about();
      const copies = stage.sent.filter(({ to }) => PUBLIC.includes(to));
      expect(copies.map(({ to }) => to).sort()).toEqual(PUBLIC);
      const { db } = stage.running.seams;
      const behind = await db.selectFrom('deliveries').select('post_id').where('address', 'in', PUBLIC).execute();
      expect(new Set(behind.map(({ post_id }) => post_id))).toEqual(new Set([forthcoming_post_id]));
      const secrets = [
        'CVE-2026',
        'scheduler',
        '.patch',
        cast.reporter.address,
        cast.reporter.name,
        cast.reporter.key.fingerprint,
      ];
      const mails = new Map(copies.map(({ to, raw }) => [to, Buffer.from(raw)]));
      expect(findings(mails, traces(...secrets))).toEqual([]);
    },
  },
  'patch dispatched': {
    line: 7,
    async holds({ stage, mailsTo, members, cast }) {
      expect(mailsTo(...members)).toBe(4);
      expect(new Set(stage.sent.map(({ raw }) => /^Message-ID: .*$/m.exec(Buffer.from(raw).toString('latin1'))?.[0])).size).toBe(
        stage.sent.length,
      );
      // Delta was told of his suspension, before the case came.
      expect([mailsTo(cast.delta.address), mailsTo(cast.echo.address)]).toEqual([1, 0]);
    },
  },
  'dora reminded': {
    line: 8,
    async holds({ ask, caseId, mailsTo, cast }) {
      const { items } = (await ask(`/cases/${await caseId()}/acknowledgements`)) as {
        items: { address: string; status: string }[];
      };
      const { alpha, bravo, charlie, dora } = cast;
      expect(new Map(items.map(({ address, status }) => [address, status]))).toEqual(
        new Map([
          ...[alpha, bravo, charlie].map(({ address }) => [address, 'acknowledged'] as const),
          [dora.address, 'unacknowledged'],
        ]),
      );
      // The dispatch, and what she is asked; the others had an answer.
      for (const { address } of [alpha, bravo, charlie, dora]) expect(mailsTo(address)).toBe(2);
    },
  },
  'bravo finds a hole in it': {
    line: 9,
    async holds({ mailsTo, cast }) {
      expect(mailsTo(cast.reporter.address)).toBe(2);
      for (const { address } of [cast.alpha, cast.charlie, cast.dora]) expect(mailsTo(address)).toBe(3);
    },
  },
  'patch revised': {
    line: 10,
    async holds({ show, mailsTo, cast }) {
      expect(await show()).toMatchObject({ patchSet: { approved: true, revision: 2 }, releaseAt: '2026-09-22T16:00:00.000Z' });
      expect(mailsTo(cast.dora.address)).toBe(4);
    },
  },
  'second notice': {
    line: 11,
    async holds({ stage, about, members }) {
      const { prenoticed_at, prenoticed_draft_id, draft_post_id, release_at } = await about();
      expect([prenoticed_at, prenoticed_draft_id]).toEqual([(release_at ?? 0) - DAY, draft_post_id]);
      const copies = await stage.running.seams.db
        .selectFrom('deliveries')
        .innerJoin('posts', 'posts.id', 'deliveries.post_id')
        .select(['deliveries.address', 'deliveries.state'])
        .where('posts.kind', '=', 'prenotice')
        .execute();
      expect(copies.map(({ address }) => address).sort()).toEqual([...members].sort());
      expect(new Set(copies.map(({ state }) => state))).toEqual(new Set(['delivered']));
    },
  },
  'release approved': {
    line: 12,
    async holds({ show, cast }) {
      const { state, approvals } = await show();
      const behind = approvals.filter(({ what }) => what === 'bundle').map(({ person }) => person);
      expect([state, behind.sort()]).toEqual(['armed', [cast.approver.address, cast.lead.address]]);
    },
  },
  'one second before': {
    line: 13,
    async holds({ stage, mailsTo, ask, caseId, places }) {
      // That a fix will come, and nothing else.
      for (const address of PUBLIC) expect(mailsTo(address)).toBe(1);
      for (const [index, path] of publicPaths(await caseId()).entries()) {
        const real = await stage.page(path);
        expect(real.status, path).toBe(404);
        const unknown = await stage.page(publicPaths('ORBIT-2026-9999')[index] ?? '');
        expect({ ...real, body: plain(real.body) }).toEqual({ ...unknown, body: plain(unknown.body) });
      }
      expect((await stage.page('/feed.atom')).body).not.toContain(await caseId());
      expect(findings(await places(), [...REPORTED, ...EMBARGOED])).toEqual([]);
      expect(await ask('/incidents?state=open')).toMatchObject({ items: [{ caseId: await caseId(), refused: true, mails: 1 }] });
    },
  },
  'members told': {
    line: 14,
    async holds({ about, mailsTo, show }) {
      for (const address of PUBLIC) expect(mailsTo(address)).toBe(2);
      const { released_at, release_at, patch_set, distributed_set, received_at, noticed_at } = await about();
      expect(released_at).toBe(release_at);
      expect(patch_set).toBe(distributed_set);
      expect((await show()).state).toBe('released');
      expect([(released_at ?? 0) - (noticed_at ?? 0), ((released_at ?? 0) - received_at) / DAY]).toEqual([
        8 * DAY,
        expect.closeTo(15.28, 2),
      ]);
    },
  },
  'pages public': {
    line: 14,
    async holds({ stage, caseId, show, ask }) {
      const id = await caseId();
      const [page, csaf, hash, osv, cve] = await Promise.all(publicPaths(id).map((path) => stage.page(path)));
      const { patches } = await show();
      expect(patches).toHaveLength(3);
      for (const patch of patches) expect(page?.body).toContain(patch.sha256);
      expect(page?.body).toContain('_v1.2_v2.patch');
      const { errorsOf } = await import('../advisories/csaf-validator.ts');
      const document = JSON.parse(csaf?.body ?? '');
      expect(await errorsOf(document)).toEqual([]);
      expect(document).toMatchObject({ document: { tracking: { id } }, vulnerabilities: [{ cve: 'CVE-2026-99001' }] });
      expect(hash?.body).toContain(sha256(Buffer.from(csaf?.body ?? '')));
      expect(JSON.parse(cve?.body ?? '')).toMatchObject({ cveMetadata: { cveId: 'CVE-2026-99001', state: 'PUBLISHED' } });
      for (const [name, text] of [['osv.json', osv?.body] as const, ['cve-record-5.1.1.json', cve?.body] as const]) {
        const schema = schemaAt(name);
        if (schema.absent === null) expect(schema.faultsOf(JSON.parse(text ?? '')), name).toEqual([]);
      }
      expect((await stage.page('/feed.atom')).body).toContain(`/advisories/${id}`);
      const { channels } = (await ask(`/cases/${id}/timeline`)) as { channels: { channel: string }[] };
      expect(channels.length).toBeGreaterThan(0);
    },
  },
  'retrospective written': {
    line: 15,
    async holds({ about, stage }) {
      const { released_at, retrospective_at } = await about();
      expect((retrospective_at ?? 0) - (released_at ?? 0)).toBe(3 * DAY);
      const told = await stage.running.seams.db
        .selectFrom('reminders')
        .select(['due_at', 'level'])
        .where('what', '=', 'retrospective')
        .orderBy('level')
        .execute();
      expect(told).toEqual([0, 1].map((level) => ({ due_at: (released_at ?? 0) + 3 * DAY, level })));
    },
  },
  statistics: {
    line: 16,
    async holds({ ask }) {
      expect(await ask('/statistics')).toMatchObject({
        cases: [{ embargoed: 8, reportToPublic: 15.28, onTime: true, cause: null }],
        released: 1,
        late: 0,
      });
    },
  },
  'audit log verified': {
    line: 17,
    async holds({ ask, stage }) {
      expect(await ask('/audit/verify')).toMatchObject({ whole: true, faults: [] });
      const lines: string[] = [];
      for await (const line of audit.lines(stage.running.seams.db)) lines.push(line);
      const [first = '', second = ''] = lines.slice(40, 42);
      const changed: Record<string, string[]> = {
        altered: lines.with(40, first.replace('{', '{ ')),
        removed: lines.toSpliced(40, 1),
        reordered: lines.toSpliced(40, 2, second, first),
      };
      const all = stage.running.seams.keyring.all().map(({ certificate }) => certificate);
      for (const [how, log] of Object.entries(changed))
        expect((await verifyLog(log, all, [])).faults[0], how).toMatchObject({ line: 41 });
    },
  },
};

interface Shown {
  state: string;
  receivedAt: string;
  due: { what: string; at: string }[];
  patches: { sha256: string }[];
  patchSet: object;
  approvals: { what: string; person: string }[];
}

interface World {
  stage: Stage;
  cast: Cast;
  /** Addresses of those who are active. */
  members: string[];
  about(): Promise<Case>;
  caseId(): Promise<string>;
  show(): Promise<Shown>;
  ask(path: string): Promise<Record<string, unknown>>;
  /** All that is kept: the files of the project, or the rows of its database as well. */
  places(): Promise<Map<string, Buffer>>;
  /** How many mails they all got so far. */
  mailsTo(...addresses: string[]): number;
}

function worldOf(stage: Stage, cast: Cast, dir: string): World {
  const about = () => stage.running.seams.db.selectFrom('cases').selectAll().executeTakeFirstOrThrow();
  const caseId = async () => (await about()).id;
  const ask = async (path: string) => {
    const { status, body } = await stage.api(stage.adminToken, 'GET', path);
    expect(status, path).toBe(200);
    return body;
  };
  return {
    stage,
    cast,
    members: [cast.alpha, cast.bravo, cast.charlie, cast.dora].map(({ address }) => address),
    about,
    caseId,
    ask,
    show: async () => (await ask(`/cases/${await caseId()}`)) as unknown as Shown,
    places: async () => new Map([...filesBelow(dir), ...(await rowsOf(stage))]),
    mailsTo: (...addresses) => stage.sent.filter(({ to }) => addresses.includes(to)).length,
  };
}

/** Every row of a PostgreSQL database as text, by its table; octets in hex. */
async function rowsOf({ running }: Stage): Promise<Map<string, Buffer>> {
  const { db } = running.seams;
  const tables = await db.introspection.getTables();
  if (!tables.some(({ schema }) => schema === 'public')) return new Map();
  const dumped = tables.map(async ({ name }) => {
    const { rows } = await sql<{ row: string }>`select t::text as row from ${sql.table(name)} as t`.execute(db);
    return [name, Buffer.from(rows.map(({ row }) => row).join('\n'))] as const;
  });
  return new Map(await Promise.all(dumped));
}

eachEngine((engine) => {
  const folder = mkdtempSync(join(tmpdir(), 'curfew-acceptance-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('the story from the report to the retrospective holds, line by line', async () => {
    const { config } = await engine.open();
    const cast = await makeCast(BEGIN - 30 * DAY);
    const dir = join(folder, engine.name);
    const stage = await setStage(dir, BEGIN, 'postgres' in config ? config.postgres : null);
    const held: number[] = [];
    try {
      const world = worldOf(stage, cast, dir);
      await tell(stage, cast, async ({ event, at }: Moment) => {
        const expected = LINES[event];
        if (!expected) return;
        await expected.holds(world).catch((error: unknown) => {
          throw new Error(`line ${expected.line}, at ${at}`, { cause: error });
        });
        held.push(expected.line);
      });
      expect(held).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 14, 15, 16, 17]);
    } finally {
      await stage.close();
    }
  });
});
