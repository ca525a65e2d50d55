// Follows /live for a page with an element with data-follow: when something comes that the page shows, the page is asked
// for again and what differs is put into it. So every figure is the server's, and the page is what a new one would be.
"use strict";
(() => {
  const place = document.querySelector("[data-follow]");
  if (!place) return;
  const FIRST_WAIT = 50, LEAST_PAUSE = 500, LONGEST_PAUSE = 30000;
  const kinds = place.dataset.kinds.split(" "), { account, book } = place.dataset;
  let upTo = Number(place.dataset.after), newest = 0, timer = 0, pause = FIRST_WAIT, isLoading = false;

  function say(words, good) {
    const shown = place.querySelector("[data-connection]");
    shown.textContent = words;
    shown.className = "state" + (good ? " good" : " bad");
  }

  function isShown(event) {
    if (!kinds.includes(event.kind)) return false;
    return (!account || event.account === Number(account)) && (!book || event.book === book);
  }

  // -- what differs -------------------------------------------------------------------------------------------------

  // what a part is known by where others come before it: so it is left in its place, with what is typed and focused
  function nameOf(node) {
    if (node.nodeType !== Node.ELEMENT_NODE) return "";
    const link = node.nodeName === "TR" && node.querySelector("a[href]");
    return node.id || (link && link.getAttribute("href")) || "";
  }

  function become(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    if (old === place || old.isEqualNode(fresh)) return;
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    becomeChildren(old, fresh);
  }

  function becomeChildren(old, fresh) {
    const named = new Map(), kept = new Set();
    for (const each of old.childNodes) if (nameOf(each) && !named.has(nameOf(each))) named.set(nameOf(each), each);
    let next = old.firstChild;
    for (const each of [...fresh.childNodes]) {
      const name = nameOf(each), same = name ? named.get(name) : next && !nameOf(next) ? next : null;
      if (!same || kept.has(same) || same.nodeName !== each.nodeName) {
        kept.add(old.insertBefore(each, next));
        continue;
      }
      if (same === next) next = next.nextSibling;
      else old.insertBefore(same, next);
      kept.add(same);
      become(same, each);
    }
    for (const each of [...old.childNodes]) if (!kept.has(each)) each.remove();
  }

  // -- when -----------------------------------------------------------------------------------------------------------

  function plan() {
    if (timer || isLoading || newest <= upTo || document.hidden) return;
    timer = setTimeout(load, pause);
  }

  async function load() {
    const began = performance.now();
    timer = 0;
    isLoading = true;
    try {
      const answer = await fetch(location.href, { headers: { "X-FNTX-Follows": "1" }, cache: "no-store", redirect: "manual" });
      const page = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page && page.querySelector("[data-follow]");
      if (fresh) {
        upTo = Number(fresh.dataset.after);
        becomeChildren(document.querySelector("main"), page.querySelector("main"));
        pause = Math.max(LEAST_PAUSE, 4 * (performance.now() - began));
      }
      if (!fresh) throw new Error("not loaded");
    } catch {
      say("not loaded anew: shown as it was", false);
      pause = Math.min(2 * Math.max(pause, LEAST_PAUSE), LONGEST_PAUSE);
    }
    isLoading = false;
    plan();
  }

  document.addEventListener("visibilitychange", plan);
  followStream({
    path: "/live", after: upTo, accounts: account, state: say, anew: () => location.reload(),
    event: (event) => {
      if (!isShown(event)) return;
      newest = event.id;
      plan();
    },
  });
})();
