// The connection to /live, for the scripts of pages that follow it: made anew with the id that it has got to.
"use strict";

// follower: path; after, an event's id; accounts, their numbers with commas, or nothing for all; and what is called:
// event(event) of each once; soon(event), not written yet; writers(said); state(words, good); anew(), to load the page.
function followStream(follower) {
  const NOT_ALLOWED = 1008, FIRST_WAIT = 500, LONGEST_WAIT = 30000;
  let after = follower.after, wait = FIRST_WAIT, socket = null, timer = 0, over = false;

  function take(event) {
    if (event.id <= after) return;
    after = event.id;
    follower.event(event);
  }

  function hello(said) {
    // the events after ours are gone, or this is another database: begin anew
    if (said.id < after || (after > 0 && said.oldest > after + 1)) follower.anew();
    wait = FIRST_WAIT;
    follower.state("live", true);
  }

  function writers(said) {
    if (said.stream) follower.state("live", true);
    else follower.state("connected; the database does not answer", false);
    if (follower.writers) follower.writers(said);
  }

  function connect() {
    clearTimeout(timer);
    if (over || socket) return;
    const address = new URL(follower.path, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    address.searchParams.set("after", String(after));
    if (follower.accounts) address.searchParams.set("accounts", follower.accounts);
    socket = new WebSocket(address);
    socket.onmessage = (message) => {
      const said = JSON.parse(message.data);
      if (Array.isArray(said)) said.forEach(take);
      else if (said.soon && follower.soon) said.soon.forEach(follower.soon);
      else if (said.hello) hello(said);
      else if (said.writers) writers(said.writers);
    };
    socket.onclose = (closed) => {
      socket = null;
      if (closed.code === NOT_ALLOWED) {
        over = true;
        follower.state("not allowed any more: load the page again", false);
        return;
      }
      follower.state("not connected: shown as it was", false);
      timer = setTimeout(connect, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, LONGEST_WAIT);
    };
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !socket) connect();
  });
  addEventListener("pagehide", () => { if (socket) socket.close(1000); });
  follower.state("connecting", false);
  connect();
}
