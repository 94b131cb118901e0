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
    if (focus) { answer.focus({preventScroll: true}); answer.scrollIntoView({block: "start"}); }
  };
  const marked = () => list.querySelector(".answer.marked");
  const beside = (step) => all()[all().indexOf(marked()) + step];
  const named = location.hash ? document.getElementById(location.hash.slice(1)) : null;
  mark(named ?? list.querySelector(".answer:not(:has(.take-back))") ?? all()[0], named !== null);
  list.addEventListener("focusin", (event) => { if (event.target.closest(".answer:not(.marked)")) mark(event.target.closest(".answer"), false); });
  const away = "The review desk does not answer: nothing was saved. Look whether it still runs, then send it again.";
  const underway = new Map(), own = new Map(); /* by answer: the last decision under way; what `seen` became by one's own decision */
  let line = Promise.resolve(), waiting = 0; /* decisions go one after another, while the next answer is looked at */
  const send = async (id, action, words, body) => {
    let text = away, taken = false;
    while (own.has(`${id} ${body.get("seen")}`)) body.set("seen", own.get(`${id} ${body.get("seen")}`));
    try {
      const reply = await fetch(action, {method: "POST", body, headers: {"x-fragment": "1"}});
      text = await reply.text();
      taken = reply.ok;
    } catch { /* the answer says so */ }
    waiting -= 1;
    if (underway.get(id) === body) underway.delete(id);
    const stays = marked()?.id === id;
    if (taken) settle(id, text, body); else refuse(document.getElementById(id), words, text);
    tell();
    if (taken && stays && !body.has("take_back") && all().at(-1).id === id && !waiting && !list.querySelector(".refused")) list.querySelector("[rel=next]")?.click();
  };
  const settle = (id, text, body) => { /* what was typed since stays, and where */
    const stays = marked()?.id === id, at = document.activeElement?.id, before = body.get("seen");
    const typed = [...document.getElementById(id).querySelectorAll(".giving input:not([type=hidden])")].filter((field) => field.value !== field.defaultValue && field.value !== body.get(field.name));
    for (const part of [...new DOMParser().parseFromString(text, "text/html").body.children]) document.getElementById(part.id)?.replaceWith(part);
    const answer = document.getElementById(id), seen = answer.querySelector("[name=seen]").value, there = answer.querySelector(`input[id="${CSS.escape(at ?? "")}"]`);
    if (before !== null && seen !== before) own.set(`${id} ${before}`, seen);
    if (stays) mark(answer, !there);
    for (const field of typed) document.getElementById(field.id).value = field.value;
    there?.focus();
  };
  const refuse = (answer, words, text) => { /* the page that says why becomes a part of the answer, with its form */
    const part = document.createElement("section"), title = document.createElement("h3");
    const page = new DOMParser().parseFromString(text, "text/html").querySelector("main");
    part.className = "refused banner bad";
    part.dataset.words = title.textContent = words;
    title.prepend("Not saved: ");
    part.append(title);
    for (const element of page?.querySelectorAll("[id], [for], [role]") ?? []) {
      element.removeAttribute("role");
      for (const name of ["id", "for"]) if (element.hasAttribute(name)) element.setAttribute(name, `${answer.id}-${element.getAttribute(name)}`);
    }
    for (const heading of page?.querySelectorAll("h1, h2") ?? []) heading.replaceWith(Object.assign(document.createElement("p"), {textContent: heading.textContent}));
    page?.querySelector('p:has(> a[href="/"])')?.remove();
    part.append(...(page ? page.children : [Object.assign(document.createElement("p"), {textContent: text})]));
    answer.querySelector(".refused")?.remove();
    answer.append(part);
    if (text === away) part.dataset.away = "";
  };
  const tell = () => { /* whose decisions were not saved */
    const place = list.querySelector("[data-trouble]"), refused = [...list.querySelectorAll(".refused")];
    const links = refused.map((part) => {
      const answer = part.closest(".answer"), link = Object.assign(document.createElement("a"), {href: `#${answer.id}`, textContent: answer.querySelector("h2").textContent.trim()});
      link.addEventListener("click", (event) => { event.preventDefault(); mark(answer); });
      return link;
    });
    place.replaceChildren(refused.some((part) => part.dataset.away === "") ? `${away} ` : "", refused.length ? "Not saved: " : "", ...links.flatMap((link, n) => n ? [", ", link] : [link]));
    place.classList.toggle("unseen", !refused.length);
  };
  const press = (form, button) => {
    const answer = form.closest(".answer"), body = new URLSearchParams(new FormData(form));
    if (button?.name) body.set(button.name, button.value);
    if (underway.get(answer.id)?.told === body.toString()) return; /* a key or a button that was pressed twice */
    body.told = body.toString();
    const shown = button instanceof Element ? button.cloneNode(true) : null;
    shown?.querySelector("kbd")?.remove();
    const words = form.closest(".refused")?.dataset.words ?? (body.has("take_back") ? "Take back" : body.get("level") ? shown.textContent.trim() : `${body.get("points")} points`);
    for (const other of list.querySelectorAll(".answer:not(:has(.take-back)) .giving [name=reason]")) if (body.get("reason") && other.value === other.defaultValue) other.value = other.defaultValue = body.get("reason");
    waiting += 1;
    underway.set(answer.id, body);
    line = line.then(() => send(answer.id, form.action, words, body));
    if (!body.has("take_back")) mark(all()[all().indexOf(answer) + 1]);
  };
  const takeBack = (answer) => { /* a decision that is under way can be taken back too */
    const form = answer?.querySelector(".giving");
    if (form && (answer.querySelector(".take-back") || underway.has(answer.id))) press(form, {name: "take_back", value: "1"});
  };
  list.addEventListener("submit", (event) => { event.preventDefault(); press(event.target, event.submitter); });
  window.addEventListener("beforeunload", (event) => { if (waiting || list.querySelector(".refused")) event.preventDefault(); });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const found = {j: () => mark(beside(1)), k: () => mark(beside(-1)), e: () => marked()?.querySelector("[name=points]")?.select(),
      m: () => marked()?.querySelector("[name=reason]")?.focus(), u: () => takeBack(marked())}[event.key]
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
