// The code of a link stands behind the #, which no browser sends: it is put into the form, which is sent at once.
const code = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
if (/^[A-Za-z0-9_-]{16,64}$/.test(code)) {
  document.getElementById("code").value = code;
  document.getElementById("enter").submit();
}
