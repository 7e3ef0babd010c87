// Speaks to a device with improv-wifi-serial-sdk: standard input and output are the serial port, lines of JSON on standard error what
// came of it. Arguments: the network's name, and passwords to try one after the other.
import { register } from "node:module";
import { Readable, Writable } from "node:stream";

register("./extensions.mjs", import.meta.url);
const { ImprovSerial } = await import("improv-wifi-serial-sdk/dist/serial.js");

const port = { readable: Readable.toWeb(process.stdin), writable: Writable.toWeb(process.stdout) };
const quiet = { log() {}, debug() {}, error() {} };
const improv = new ImprovSerial(port, quiet);
const tell = (what) => process.stderr.write(`${JSON.stringify(what)}\n`);

tell({ info: await improv.initialize(10000), state: improv.state });
const [name, ...passwords] = process.argv.slice(2);
for (const password of passwords) {
  try {
    await improv.provision(name, password);
    tell({ joined: true, state: improv.state });
  } catch (error) {
    tell({ joined: false, error: String(error) });
  }
}
tell({ scan: await improv.scan().catch(String) });
await improv.requestCurrentState();
tell({ state: improv.state });
process.exit(0);
