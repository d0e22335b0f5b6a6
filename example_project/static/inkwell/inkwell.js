// Forms say that they are busy while the answer is on its way, with htmx and without it.
const setBusy = (form, busy) => {
  form.setAttribute("aria-busy", busy);
  form.querySelectorAll("button[type=submit]").forEach((button) => button.classList.toggle("is-loading", busy));
};

document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented || event.target.matches("[hx-post], [hx-get]")) setBusy(event.target, true);
});
document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.target.closest("form");
  if (form) setBusy(form, false);
});
// The browser's Back button shows the page as it was left: busy.
window.addEventListener("pageshow", () => document.querySelectorAll("form[aria-busy]").forEach((form) => setBusy(form, false)));
