import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;

/**
 * Fields that carry, or could carry, content. They are censored wherever they stand, one level deep too, so that a
 * careless `log.info({ mail })` shows nothing. Bodies, subjects and keys have no business in a log.
 */
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

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** JSON lines on `destination` (standard error unless told: standard output belongs to the commands). */
export function createLog(level: LogLevel, destination?: DestinationStream): Log {
  return pino(
    {
      level,
      base: null,
      redact: { paths: [...SECRET, ...SECRET.map((name) => `*.${name}`)], censor: '[hidden]' },
      serializers: {
        // An error's own properties may hold the mail that caused it: only what a programmer wrote is kept.
        err: (error: unknown) =>
          error instanceof Error ? { type: error.name, message: error.message, stack: error.stack } : { type: typeof error },
      },
    },
    destination ?? pino.destination({ dest: 2, sync: true }),
  );
}
