// What pages do beyond links and forms: find a line, copy a command, and say whether what stands there is fresh.
"use strict";

document.addEventListener("input", (event) => {
  const field = event.target;
  if (field.dataset && field.dataset.filter) filter(field);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});

// What was found stays found when the table has been fetched anew.
document.addEventListener("htmx:afterSwap", () => {
  const field = document.querySelector("[data-filter]");
  if (field && kept) {
    field.value = kept;
    filter(field);
  }
});

// Nothing is taken away under the hands of somebody who is marking text, or writing into a field.
document.addEventListener("htmx:beforeRequest", (event) => {
  const fresh = document.getElementById("fresh");
  const selection = document.getSelection();
  const marking = selection && !selection.isCollapsed && fresh && fresh.contains(selection.anchorNode);
  const writing = fresh && fresh.contains(document.activeElement) && document.activeElement.matches("input, select, summary");
  if (event.target === fresh && (marking || writing)) event.preventDefault();
});

document.addEventListener("htmx:sseError", () => tell("not live: the proxy does not answer; what stands here is what was known last"));
document.addEventListener("htmx:sseOpen", () => tell("what stands here is kept up to date"));

const waiting = document.querySelector("[data-wait]");
if (waiting) setTimeout(() => location.reload(), Number(waiting.dataset.wait));

let kept = "";

function filter(field) {
  kept = field.value;
  const words = kept.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of document.querySelectorAll(field.dataset.filter + " tbody tr")) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
}

function copy(button) {
  const text = document.querySelector(button.dataset.copy).textContent;
  navigator.clipboard.writeText(text).then(
    () => { button.textContent = "Copied"; },
    () => { button.textContent = "Mark it and copy it by hand"; },
  );
}

function tell(words) {
  const place = document.getElementById("liveness");
  if (place) place.textContent = words;
}
