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
  if (event.key === "s" && typed?.isConnected) { event.preventDefault(); typed.requestSubmit(); return; }
  const found = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!found) return;
  event.preventDefault();
  unfold(found);
  if (found.matches("input, textarea, select")) found.focus(); else found.click();
});
let typed = null; /* the form that was typed in last: s sends it */
document.addEventListener("input", (event) => { if (event.target.form?.method === "post") typed = event.target.form; });
const unfold = (element) => { for (let fold = element.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true; };
const sendAsPage = (form, button) => { /* what is refused becomes a page, which keeps what was typed */
  const pressed = Object.assign(document.createElement("input"), {type: "hidden", name: button?.name ?? "", value: button?.value ?? ""});
  form.append(pressed);
  form.submit();
  return pressed;
};
/* One check across the class: one answer is marked; j and k move on, a digit gives its level, and no page is loaded. */
document.addEventListener("DOMContentLoaded", () => {
  const list = document.querySelector("[data-answers]");
  if (!list) return;
  const all = () => [...list.querySelectorAll(".answer")];
  const mark = (answer, focus = true) => {
    if (!answer) return;
    for (const other of all()) { other.classList.toggle("marked", other === answer); other.removeAttribute("aria-current"); }
    answer.setAttribute("aria-current", "true");
    if (focus) { answer.focus({preventScroll: true}); answer.scrollIntoView({block: "nearest"}); }
  };
  const marked = () => list.querySelector(".answer.marked");
  const beside = (step) => all()[all().indexOf(marked()) + step];
  const told = () => list.querySelector("[data-trouble]").textContent;
  const tell = (words) => { const place = list.querySelector("[data-trouble]"); place.textContent = words; place.classList.toggle("unseen", !words); };
  const named = location.hash ? document.getElementById(location.hash.slice(1)) : null;
  mark(named ?? list.querySelector(".answer:not(:has(.take-back))") ?? all()[0], named !== null);
  list.addEventListener("focusin", (event) => { if (event.target.closest(".answer:not(.marked)")) mark(event.target.closest(".answer"), false); });
  let line = Promise.resolve(), waiting = 0, refused = null; /* decisions go one after another, while the next answer is looked at */
  const send = async (form, button, body) => {
    const answer = form.closest(".answer");
    let text = "";
    try {
      const reply = await fetch(form.action, {method: "POST", body, headers: {"x-fragment": "1"}});
      if (reply.ok) text = await reply.text(); else refused ??= [form, button];
    } catch {
      if (!told()) mark(answer);
      tell("The review desk does not answer: nothing was saved. Look whether it still runs, then send it again.");
      delete form.dataset.sent;
    }
    waiting -= 1;
    if (text) settle(answer, text, body);
    if (refused && !waiting) sendAsPage(...refused);
  };
  const settle = (answer, text, body) => {
    const stays = marked() === answer, last = answer === all().at(-1);
    for (const part of [...new DOMParser().parseFromString(text, "text/html").body.children]) {
      document.getElementById(part.id)?.replaceWith(part);
      if (stays && part.matches(".answer")) mark(part);
    }
    tell("");
    if (last && stays && !body.has("take_back") && !waiting) list.querySelector("[rel=next]")?.click();
  };
  list.addEventListener("submit", (event) => {
    const form = event.target, button = event.submitter, body = new URLSearchParams(new FormData(form));
    event.preventDefault();
    if (form.dataset.sent) return;
    if (button?.name) body.set(button.name, button.value);
    form.dataset.sent = "1";
    for (const other of list.querySelectorAll(".answer:not(:has(.take-back)) [name=reason]")) if (body.get("reason") && other.value === other.defaultValue) other.value = other.defaultValue = body.get("reason");
    waiting += 1;
    line = line.then(() => send(form, button, body));
    if (!body.has("take_back")) mark(all()[all().indexOf(form.closest(".answer")) + 1]);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const found = {j: () => mark(beside(1)), k: () => mark(beside(-1)), e: () => marked()?.querySelector("[name=points]")?.select(),
      m: () => marked()?.querySelector("[name=reason]")?.focus(), u: () => marked()?.querySelector(".take-back")?.click()}[event.key]
      ?? (/^[1-9]$/.test(event.key) ? () => marked()?.querySelector(`[data-level="${event.key}"]`)?.click() : null);
    if (found) { event.preventDefault(); found(); }
  });
});
/* One submission: j and k go through the checks, e to the points of the one that is marked. Nothing that is typed is lost:
   leaving asks first, and a desk that does not answer leaves the page as it is. */
document.addEventListener("DOMContentLoaded", () => {
  const work = document.querySelector("main.submission");
  if (!work) return;
  const checks = [...work.querySelectorAll("[data-check]")], marked = () => checks.findIndex((check) => check.classList.contains("marked"));
  const mark = (check, focus = true) => {
    if (!check) return;
    for (const other of checks) { other.classList.toggle("marked", other === check); other.removeAttribute("aria-current"); }
    check.setAttribute("aria-current", "true");
    if (focus) { check.focus({preventScroll: true}); check.scrollIntoView({block: "nearest"}); }
  };
  mark(checks.find((check) => `#${check.id}` === location.hash), false);
  work.addEventListener("focusin", (event) => { const check = event.target.closest("[data-check]:not(.marked)"); if (check) mark(check, false); });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const points = checks[marked()]?.querySelector("[data-points]");
    const found = {j: () => mark(checks[marked() + 1]), k: () => mark(checks[marked() - 1]), e: () => { if (points) { unfold(points); points.select(); } }}[event.key]
      ?? (/^[1-9]$/.test(event.key) ? () => checks[marked()]?.querySelector(`[name="level"][value="${event.key}"]`)?.click() : null);
    if (found) { event.preventDefault(); found(); }
  });
  work.addEventListener("click", (event) => {
    const line = event.target.closest(".line");
    if (!line || !getSelection().isCollapsed) return;
    const fold = line.closest(".cell").querySelector(":scope > .write");
    fold.open = true;
    fold.querySelector("[name=line]").value = line.dataset.line;
    fold.querySelector("textarea").focus();
  });
  let sent = null, pressed = null;
  const changed = (form) => [...form.elements].some((field) => field.matches("textarea, input:not([type=hidden], [type=checkbox], [name=line])") && field.value !== field.defaultValue);
  window.addEventListener("beforeunload", (event) => {
    if (![...work.querySelectorAll("form")].some((form) => form !== sent && changed(form))) return;
    event.preventDefault();
    setTimeout(() => { pressed?.remove(); sent = null; }); /* who stays has sent nothing */
  });
  work.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (sent) return;
    sent = event.target;
    const told = work.querySelector("[data-trouble]");
    try {
      await fetch("/keys", {method: "HEAD"});
    } catch {
      told.textContent = "The review desk does not answer: nothing was saved, and what you typed is still here. Look whether it still runs, then send it again.";
      told.classList.remove("unseen");
      told.scrollIntoView({block: "nearest"});
      sent = null;
      return;
    }
    pressed = sendAsPage(sent, event.submitter);
  });
});
/* What if: while a person types or slides, the preview and the sentences beside the fields are fetched. */
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("[data-what-if]");
  if (!form) return;
  let waiting = 0, asked = 0;
  const ask = async () => {
    const mine = ++asked, body = new URLSearchParams(new FormData(form));
    let text;
    try {
      const answer = await fetch(form.action, {method: "POST", body, headers: {"x-fragment": "1"}});
      text = await answer.text();
      if (mine !== asked) return;
      if (!answer.ok) { form.submit(); return; } /* the file was edited: that is a page of its own */
    } catch {
      document.getElementById("preview").textContent = "The review desk does not answer: look whether it still runs.";
      return;
    }
    const reason = document.activeElement?.id === "reason";
    if (reason && document.getElementById("reason").value !== body.get("reason")) { wait(); return; }
    for (const part of [...new DOMParser().parseFromString(text, "text/html").body.children]) {
      document.getElementById(part.id)?.replaceWith(part);
      form.querySelector(`[aria-describedby="${CSS.escape(part.id)}"]`)?.toggleAttribute("aria-invalid", part.textContent !== "");
    }
    for (const field of form.querySelectorAll("[aria-invalid]")) field.setAttribute("aria-invalid", "true");
    if (reason) document.getElementById("reason")?.focus();
  };
  const wait = () => { clearTimeout(waiting); waiting = setTimeout(ask, 150); };
  const typed = (field) => {
    field.closest(".number").classList.toggle("other", field.value.trim() !== field.dataset.was);
    const slider = form.querySelector(`[data-slides="${CSS.escape(field.name)}"]`);
    if (slider && field.value.trim() !== "") slider.value = field.value.replace(",", ".");
    wait();
  };
  form.addEventListener("input", (event) => {
    const slid = event.target.dataset.slides;
    if (slid) { const field = form.elements[slid]; field.value = event.target.value; typed(field); }
    else if (event.target.dataset.was !== undefined) typed(event.target);
  });
  form.addEventListener("keydown", (event) => {
    const way = {ArrowUp: 1, ArrowDown: -1}[event.key], step = Number(event.target.dataset.step), now = Number(event.target.value || NaN);
    if (!way || !step || Number.isNaN(now)) return;
    event.preventDefault();
    event.target.value = String(Math.round((now + way * step) * 1e6) / 1e6);
    typed(event.target);
  });
});
