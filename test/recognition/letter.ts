/** Mails composed by hand, octet for octet: what a leak may look like is not what our own composer writes. */

export interface Part {
  type: string;
  encoding?: '7bit' | '8bit' | 'base64' | 'quoted-printable';
  body: string | Uint8Array;
  fields?: readonly string[];
}

export interface Letter {
  subject?: string;
  fields?: readonly string[];
  content: Part | readonly Part[];
  subtype?: string;
  preamble?: string;
}

const FIELDS = [
  'From: Bob <bob@bravo.example>',
  'To: announce@orbit.example',
  'Date: Wed, 16 Sep 2026 11:00:00 +0000',
  'MIME-Version: 1.0',
];

export function mailOf({ subject = 'Hello', fields = [], content, subtype = 'mixed', preamble = '' }: Letter): Buffer {
  const head = [...FIELDS, `Subject: ${subject}`, ...fields];
  if (!Array.isArray(content)) return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n`), partOf(content as Part)]);
  const parts = (content as readonly Part[]).flatMap((part) => [Buffer.from('\r\n--=_b\r\n'), partOf(part)]);
  const top = `${head.join('\r\n')}\r\nContent-Type: multipart/${subtype}; boundary="=_b"\r\n\r\n${preamble}`;
  return Buffer.concat([Buffer.from(top), ...parts, Buffer.from('\r\n--=_b--\r\n')]);
}

function partOf({ type, encoding = '8bit', body, fields = [] }: Part): Buffer {
  const octets = typeof body === 'string' ? Buffer.from(crlf(body)) : Buffer.from(body);
  const head = [`Content-Type: ${type}`, `Content-Transfer-Encoding: ${encoding}`, ...fields].join('\r\n');
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`), encoded(octets, encoding)]);
}

function encoded(octets: Buffer, encoding: string): Buffer {
  if (encoding === 'base64') return Buffer.from(base64Lines(octets));
  return encoding === 'quoted-printable' ? Buffer.from(quotedPrintable(octets)) : octets;
}

export function base64Lines(octets: Uint8Array, width = 76): string {
  return (
    Buffer.from(octets)
      .toString('base64')
      .match(new RegExp(`.{1,${width}}`, 'g')) ?? []
  ).join('\r\n');
}

/** RFC 2045 §6.7, with soft line breaks wherever 76 is reached: in the middle of words, too. */
export function quotedPrintable(octets: Uint8Array): string {
  const lines = Buffer.from(octets).toString('latin1').split('\r\n');
  const quoted = lines.map((line) =>
    line.replace(/[^ -<>-~\t]/g, (letter) => `=${letter.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`),
  );
  return quoted.map((line) => (line.match(/(?:=[0-9A-F]{2}|.){1,73}/g) ?? ['']).join('=\r\n')).join('\r\n');
}

export const crlf = (text: string) => text.replace(/\r?\n/g, '\r\n');

export const plain = (body: string | Uint8Array, charset = 'utf-8'): Part => ({ type: `text/plain; charset=${charset}`, body });

export const file = (name: string, body: string | Uint8Array, type = 'application/octet-stream'): Part => ({
  type: `${type}; name="${name}"`,
  encoding: 'base64',
  body: typeof body === 'string' ? Buffer.from(body) : body,
  fields: [`Content-Disposition: attachment; filename="${name}"`],
});

/** A zip archive of one deflated file (APPNOTE.TXT 4.3). */
export function zipOf(name: string, octets: Uint8Array, deflated: Uint8Array): Buffer {
  const title = Buffer.from(name);
  const sizes = (buffer: Buffer, at: number) => {
    buffer.writeUInt32LE(deflated.length, at);
    buffer.writeUInt32LE(octets.length, at + 4);
    buffer.writeUInt16LE(title.length, at + 8);
  };
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(8, 8);
  sizes(local, 18);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(8, 10);
  sizes(entry, 20);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(entry.length + title.length, 12);
  end.writeUInt32LE(local.length + title.length + deflated.length, 16);
  return Buffer.concat([local, title, deflated, entry, title, end]);
}
