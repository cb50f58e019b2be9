// What pages gain where scripts run. Every page works without.
"use strict";

const say = (() => {
  const region = document.createElement("p");
  region.className = "skip";
  region.setAttribute("role", "status");
  document.body.append(region);
  return (text) => { region.textContent = text; };
})();

// What only works here is hidden until now.
const reveal = (root) => {
  for (const part of root.querySelectorAll("[data-copy], [data-reveal], [data-scripted]")) part.hidden = false;
  for (const time of root.querySelectorAll("time[datetime]")) {
    const local = new Date(time.dateTime);
    if (!Number.isNaN(local.valueOf())) time.title = `${time.title || time.dateTime} · ${local.toLocaleString()} here`;
  }
};
reveal(document);

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const source = document.querySelector(copy.dataset.copy);
    await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
    const label = copy.textContent;
    copy.textContent = "Copied";
    say("Copied");
    setTimeout(() => { copy.textContent = label; }, 2000);
    return;
  }
  const show = event.target.closest("[data-reveal]");
  if (show) {
    const field = document.querySelector(show.dataset.reveal);
    const shown = field.type === "text";
    field.type = shown ? "password" : "text";
    show.setAttribute("aria-pressed", String(!shown));
    return;
  }
  // A question that has a page of its own is asked in a dialog.
  const ask = event.target.closest("a[data-ask]");
  if (!ask || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const answer = await fetch(ask.href).catch(() => null);
  const page = answer?.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
  const question = page && !answer.redirected && page.querySelector("[data-question]");
  if (!question) { location.assign(ask.href); return; }
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "question");
  const heading = document.createElement("h2");
  heading.id = "question";
  heading.textContent = page.querySelector("h1").textContent;
  dialog.append(heading, document.adoptNode(question));
  for (const away of dialog.querySelectorAll("[data-cancel]")) {
    away.addEventListener("click", (click) => { click.preventDefault(); dialog.close(); });
  }
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
});

// A file goes into the field that is sent.
document.addEventListener("change", async (event) => {
  const into = event.target.dataset?.into;
  if (into && event.target.files[0]) document.querySelector(into).value = await event.target.files[0].text();
});

// A code behind the # of a link never left this browser.
for (const field of document.querySelectorAll("[data-from-link]")) {
  if (location.hash.length > 1) {
    field.value = decodeURIComponent(location.hash.slice(1));
    history.replaceState(null, "", location.pathname + location.search);
  }
}

// A part of a page that is kept up to date: less often when nothing answers, and not while nobody looks.
for (const part of document.querySelectorAll("[data-live]")) {
  const every = Number(part.dataset.every || 2000);
  let wait = every;
  const look = async () => {
    if (!document.hidden) {
      const answer = await fetch(part.dataset.live, { headers: { "X-Requested-With": "fetch" } }).catch(() => null);
      if (answer?.ok && !answer.redirected) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById(part.id);
        if (fresh && fresh.innerHTML !== part.innerHTML) {
          part.replaceChildren(...document.adoptNode(fresh).childNodes);
          reveal(part);
        }
        wait = every;
      } else {
        wait = Math.min(wait * 2, 60_000);
      }
    }
    setTimeout(look, wait);
  };
  setTimeout(look, wait);
}

document.querySelector("[data-focus]")?.focus();
