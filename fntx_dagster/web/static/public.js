"use strict";
// The page of a link: takes its series from the server, has it checked by verify.html's script, and shows what came out.

(() => {
  const at = (id) => document.getElementById(id);
  const { series: place, own } = at("main").dataset;
  const ownNode = own ? new URL(own, location.href).href : null;
  if (ownNode) at("node").value = ownNode;
  const claimed = new Map([...at("days").rows].map((row) => [row.dataset.day, linesOf(row)]));
  const words = new Map([...at("days").querySelectorAll(".words")].map((part) => [nameOf(part.parentElement), part.cloneNode(true)]));
  let run = 0;

  function linesOf(row) {
    return [...row.querySelectorAll("th, .shown li")].map(textOf).join("; ");
  }

  /** What a part says, without the words for the name of its metric: only this page has those. */
  function textOf(part) {
    const bare = part.cloneNode(true);
    bare.querySelector(".words")?.remove();
    return bare.textContent.trim();
  }

  function nameOf(line) {
    return textOf(line).split(" ", 1)[0];
  }

  /** Whether the records are on an embedded chain, which its owner alone runs, whichever node is asked. */
  function isOfOwnChain({ entries }) {
    return entries.some(({ disclosure }) => disclosure !== null && BigInt(disclosure.chain_id) === 131277322940537n);
  }

  function conclude({ kind, text }) {
    at("verdict").className = `verdict ${kind}`;
    at("verdict").textContent = text;
  }

  /** Where the page that came from the server says something else than the disclosures that came from it. */
  function contradictions(rows) {
    const shown = new Map(rows.filter((row) => row.querySelector(".shown li")).map((row) => [row.dataset.day, linesOf(row)]));
    return [...new Set([...claimed.keys(), ...shown.keys()])]
      .filter((day) => claimed.get(day) !== shown.get(day))
      .map((day) => `the owner's page said otherwise of ${day} than his disclosures: ${claimed.get(day) ?? "nothing"}`);
  }

  async function check() {
    const mine = ++run, node = at("node").value.trim();
    if (node && !/^https?:\/\//i.test(node)) return conclude({ kind: "bad", text: "The RPC URL begins with http:// or https://" });
    const names = fntx.witnessNames(at("witnesses").value);
    if (names === null) return conclude({ kind: "bad", text: "A witness is 0x and 40 hex digits, =, a name; a comma between two" });
    conclude({ kind: "open", text: "Checking …" });
    let series;
    try {
      const answer = await fetch(place, { credentials: "omit", redirect: "error", cache: "no-store" });
      if (!answer.ok) return conclude({ kind: "bad", text: "This link has ended" });
      series = fntx.readSeries(await answer.text());
    } catch (error) {
      if (mine === run) conclude({ kind: "bad", text: `Does not hold: the owner's server sends no series (${error.message})` });
      return;
    }
    const result = await fntx.checkSeries(series, node || null, (done, of) => {
      if (mine === run) conclude({ kind: "open", text: `Checking … ${done} of ${of} days` });
    }, names);
    if (mine !== run) return;
    const rows = fntx.seriesRows(result), lies = contradictions(rows);
    result.problems.push(...lies);
    at("lines").replaceChildren(...fntx.seriesLines(result).map((line) => {
      const made = document.createElement("li");
      made.textContent = line;
      return made;
    }));
    at("lines").hidden = false;
    for (const line of rows.flatMap((row) => [...row.querySelectorAll(".shown li")])) {
      const named = words.get(nameOf(line));
      if (named) line.prepend(named.cloneNode(true), " ");
    }
    at("days").replaceChildren(...rows);
    conclude(fntx.verdictOf(result, isOfOwnChain(series) || (ownNode !== null && node === ownNode)));
  }

  at("asking").addEventListener("submit", (event) => {
    event.preventDefault();
    check();
  });
  check();
})();
