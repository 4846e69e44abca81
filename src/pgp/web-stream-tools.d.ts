/**
 * What the types of OpenPGP.js take from an optional package of theirs: where it is not found, every result of `decrypt`, `sign`
 * and `write` is `any`. The package itself would make the names of a browser (`document`, `name`, `open`) known everywhere.
 */
declare module '@openpgp/web-stream-tools' {
  import type { ReadableStream } from 'node:stream/web';

  export type WebStream<Data extends Uint8Array | string> = ReadableStream<Data>;
  export type NodeWebStream<Data extends Uint8Array | string> = ReadableStream<Data>;
}
