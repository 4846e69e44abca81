/** Where one packet lies in a binary OpenPGP object, in bytes from its start (RFC 9580 §4.2). */
export interface Packet {
  tag: number;
  /** The first byte of the header. */
  start: number;
  /** The first byte after the header. */
  body: number;
  /** The first byte after the packet. */
  end: number;
}

/**
 * The packets of `data` by their framing alone: nothing in them is parsed, so that limits can be held before anything that costs.
 * @throws Error where the framing is broken, or has partial or indeterminate lengths (only data packets may, RFC 9580 §4.2.1.4).
 */
export function* packetsOf(data: Uint8Array): Generator<Packet> {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let start = 0; start < data.length; ) {
    const packet = packetAt(view, start);
    if (packet.end > data.length) throw new Error('a packet is cut off');
    yield packet;
    start = packet.end;
  }
}

function packetAt(view: DataView, start: number): Packet {
  const header = view.getUint8(start);
  if ((header & 0x80) === 0) throw new Error('not OpenPGP data');
  const modern = (header & 0x40) !== 0;
  const [octets, length] = modern ? modernLength(view, start + 1) : legacyLength(view, start + 1, header & 0x03);
  const body = start + 1 + octets;
  return { tag: modern ? header & 0x3f : (header >> 2) & 0x0f, start, body, end: body + length };
}

/** RFC 9580 §4.2.1: octets of the length field, and the length. */
function modernLength(view: DataView, at: number): [number, number] {
  const first = view.getUint8(at);
  if (first < 192) return [1, first];
  if (first < 224) return [2, ((first - 192) << 8) + view.getUint8(at + 1) + 192];
  if (first === 255) return [5, view.getUint32(at + 1)];
  throw new Error('a packet has a partial length');
}

/** RFC 9580 §4.2.2. */
function legacyLength(view: DataView, at: number, type: number): [number, number] {
  if (type === 0) return [1, view.getUint8(at)];
  if (type === 1) return [2, view.getUint16(at)];
  if (type === 2) return [4, view.getUint32(at)];
  throw new Error('a packet has no length');
}

/**
 * The octets of the first packet with one of these tags, however its length is written (RFC 9580 §4.2.1); undefined where there is
 * none. Whoever carries a message can write other lengths, and other packets before it, and it opens all the same.
 */
export function bodyOf(data: Uint8Array, tags: readonly number[]): Uint8Array | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  try {
    for (let start = 0; start < data.length; ) {
      const header = view.getUint8(start);
      const modern = (header & 0x40) !== 0;
      if (tags.includes(modern ? header & 0x3f : (header >> 2) & 0x0f)) return contentAt(view, data, start, modern);
      start = packetAt(view, start).end;
    }
  } catch {
    // Broken framing: it does not open either.
  }
  return undefined;
}

function contentAt(view: DataView, data: Uint8Array, start: number, modern: boolean): Uint8Array {
  // Of indeterminate length (RFC 9580 §4.2.2): to the end.
  if (!modern && (view.getUint8(start) & 0x03) === 3) return data.subarray(start + 1);
  if (!modern) {
    const { body, end } = packetAt(view, start);
    return data.subarray(body, end);
  }
  const chunks: Uint8Array[] = [];
  let at = start + 1;
  for (let first = view.getUint8(at); first >= 224 && first < 255; first = view.getUint8(at)) {
    const length = 2 ** (first & 0x1f);
    chunks.push(data.subarray(at + 1, at + 1 + length));
    at += 1 + length;
  }
  const [octets, length] = modernLength(view, at);
  chunks.push(data.subarray(at + octets, at + octets + length));
  return Buffer.concat(chunks);
}
