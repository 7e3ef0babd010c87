// A reader of docs/formats.md that shares no code with safecount: Node's own Ed25519, cborg and @hpke.
// stdin: JSON {envelope, device_key, reader_seed, reader_index} in hex; stdout: JSON {device, epoch, sequence, record}.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { Chacha20Poly1305 } from "@hpke/chacha20poly1305";
import { CipherSuite, HkdfSha256 } from "@hpke/core";
import { XWing } from "@hpke/hybridkem-x-wing";
import * as cborg from "cborg";

const hex = (text) => new Uint8Array(Buffer.from(text, "hex"));
const decode = (bytes) => cborg.decode(bytes, { strict: true, useMaps: true, rejectDuplicateMapKeys: true });

function ed25519Key(raw) {
  const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]); // RFC 8410
  return createPublicKey({ key: spki, format: "der", type: "spki" });
}

async function open(sealed, header, seed) {
  const suite = new CipherSuite({ kem: new XWing(), kdf: new HkdfSha256(), aead: new Chacha20Poly1305() });
  const privateKey = await suite.kem.importKey("raw", seed, false); // the 32-byte seed of the X-Wing draft
  const info = Buffer.concat([Buffer.from("safecount envelope 1\0"), cborg.encode(header)]);
  return suite.open({ recipientKey: privateKey, enc: sealed.slice(0, 1120), info }, sealed.slice(1120));
}

const input = JSON.parse(readFileSync(0, "utf8"));
const raw = hex(input.envelope);
if (raw.length !== 4096 || raw[0] !== 0xd2) throw new Error("no envelope");
const [guarded, unprotected, payload, signature] = decode(raw.subarray(1));
if (unprotected.size !== 0 || decode(guarded).get(16) !== "safecount-envelope") throw new Error("another kind of thing");
const signedText = cborg.encode(["Signature1", guarded, new Uint8Array(), payload]);
if (!verify(null, signedText, ed25519Key(hex(input.device_key)), signature)) throw new Error("bad signature");
const [header, contents] = decode(payload);
const body = header.get(2) === 2 ? contents[0] : new Uint8Array(await open(contents[input.reader_index], header, hex(input.reader_seed)));
const record = decode(body.slice(2, 2 + body[0] * 256 + body[1]));
const plain = [...record].map(([key, value]) => [key, value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value]);
const digest = createHash("sha256").update(raw).digest("hex");
console.log(JSON.stringify({ device: header.get(4), epoch: header.get(5), sequence: header.get(6), digest, record: Object.fromEntries(plain) }));
