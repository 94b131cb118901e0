"use strict";
/* Keys: an element with data-key is clicked (a link, a button) or focused (a field) by that key. */
document.documentElement.classList.add("scripted");
const typing = (target) => target instanceof Element && target.closest("input:not([type=hidden]), textarea, select") !== null;
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.form) {
    event.preventDefault();
    event.target.form.requestSubmit();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
  if (typing(event.target)) return;
  const found = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!found) return;
  event.preventDefault();
  if (found.matches("input, textarea, select")) found.focus(); else found.click();
});
