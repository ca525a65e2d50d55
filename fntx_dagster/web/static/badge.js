"use strict";
// The verdict of each series that the page names, checked in this browser by verify.html's script: of a badge, and of the
// page of a trader, one after the other.

(async () => {
  for (const part of document.querySelectorAll("[data-series]")) {
    const { series: place, own, node } = part.dataset;
    const verdict = part.querySelector(".verdict");
    const url = own ? new URL(own, location.href).href : (node ?? null);
    const conclude = ({ kind, text }) => {
      verdict.className = `verdict ${kind}`;
      verdict.textContent = text;
    };
    try {
      const answer = await fetch(place, { credentials: "omit", redirect: "error", cache: "no-store" });
      if (!answer.ok) {
        conclude({ kind: "bad", text: "This link has ended" });
        continue;
      }
      const series = fntx.readSeries(await answer.text());
      // an embedded chain is its owner's own, whichever node is asked
      const isOwn = series.entries.some(({ disclosure }) => disclosure !== null && BigInt(disclosure.chain_id) === 131277322940537n);
      conclude(fntx.verdictOf(await fntx.checkSeries(series, url), Boolean(own) || isOwn));
    } catch (error) {
      conclude({ kind: "bad", text: `Does not hold: ${error.message}` });
    }
  }
})();
