// Compiles src/*.sol through solc's standard JSON into ABI and bytecode, and writes a manifest with the sha256 of every
// source and of every imported file. Two compiles are byte-identical. Users never run this: artifacts are committed.
//
//   npm ci && npm run compile            writes to fntx_dagster/adapters/evm/artifacts
//   node compile.mjs <folder>            writes elsewhere (the test that recompiles)

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2] ?? join(here, "..", "fntx_dagster", "adapters", "evm", "artifacts");
const contracts = ["FNTX", "TrackRecord", "SignalCommitments", "Attestations", "AuditAnchor", "SubmissionVerifier", "Aggregator"];

const settings = {
  evmVersion: "cancun", // the floor for OpenZeppelin 5.7
  optimizer: { enabled: true, runs: 10_000 },
  viaIR: true, // with these two a post is 1,000 gas cheaper than without
  metadata: { bytecodeHash: "none", appendCBOR: false }, // bytecode depends on the code alone
  outputSelection: {
    "*": {
      "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences"],
    },
  },
};

const hashes = {}; // path as named in the sources -> sha256 of the file

function read(path, file) {
  const content = readFileSync(file);
  hashes[path] = createHash("sha256").update(content).digest("hex");
  return content.toString("utf8");
}

const sources = Object.fromEntries(
  readdirSync(join(here, "src"))
    .filter((name) => name.endsWith(".sol"))
    .sort()
    .map((name) => [`src/${name}`, { content: read(`src/${name}`, join(here, "src", name)) }]),
);

function imported(path) {
  try {
    return { contents: read(path, join(here, "node_modules", path)) };
  } catch (error) {
    return { error: String(error) };
  }
}

const input = { language: "Solidity", sources, settings };
const output = JSON.parse(solc.compile(JSON.stringify(input), { import: imported }));
// a warning is a failure too, but for one: Aggregator's function `leave` is named so, and the compiler is pinned
const faults = (output.errors ?? []).filter((error) => !error.message.startsWith('"leave" will be promoted to keyword'));
for (const fault of faults) console.error(fault.formattedMessage);
if (faults.length > 0) process.exit(1);

mkdirSync(target, { recursive: true });
const write = (name, value) => writeFileSync(join(target, name), JSON.stringify(value, null, 2) + "\n");
for (const name of contracts) {
  const { abi, evm } = output.contracts[`src/${name}.sol`][name];
  write(`${name}.json`, {
    contractName: name,
    abi,
    bytecode: `0x${evm.bytecode.object}`,
    deployedBytecode: `0x${evm.deployedBytecode.object}`, // zeros where the constructor puts an immutable
    immutables: Object.values(evm.deployedBytecode.immutableReferences).map((places) => places.map(({ start }) => start)),
  });
}
write("manifest.json", {
  compiler: solc.version(),
  settings,
  sources: Object.fromEntries(Object.entries(hashes).sort(([a], [b]) => (a < b ? -1 : 1))),
});
