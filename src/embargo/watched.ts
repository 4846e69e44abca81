import { readDetails } from '../cases/details.ts';
import { secretsOf } from '../cases/keeper.ts';
import { HOUR, type Instant } from '../clock.ts';
import type { Log } from '../log.ts';
import { decodedBody, entityText, fileName, leaves, parseEntity } from '../mail/message.ts';
import { samples, type Words } from '../notices/words.ts';
import { asRefusal, Refusal, refusalRow } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as embargoed from '../store/embargoed.ts';
import type { PostKind } from '../store/schema.ts';
import type { Piece } from './fingerprint.ts';
import type { Hit, Watched } from './recognise.ts';
import type { Recogniser } from './recogniser.ts';

/** Cases that nobody of the team has touched yet, the last ones: strangers make as many as they like. What is beyond that is not recognised. */
const MOST_UNTAKEN = 200;
/** Of a case; posts, which anybody in its threads can write, are the last of them, and the newest of all come first. */
const MOST_PIECES = 200;
/** Advisories that are out, the last ones. */
const MOST_PUBLISHED = 50;

/** What people wrote of a case, and what they will publish. Other notices of Curfew's say the same again. */
const KINDS: readonly PostKind[] = ['report', 'post', 'details', 'draft'];

export function createWatched(
  seams: Omit<Seams, 'watched'>,
  recogniser: Recogniser,
  log: Log,
  { noted, signal }: { noted: Watched['noted']; signal: AbortSignal },
): Watched {
  const { db, clock } = seams;
  const failed = new Map<string, Instant>();
  /** Pieces that it has learned as those of strangers. */
  const strange = new Set<string>();
  let known: string | null = null;
  let last: Promise<void> = Promise.resolve();

  /** Advisories that are out, and words that stand in every notice. */
  async function refreshKnown(): Promise<void> {
    const published = await embargoed.published(db, MOST_PUBLISHED);
    const now = published.join(' ');
    if (known === now && !recogniser.isEmpty()) return;
    const texts = templates(seams.words);
    for (const id of published) texts.push(...(await textsOf(seams, id)));
    await recogniser.know(texts);
    known = now;
  }

  async function refreshOnce(): Promise<void> {
    const cases = await embargoed.watchedCases(db, MOST_UNTAKEN);
    const ids = cases.map(({ id }) => id);
    const taken = new Set(cases.flatMap((one) => (one.taken ? [one.id] : [])));
    const rows = inOrder(await embargoed.pieces(db, ids, KINDS), ids);
    // Where there is nothing to be known no thread is started.
    if (rows.length === 0 && recogniser.isEmpty()) return;
    await refreshKnown();
    const there = new Set(rows.map(({ id }) => id));
    const gone = [...recogniser.pieces].filter((id) => !there.has(id));
    if (gone.length > 0) await recogniser.forget(gone);
    for (const id of failed.keys()) if (!there.has(id)) failed.delete(id);
    // What was a stranger's is known anew, and first, where people look after it.
    const grown = rows.filter(({ id, caseId }) => taken.has(caseId) && strange.has(id)).map(({ id }) => id);
    if (grown.length > 0) await recogniser.forget(grown);
    for (const id of strange) if (!recogniser.pieces.has(id)) strange.delete(id);
    for (const row of rows) {
      if (signal.aborted) return;
      if (recogniser.pieces.has(row.id) || (failed.get(row.id) ?? 0) > clock.now() - HOUR) continue;
      try {
        const isStrange = !taken.has(row.caseId);
        const shortened = await recogniser.learn({ ...(await pieceOf(seams, row)), strange: isStrange });
        if (isStrange) strange.add(row.id);
        failed.delete(row.id);
        if (shortened.length > 0)
          log.error({ pieces: shortened }, 'what is under embargo there will be recognised in part: it has no room');
      } catch (error) {
        const { reason, detail } = asRefusal(error);
        if (reason === 'busy') throw error;
        failed.set(row.id, clock.now());
        log.error({ case: row.caseId, piece: row.id, reason, detail }, 'what is under embargo there will not be recognised');
      }
    }
  }

  /** One after the other: whoever asks has what stood there when he did. */
  const refresh = () => {
    last = last.catch(() => undefined).then(refreshOnce);
    return last;
  };
  return {
    refresh,
    noted,
    async look(parts) {
      try {
        await refresh();
        return recogniser.isEmpty() ? [] : await recogniser.look(parts);
      } catch (error) {
        const { reason, detail } = asRefusal(error);
        log.error({ reason, detail }, 'a mail could not be looked through for what is under embargo');
        throw error;
      }
    },
  };
}

