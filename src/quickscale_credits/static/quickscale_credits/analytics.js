// Draws what the tables say. Without this script they stand open, and each panel's title leads to its page.
(() => {
  const COLORS = 6;
  const drawn = new Map();
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const swatch = (index) => (index % COLORS) + 1;
  const number = new Intl.NumberFormat(document.documentElement.lang || undefined, { maximumFractionDigits: 6 });

  const isCrowded = (charted) => charted.places.length > 40;

  function dataset(series, index, charted) {
    const paint = color(`--chart-${swatch(index)}`);
    return {
      type: series.line ? "line" : "bar",
      label: series.label,
      data: series.values,
      backgroundColor: paint,
      borderColor: paint,
      borderWidth: series.line ? 2 : 0,
      pointRadius: isCrowded(charted) ? 0 : 3,
      ...(isCrowded(charted) ? { barPercentage: 1, categoryPercentage: 0.95 } : {}),
      tension: 0,
      ...(series.stacked ? { stack: "all" } : { stack: series.key }),
    };
  }

  function options(charted) {
    const [text, lines] = [color("--body-fg"), color("--hairline-color")];
    const stacked = charted.series.some((series) => series.stacked);
    return {
      maintainAspectRatio: false,
      animation: false,
      interaction: { mode: "index", intersect: false },
      scales: {
        x: { stacked, ticks: { color: text, maxRotation: 0, autoSkipPadding: 12 }, grid: { display: false } },
        y: {
          stacked,
          beginAtZero: true,
          ticks: { color: text, precision: charted.whole ? 0 : undefined, callback: (value) => number.format(value) },
          grid: { color: lines },
        },
      },
      plugins: {
        legend: { display: false },
        tooltip: {
          callbacks: {
            label: ({ datasetIndex, dataIndex }) =>
              `${charted.series[datasetIndex].label}: ${charted.series[datasetIndex].shown[dataIndex]}`,
          },
        },
      },
    };
  }

  function draw(figure) {
    const canvas = figure.querySelector("canvas");
    const charted = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
    const hidden = drawn.get(canvas)?.data.datasets.map((_, index) => !drawn.get(canvas).isDatasetVisible(index)) ?? [];
    drawn.get(canvas)?.destroy();
    canvas.parentElement.hidden = false;
    const datasets = charted.series.map((series, index) => dataset(series, index, charted));
    const chart = new Chart(canvas, { data: { labels: charted.places, datasets }, options: options(charted) });
    hidden.forEach((isHidden, index) => chart.setDatasetVisibility(index, !isHidden));
    chart.update();
    drawn.set(canvas, chart);
    if (datasets.length > 1) listSeries(figure, canvas, datasets);
  }

  function listSeries(figure, canvas, datasets) {
    const legend = figure.querySelector(".analytics-legend");
    if (legend.children.length) return;
    legend.hidden = false;
    datasets.forEach(({ label }, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", "true");
      const mark = document.createElement("span");
      mark.className = `analytics-swatch analytics-swatch-${swatch(index)}`;
      button.append(mark, label);
      button.addEventListener("click", () => {
        const chart = drawn.get(canvas);
        chart.setDatasetVisibility(index, !chart.isDatasetVisible(index));
        chart.update();
        button.setAttribute("aria-pressed", String(chart.isDatasetVisible(index)));
      });
      legend.append(button);
    });
  }

  function choose(charts, part) {
    for (const figure of charts.querySelectorAll("figure")) {
      figure.hidden = figure.dataset.part !== part;
      if (!figure.hidden) draw(figure);
    }
  }

  function open(charts) {
    charts.querySelectorAll("details").forEach((details) => (details.open = false));
    const choice = charts.querySelector("[data-choice]");
    if (choice) {
      choice.parentElement.hidden = false;
      choice.addEventListener("change", () => choose(charts, choice.value));
    }
    choose(charts, choice ? choice.value : charts.querySelector("figure").dataset.part);
  }

  const opened = new WeakSet();
  function openAll(root) {
    for (const charts of root.querySelectorAll("[data-charts]")) {
      if (!opened.has(charts)) open(charts);
      opened.add(charts);
    }
  }

  function redraw() {
    for (const canvas of drawn.keys()) {
      const figure = canvas.closest("figure");
      if (figure && !figure.hidden) draw(figure);
    }
  }

  document.querySelectorAll(".analytics-loading").forEach((note) => (note.hidden = false));
  openAll(document);
  document.addEventListener("htmx:afterSettle", () => openAll(document));
  for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(failure, ({ target }) => {
      target.querySelector(".analytics-loading")?.setAttribute("hidden", "");
      target.querySelector(".analytics-failed")?.removeAttribute("hidden");
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
})();
