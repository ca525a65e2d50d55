// The code of a link stands behind the #, which no browser sends: it is put into the form, which is sent at once unless
// somebody is signed in already: a page of others can lead here by a link of theirs. Where the page is shown already, a
// link that is pasted changes no more than what stands behind the #.
addEventListener("hashchange", () => location.hash.length > 1 && location.reload());
const code = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
if (/^[A-Za-z0-9_-]{16,64}$/.test(code)) {
  const form = document.getElementById("enter");
  document.getElementById("code").value = code;
  if (!form.dataset.asks) form.submit();
}