/**
 * What there is of a case, in clear, as far as it would be recognised, one after the other. `before`: only what was there when the post with
 * that id was written. What cannot be opened at all counts as nothing. Throws a temporary Refusal.
 */
export async function* piecesOf(
  seams: Omit<Seams, 'watched'>,
  caseId: string,
  { before }: { before: string | null },
): AsyncGenerator<Piece> {
  const rows = inOrder(await embargoed.pieces(seams.db, [caseId], KINDS), [caseId]);
  for (const row of rows.filter(({ id }) => before === null || id < before)) {
    const piece = await pieceOf(seams, row).catch((error: unknown) => {
      if (refusalRow(asRefusal(error).reason).temporary) throw error;
    });
    // Anybody in its threads writes posts.
    if (piece) yield { ...piece, strange: row.what === 'post' };
  }
}

/** Whether somebody who knows of these cases may have a mail: what of other cases stands in it; none where he may. Throws as `look` does. */
export async function strangeTo(watched: Watched, parts: readonly Uint8Array[], cases: readonly string[]): Promise<Hit[]> {
  return (await watched.look(parts)).filter(({ caseId }) => !cases.includes(caseId));
}

/** Case by case; of each its posts after all else, and no more than it may have. */
function inOrder(rows: readonly embargoed.PieceRow[], ids: readonly string[]): embargoed.PieceRow[] {
  const places = new Map(ids.map((id, place) => [id, place]));
  const rank = ({ caseId, what }: embargoed.PieceRow) => 2 * (places.get(caseId) ?? ids.length) + (what === 'post' ? 1 : 0);
  const counts = new Map<string, number>();
  return rows
    .toSorted((a, b) => rank(a) - rank(b))
    .filter(({ caseId }) => {
      const count = (counts.get(caseId) ?? 0) + 1;
      counts.set(caseId, count);
      return count <= MOST_PIECES;
    });
}

/** What a notice says whatever the case is. */
function templates(words: Words): string[] {
  return Object.entries(samples).flatMap(([name, { facts }]) => {
    const template = words[name as keyof Words] as (facts: unknown) => { subject: string; text: string };
    return facts.map((one) => template(one).text);
  });
}

/** Of a post that the public has. One that cannot be opened counts as none. */
async function textsOf(seams: Omit<Seams, 'watched'>, id: string): Promise<string[]> {
  const sealed = await embargoed.post(seams.db, id);
  const kept = sealed && (await reopened(seams, sealed).catch(() => null));
  return kept ? leaves(parseEntity(kept)).flatMap((leaf) => (leaf.mediaType.startsWith('text/') ? entityText(leaf) : [])) : [];
}

async function reopened(seams: Omit<Seams, 'watched'>, { content, listId }: embargoed.SealedPiece): Promise<Uint8Array> {
  const secrets = await secretsOf(seams, listId);
  if (secrets.length === 0) throw new Refusal('not-ready', undefined, 'the key of its list is not loaded');
  return seams.pgp.reopen(content, secrets);
}

async function pieceOf(seams: Omit<Seams, 'watched'>, { id, caseId, what }: embargoed.PieceRow): Promise<Omit<Piece, 'strange'>> {
  const { db, pgp } = seams;
  const sealed = what === 'patch' ? await embargoed.patch(db, id) : await embargoed.post(db, id);
  if (!sealed) throw new Error(`the post or patch ${id} is gone`);
  const kept = await reopened(seams, sealed);
  const piece: Omit<Piece, 'strange'> = { id, caseId, ids: [], texts: [], mails: [], patches: [] };
  if (what === 'patch') {
    const file = parseEntity(kept);
    return { ...piece, patches: [{ name: fileName(file) ?? '', bytes: decodedBody(file) }] };
  }
  if (what === 'details') {
    const { cve, title, summary, description, detection, mitigation, fixImpact } = readDetails(Buffer.from(kept).toString());
    const texts = [title, summary, description, detection, mitigation, fixImpact].filter((text) => text !== null);
    return { ...piece, ids: cve === null ? [] : [cve], texts };
  }
  if (what === 'draft') return { ...piece, mails: [kept] };
  // As it came: its own layers are still on.
  const secrets = await secretsOf(seams, sealed.listId);
  const opened = await seams.begun.reading(
    `learn-${id}`,
    () => pgp.open({ raw: kept, secrets, at: sealed.receivedAt }, async () => []),
    async () => {
      throw new Refusal('cannot-open', undefined, `to learn the post ${id} ended the process`);
    },
  );
  return { ...piece, texts: [opened.subject], mails: [opened.content, ...opened.aside] };
}
