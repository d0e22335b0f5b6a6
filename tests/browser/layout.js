// What a page's layout gets wrong: what sticks out of the window, and what lies over something else.
() => {
  const name = (element) =>
    `<${element.tagName.toLowerCase()}${element.id ? "#" + element.id : ""}> ` +
    `${(element.innerText || element.getAttribute("name") || element.className || "").trim().slice(0, 40)}`;

  const shown = (element) =>
    element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && element.getClientRects().length > 0;

  const clipped = (element) => {
    for (let parent = element.parentElement; parent && parent !== document.body; parent = parent.parentElement) {
      if (getComputedStyle(parent).overflowX !== "visible") return true;
    }
    return false;
  };

  const faults = [];
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) {
    faults.push(`the page is ${document.documentElement.scrollWidth} px wide, the window ${width}`);
  }

  const everything = [...document.body.querySelectorAll("*")].filter(shown);
  for (const element of everything) {
    const box = element.getBoundingClientRect();
    const hiddenForSkipping = element.classList.contains("skip-link");
    if ((box.right > width + 1 || box.left < -1) && !clipped(element) && !hiddenForSkipping) {
      faults.push(`${name(element)} reaches from ${Math.round(box.left)} to ${Math.round(box.right)} px`);
    }
  }

  for (const element of everything) {
    if (["auto", "scroll"].includes(getComputedStyle(element).overflowX) && element.scrollWidth > element.clientWidth + 1) {
      if (!element.matches("textarea, input, pre")) faults.push(`${name(element)} has to be scrolled sideways`);
    }
  }

  const contents = "a, button, input, select, textarea, label, h1, h2, h3, h4, p, td, th, dt, dd, li, time, img, code";
  const boxes = everything
    .filter((element) => element.matches(contents))
    .map((element) => ({ element, rects: [...element.getClientRects()] }));
  const overlap = (one, other) =>
    Math.min(one.right, other.right) - Math.max(one.left, other.left) > 2 &&
    Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 2;
  boxes.forEach((one, index) => {
    for (const other of boxes.slice(index + 1)) {
      if (one.element.contains(other.element) || other.element.contains(one.element)) continue;
      if (one.rects.some((a) => other.rects.some((b) => overlap(a, b)))) {
        faults.push(`${name(one.element)} lies over ${name(other.element)}`);
      }
    }
  });
  return faults;
}
