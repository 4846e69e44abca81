import { afterAll, expect, test } from 'vitest';
import { createComparison } from '../../src/embargo/comparison.ts';
import type { Piece } from '../../src/embargo/fingerprint.ts';
import { createRecogniser } from '../../src/embargo/recogniser.ts';
import { noticeEntity } from '../../src/notices/write.ts';
import { reasonOf } from './armed.ts';

const DRAIN =
  'A tenant who renames his queue while the scheduler drains it makes the drain loop read the freed slot table twice.';
const UPLOAD =
  'An upload whose second chunk carries a negative offset makes the copy loop run backwards over the table of open sessions.';

const recogniser = createRecogniser();
const compare = createComparison(recogniser);
afterAll(() => recogniser.close());

const piece = (text: string): Piece => {
  return { id: text, caseId: 'ORBIT-2026-0001', strange: false, ids: [], texts: [text], mails: [], patches: [] };
};
const found = async (text: string, pieces: Iterable<Piece> | AsyncIterable<Piece>, known: string[] = []) =>
  (await compare(noticeEntity({ subject: '', text }), { pieces, known })).map(({ kind }) => kind);

test('of several comparisons at once each sees its own pieces, and what is known in it, alone', async () => {
  const made = [
    found(DRAIN, [piece(DRAIN)]),
    found(DRAIN, [piece(UPLOAD)]),
    found(DRAIN, [piece(DRAIN), piece(UPLOAD)], [DRAIN]),
    found(UPLOAD, [piece(DRAIN), piece(UPLOAD)], [DRAIN]),
    found(DRAIN, []),
  ];
  expect(await Promise.all(made)).toEqual([['text'], [], [], ['text'], []]);
});

test('where its thread is lost between two pieces it is refused, as it would know the later ones alone; the next one is done', async () => {
  const lost = async function* () {
    yield piece(DRAIN);
    await recogniser.close();
    yield piece(UPLOAD);
  };
  expect(await reasonOf(found(DRAIN, lost()))).toBe('busy');
  expect(await found(DRAIN, [piece(DRAIN)])).toEqual(['text']);
});

test('where a piece can not be read it is refused with that, and the next one knows nothing of it', async () => {
  const unread = async function* () {
    yield piece(DRAIN);
    throw new Error('the database is gone');
  };
  await expect(found(DRAIN, unread())).rejects.toThrow('the database is gone');
  expect(await found(DRAIN, [piece(UPLOAD)])).toEqual([]);
});
