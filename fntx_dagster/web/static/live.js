// Follows /live for the page that has an element with data-stream, and writes what comes into its elements.
// Amounts are texts and are rounded as texts, half-even, as the server does. The same event is taken once.
"use strict";
(() => {
  const root = document.querySelector("[data-stream]");
  if (!root) return;
  const account = Number(root.dataset.account);

  const find = (name) => root.querySelector("[" + name + "]");

  // -- amounts -----------------------------------------------------------------------------------------------------

  function rounded(text, places) {
    const match = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text);
    if (!match) return text;
    const fraction = (match[3] || "").padEnd(places, "0");
    let digits = BigInt(match[2] + fraction.slice(0, places));
    const rest = fraction.slice(places);
    if (rest) {
      const half = "5".padEnd(rest.length, "0");
      if (rest > half || (rest === half && digits % 2n === 1n)) digits += 1n;
    }
    const plain = digits.toString().padStart(places + 1, "0");
    const whole = plain.slice(0, plain.length - places).replace(/\B(?=(\d{3})+$)/g, ",");
    return (match[1] && digits ? "-" : "") + whole + (places ? "." + plain.slice(-places) : "");
  }

  function exact(text) {
    return /\./.test(text) ? text.replace(/\.?0+$/, "") : text;
  }

  const NONE = "–";
  function shown(form, value) {
    if (value === null || value === undefined) return NONE;
    if (form === "amount") return rounded(value, 2);
    if (form === "gained") return (/^-|^0*\.?0*$/.test(rounded(value, 2).replace(/,/g, "")) ? "" : "+") + rounded(value, 2);
    if (form === "percent") return rounded(hundredfold(value), 2) + " %";
    if (form === "exact") return exact(value);
    return String(value);
  }

  function hundredfold(text) {
    const [whole, fraction = ""] = text.split(".");
    const moved = whole + fraction.padEnd(2, "0").slice(0, 2);
    return moved.replace(/^(-?)0+(?=\d)/, "$1") + "." + (fraction.slice(2) || "0");
  }

  function moment(text) {
    return text.slice(0, 10) + " " + text.slice(11, 19) + " UTC";
  }

  function put(cell, form, value) {
    cell.textContent = shown(form, value);
    if (form === "gained") {
      cell.classList.remove("gain", "loss");
      const digits = cell.textContent;
      if (digits.startsWith("+")) cell.classList.add("gain");
      if (digits.startsWith("-")) cell.classList.add("loss");
    }
  }

  // -- events ------------------------------------------------------------------------------------------------------

  function row(body, key) {
    for (const each of body.rows) if (each.dataset.key === key) return each;
    return null;
  }

  function cell(line, tag, text, options) {
    const made = document.createElement(tag);
    made.textContent = text;
    if (tag === "th") made.scope = "row";
    if (options.word) made.className = "word";
    if (options.field) made.dataset.field = options.field;
    if (options.form) made.dataset.form = options.form;
    line.append(made);
    return made;
  }

  function state(event) {
    for (const each of root.querySelectorAll('dd[data-live="' + event.kind + '"]')) {
      put(each, each.dataset.form, event.body[each.dataset.field]);
    }
  }

  function position(event) {
    const body = root.querySelector('tbody[data-live="position"]'), known = row(body, event.key);
    if (/^-?0*\.?0*$/.test(event.body.quantity)) {
      if (known) known.remove();
      return;
    }
    const fields = [["quantity", "exact"], ["mark", "exact"], ["market_value", "amount"], ["average_cost", "amount"], ["currency", ""]];
    const line = known || document.createElement("tr");
    if (!known) {
      line.dataset.key = event.key;
      cell(line, "th", event.body.contract.description, { word: true });
      for (const [field, form] of fields) cell(line, "td", "", { field, form, word: field === "currency" });
      body.append(line);
    }
    for (const each of line.querySelectorAll("[data-field]")) put(each, each.dataset.form, event.body[each.dataset.field]);
  }

  // an execution's id ends with its version: of a corrected one the highest counts
  function version(execution) {
    const match = /^(.*)\.(\d+)$/.exec(execution);
    return match ? [match[1], Number(match[2])] : [execution, 0];
  }

  function fill(event) {
    const said = event.body, body = root.querySelector('tbody[data-live="fill"]');
    if (!said.execution_id || event.day !== root.dataset.day) return;
    const [name, number] = version(said.execution_id);
    let corrected = null;
    for (const each of body.rows) {
      const [other, earlier] = version(each.dataset.key);
      if (other !== name) continue;
      if (earlier >= number) return;
      corrected = each;
    }
    const line = document.createElement("tr");
    line.dataset.key = said.execution_id;
    cell(line, "th", moment(event.as_of), { word: true });
    cell(line, "td", said.contract.description, { word: true });
    cell(line, "td", exact(said.quantity), {});
    cell(line, "td", exact(said.price), {});
    cell(line, "td", "to come", { field: "commission" });
    cell(line, "td", NONE, { field: "realised" });
    cell(line, "td", said.currency, { word: true });
    if (corrected) corrected.replaceWith(line);
    else body.append(line);
  }

  function commission(event) {
    const line = row(root.querySelector('tbody[data-live="fill"]'), event.body.execution_id);
    if (!line) return;
    for (const field of ["commission", "realised"]) {
      const value = event.body[field], unit = value === null ? "" : " " + event.body.currency;
      line.querySelector('[data-field="' + field + '"]').textContent = shown("gained", value) + unit;
    }
  }

  // -- how it is followed: while the gateway is not, or the page is not connected, nothing is called live ---------------

  let followed = { state: find("data-gateway").dataset.gateway, reason: find("data-reason").textContent };
  let isAway = followed.state === "not_followed", connection = ["connecting", false];

  function badge(element, words, good) {
    element.textContent = words;
    element.className = "state" + (good === undefined ? "" : good ? " good" : " bad");
  }

  function states() {
    const name = isAway ? "not_followed" : followed.state, words = root.querySelector('[data-state="' + name + '"]');
    const [said, isConnected] = connection, isFollowing = name === "following";
    badge(find("data-gateway"), words ? words.textContent : name, isConnected ? isFollowing : isFollowing ? undefined : false);
    badge(find("data-connection"), isConnected && !isFollowing ? "connected, and nothing new comes" : said,
      isConnected && !isFollowing ? undefined : isConnected);
    const why = find("data-reason");
    why.textContent = isAway ? "" : followed.reason || "";
    why.hidden = !why.textContent;
  }

  const FIGURES = ["nav", "pnl", "margin", "position"]; // what "As of" is said of
  const handlers = {
    nav: state, pnl: state, margin: state, position, fill, commission,
    gateway: (event) => { followed = event.body; states(); },
    told: (event) => { if (event.day === root.dataset.day) find("data-told").hidden = false; },
    many: () => location.reload(),
  };

  function take(event) {
    root.dataset.after = String(event.id);
    if (event.account !== account) return;
    if (event.kind === "nav" && event.day && event.day > root.dataset.day) {
      location.reload(); // another session has begun
      return;
    }
    const handle = handlers[event.kind];
    if (handle) handle(event);
    const time = find("data-as-of");
    if (time && FIGURES.includes(event.kind)) time.textContent = moment(event.as_of);
  }

  followStream({
    path: root.dataset.stream, after: Number(root.dataset.after), accounts: String(account), event: take,
    soon: (event) => { if (event.account === account && event.kind === "fill") fill(event); },
    writers: (said) => { isAway = said.away.includes(account); states(); },
    state: (words, isConnected) => { connection = [words, isConnected]; states(); },
    anew: () => location.reload(),
  });
})();
