// What htmx could not send is told where it was sent from; without htmx the browser says so itself.
const lost = () => document.getElementById("connection-lost");
document.addEventListener("htmx:beforeRequest", () => (lost().hidden = true));
for (const failure of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(failure, () => {
    lost().hidden = false;
    lost().scrollIntoView({ block: "nearest" });
  });
}
