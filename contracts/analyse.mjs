// Runs Slither over the sources, as compile.mjs compiles them; a finding is a failure. Slither comes from PyPI and has
// no place in this project's requirements: `pipx install slither-analyzer`, then `npm run analyse`. The environment's
// SLITHER names another binary.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "node_modules");
const manifest = JSON.parse(readFileSync(join(here, "..", "fntx_dagster", "adapters", "evm", "artifacts", "manifest.json")));

const folder = mkdtempSync(join(tmpdir(), "analyse-"));
try {
  const sources = {};
  for (const path of Object.keys(manifest.sources)) {
    sources[path] = { content: readFileSync(join(path.startsWith("src/") ? here : modules, path), "utf8") };
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), sources[path].content); // Slither looks for the files that its input names
  }
  const outputs = ["abi", "metadata", "devdoc", "userdoc", "evm.bytecode", "evm.deployedBytecode"];
  const settings = { ...manifest.settings, outputSelection: { "*": { "*": outputs, "": ["ast"] } } };
  const input = JSON.stringify({ language: "Solidity", sources, settings });
  writeFileSync(join(folder, "input.json"), input);
  writeFileSync(join(folder, "output.json"), solc.compile(input));
  // Slither wants a compiler's binary: this one says its version and what the npm package has answered
  const compiler = join(folder, "solc");
  const script = `#!/bin/sh\n[ "$1" = --version ] && echo "Version: ${solc.version()}" || cat "${folder}/output.json"\n`;
  writeFileSync(compiler, script, { mode: 0o755 });

  const options = ["--compile-force-framework", "solc-json", "--solc", compiler];
  // left out are the detectors of divisions (the calendars'), of comparisons with a block's time (days last for days) and
  // of assembly (precompiles are called in it)
  const about = ["--filter-paths", "@openzeppelin", "--exclude", "divide-before-multiply,timestamp,assembly"];
  const { status, error } = spawnSync(process.env.SLITHER ?? "slither", ["input.json", ...options, ...about], {
    cwd: folder,
    stdio: "inherit",
  });
  if (error) console.error(`cannot run Slither: ${error.message}`);
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true });
}
