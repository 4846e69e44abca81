import { expect, test } from 'vitest';
import { decodedBody, entityText, fieldText, fileName, leaves, parseEntity } from '../../src/mail/message.ts';
import { filePart } from '../../src/mail/outgoing.ts';
import { noticeEntity, writeNotice } from '../../src/notices/write.ts';
import * as lists from '../../src/store/lists.ts';
import { eachEngine } from '../support/dialects.ts';
import { housing } from '../support/house.ts';

test('a notice is a subject and a text, with its files beside it', () => {
  const bytes = Buffer.from([0, 1, 255]);
  const kept = parseEntity(
    noticeEntity({ subject: 'Grüße', text: 'Hällo\n' }, [filePart('a/b.bin', 'application/octet-stream', bytes)]),
  );
  expect(fieldText(kept, 'subject')).toBe('Grüße');
  const [text, file] = leaves(kept);
  expect(text && entityText(text).trim()).toBe('Hällo');
  expect(file && [fileName(file), Buffer.from(decodedBody(file))]).toEqual(['b.bin', bytes]);
});

eachEngine((engine) => {
  const build = housing();

  test('what is written is sealed to the list, and opens to the very octets', async () => {
    const house = await build((await engine.open()).db);
    const list = await lists.byId(house.db, 'security');
    const key = house.keyring.find(list?.fingerprint ?? '');
    if (!list || !key) throw new Error('the house has a security list');
    const content = noticeEntity({ subject: 'canary', text: 'canary\n' });
    const post = await writeNotice(house, list, { kind: 'alert', caseId: null }, content);
    expect(post).toMatchObject({ kind: 'alert', encrypted: 1, size: content.length, received_at: house.clock.now() });
    expect(Buffer.from(post.content).includes('canary')).toBe(false);
    expect(Buffer.from(await house.pgp.reopen(post.content, [key.secret]))).toEqual(content);
    await expect(writeNotice(house, { ...list, fingerprint: 'GONE' }, { kind: 'alert', caseId: null }, content)).rejects.toThrow(
      'there is no key for security@orbit.example',
    );
  });
});
