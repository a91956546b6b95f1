// Ends at the first file of JavaScript that cannot be parsed: `node --experimental-vm-modules .ci/javascript.mjs FILE …`.
// One process for all of the files, where `node --check` takes one for each.
import { readFileSync } from "node:fs";
import { SourceTextModule } from "node:vm";

for (const path of process.argv.slice(2)) new SourceTextModule(readFileSync(path, "utf8"), { identifier: path });
