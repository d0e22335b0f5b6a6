// A form says that it is busy until its answer is there, and is not sent a second time meanwhile: with htmx and without it.
(() => {
  const isBusy = (form) => form.getAttribute("aria-busy") === "true";

  const begin = (form, pressed) => {
    form.setAttribute("aria-busy", "true");
    const button = pressed ?? [...form.elements].find((element) => element.type === "submit");
    button?.classList.add("is-loading");
  };

  const end = (form) => {
    form.removeAttribute("aria-busy");
    [...form.elements].forEach((element) => element.classList.remove("is-loading"));
  };

  // Before htmx and all others hear of it.
  const refuseASecond = (event) => {
    if (!isBusy(event.target)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };

  document.addEventListener("submit", refuseASecond, true);
  // After all others: what none of them has called off is on its way.
  window.addEventListener("submit", ({ target, submitter, defaultPrevented }) => {
    if (!defaultPrevented && !target.target) begin(target, submitter);
  });
  document.addEventListener("htmx:beforeRequest", ({ detail: { elt, requestConfig } }) => {
    if (elt.matches("form")) begin(elt, requestConfig.triggeringEvent?.submitter);
    else elt.setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:afterRequest", ({ detail: { elt } }) => {
    if (elt.matches("form")) end(elt);
    else elt.removeAttribute("aria-busy");
  });
  // The browser's Back button shows a page as it was left: busy.
  window.addEventListener("pageshow", () => document.querySelectorAll("form[aria-busy]").forEach(end));
})();
