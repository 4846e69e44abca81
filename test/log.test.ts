import { describe, expect, test } from 'vitest';
import { createLog, type Log, type LogLevel } from '../src/log.ts';

const CANARY = 'canary-7f3a';
const SECRET = [
  'subject',
  'text',
  'body',
  'content',
  'raw',
  'mail',
  'headers',
  'passphrase',
  'password',
  'token',
  'authorization',
  'secret',
  'key',
  'armored',
  'plaintext',
  'sessionKey',
];

/** What a log writes while `act` runs. */
function written(act: (log: Log) => void, level: LogLevel = 'trace'): string {
  const lines: string[] = [];
  act(createLog(level, { write: (line) => void lines.push(line) }));
  return lines.join('');
}

describe('what could carry content is never written', () => {
  test.each(SECRET)('%s', (field) => {
    const lines = written((log) => {
      log.info({ [field]: CANARY }, 'at the top');
      log.info({ post: { [field]: CANARY } }, 'one level deep');
      log.info({ [field]: { deep: { deeper: CANARY } } }, 'with all that is in it');
      log.child({ [field]: CANARY }).info('in a child');
      log.info({ [field]: Buffer.from(CANARY) }, 'as octets');
    });
    expect(lines).not.toContain(CANARY);
    expect(lines).not.toContain(JSON.stringify([...Buffer.from(CANARY)]).slice(1, -1));
    expect(lines.match(/\[hidden\]/g)).toHaveLength(5);
  });

  test('the properties of an error, and what caused it', () => {
    const error = Object.assign(new Error('relay said no', { cause: new Error(CANARY) }), {
      response: CANARY,
      mail: { subject: CANARY },
    });
    const lines = written((log) => {
      log.error({ err: error }, 'not sent');
      log.error(error);
      log.error({ err: CANARY }, 'thrown text');
      log.error({ err: { subject: CANARY } }, 'thrown thing');
    });
    expect(lines).not.toContain(CANARY);
    expect(lines).toContain('relay said no');
    expect(lines).toContain('log.test.ts');
  });
});

test('the rest is written as JSON lines', () => {
  const line = written((log) => log.info({ post: { id: 'p1' }, deliveries: 4 }, 'accepted'));
  expect(JSON.parse(line)).toMatchObject({ post: { id: 'p1' }, deliveries: 4, msg: 'accepted', level: 30 });
});

test('a level below the wanted one is silent', () => {
  const said = written((log) => {
    log.info('not this');
    log.warn('this');
  }, 'warn');
  expect(said).toMatch(/^[^\n]*"msg":"this"}\n$/);
});
