// The pieces of a service that streams are shown as they come. Without scripts its form is sent like any other.
const show = (output, piece) => {
  if (piece.html !== undefined) return output.insertAdjacentHTML("beforeend", piece.html);
  if (!output.lastElementChild?.matches("p.service-text")) {
    output.append(Object.assign(document.createElement("p"), { className: "service-text" }));
  }
  output.lastElementChild.append(piece.text);
};

// What the server has drawn anew, in the place of what has the same id.
const replace = (html) => {
  const drawn = document.createElement("template");
  drawn.innerHTML = html;
  [...drawn.content.children].forEach((part) => document.getElementById(part.id)?.replaceWith(part));
  document.getElementById("service").scrollIntoView({ block: "nearest" });
};

// https://html.spec.whatwg.org/multipage/server-sent-events.html, as far as our own server uses it.
const events = async function* (response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const field = (name) => block.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      // A block without data is a heartbeat.
      if (field("data") !== undefined) yield { kind: field("event") ?? "piece", data: JSON.parse(field("data")) };
    }
  }
};

const read = async (response, section) => {
  for await (const { kind, data } of events(response)) {
    if (kind !== "piece") return replace(data.html);
    section.hidden = false;
    show(section.querySelector("[data-stream-output]"), data);
  }
  throw new Error("the stream ended early");
};

const setBusy = (form, busy) => {
  form.setAttribute("aria-busy", busy);
  form.querySelectorAll("button").forEach((button) => {
    button.disabled = busy;
    button.classList.toggle("is-loading", busy && button.type === "submit");
  });
};

const send = async (form, body) => {
  const around = form.closest("#service");
  const response = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/event-stream" } });
  if (response.redirected) return location.assign(response.url);
  const isStream = response.headers.get("Content-Type").startsWith("text/event-stream");
  return isStream ? read(response, around.querySelector("[data-stream-live]")) : replace(await response.text());
};

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form[data-stream]") || !window.TextDecoderStream) return;
  event.preventDefault();
  const body = new FormData(form, event.submitter);
  setBusy(form, true);
  form.closest("#service").querySelector("[data-stream-lost]").hidden = true;
  try {
    await send(form, body);
  } catch {
    setBusy(form, false);
    form.closest("#service").querySelector("[data-stream-lost]").hidden = false;
  }
});
