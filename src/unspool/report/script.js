(() => {
  "use strict";
  const report = JSON.parse(document.getElementById("report-data").textContent);
  const places = new Map([...document.querySelectorAll("[data-chart]")].map((node) => [node.dataset.chart, node]));
  const chosen = { series: 0, target: 0, step: 0, origin: 0 };
  const narrow = () => window.innerWidth < 640;
  const touch = window.matchMedia("(pointer: coarse)");
  // plotly.js offers to share a chart on its maker's server; this page sends nothing.
  const config = {
    responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "", showTips: false, displayNotifier: false,
    modeBarButtons: [["resetScale2d", "toImage"]],
  };
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let styles = getComputedStyle(document.documentElement);

  // Figures name colours as the style sheet does, so that both schemes live in one place.
  const variable = (name) => styles.getPropertyValue(name).trim();
  const coloured = (value) => {
    if (typeof value === "string") return value.startsWith("var(--") ? variable(value.slice(4, -1)) : value;
    if (Array.isArray(value)) return typeof value[value.length - 1] === "number" ? value : value.map(coloured);
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, coloured(one)]));
    return value;
  };

  const axis = (given) => ({
    gridcolor: variable("--grid"), linecolor: variable("--line"), zeroline: false, automargin: true, tickcolor: variable("--line"),
    ...given, title: { standoff: 10, font: { size: 12, color: variable("--soft") }, ...given.title },
    tickfont: { size: 12, color: variable("--soft"), ...given.tickfont },
  });

  const layout = (given) => {
    const styled = coloured(given);
    const axes = Object.fromEntries(Object.keys(styled).filter((key) => /^[xy]axis/.test(key)).map((key) => [key, axis(styled[key])]));
    return {
      font: { family: variable("--sans"), size: 12, color: variable("--ink") },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 8, r: 8, t: 32, b: 8 }, separators: ".,",
      modebar: { bgcolor: "rgba(0,0,0,0)", color: variable("--soft"), activecolor: variable("--ink") },
      dragmode: touch.matches ? false : "zoom",
      hoverlabel: { bgcolor: variable("--raised"), bordercolor: variable("--line"), font: { color: variable("--ink"), size: 12 } },
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", font: { size: 12 }, bgcolor: "rgba(0,0,0,0)" },
      ...styled, ...axes,
      annotations: (styled.annotations || []).map((note) => ({ ...note, font: { color: variable("--soft"), ...note.font } })),
    };
  };

  const draw = (name, figure) => {
    const node = places.get(name);
    if (!node || !figure) return undefined;
    // Names of many classes do not fit a small screen; a cell tells its own when it is touched.
    if (name === "confusion" && narrow() && figure.data[0].x.length > 10) {
      const { xaxis, yaxis } = figure.layout;
      figure = { ...figure, layout: { ...figure.layout, xaxis: { ...xaxis, showticklabels: false }, yaxis: { ...yaxis, showticklabels: false } } };
    }
    const bare = narrow() || touch.matches || name === "confusion";
    return Plotly.react(node, figure.data.map(coloured), layout(figure.layout), { ...config, displayModeBar: bare ? false : "hover" });
  };

  const bases = [["var(--base-0)", "dash"], ["var(--base-1)", "dot"], ["var(--base-2)", "dashdot"], ["var(--base-3)", "8px,3px"], ["var(--base-4)", "4px,2px"], ["var(--base-5)", "1px,4px"]];
  const line = (name, x, y, style, more) => ({ type: "scatter", mode: "lines", name, x, y, line: style, ...more });

  // Bands first, so that lines lie over them; a forecast of one step is a point.
  const answers = (part, x, target) => {
    const mode = x.length < 2 ? { mode: "markers", marker: { size: 8 } } : {};
    const traces = [];
    report.forecast.bands.forEach((name, index) => {
      const none = { width: 0, color: "var(--model)" };
      traces.push(line(name, x, part.high[index][target], none, { showlegend: false, hoverinfo: "skip", legendgroup: name, legendrank: 3 + index }));
      traces.push(line(name, x, part.low[index][target], none, { fill: "tonexty", fillcolor: "var(--band)", hoverinfo: "skip", legendgroup: name, legendrank: 3 + index }));
    });
    report.forecast.baselines.forEach((name, index) => {
      const [color, dash] = bases[index % bases.length];
      traces.push(line(name, x, part.base[index][target], { color, dash, width: 1.5 }, { ...mode, legendrank: 50 + index, visible: index === 0 || "legendonly" }));
    });
    traces.push(line("forecast", x, part.point[target], { color: "var(--model)", width: 2.5 }, { ...mode, legendrank: 2 }));
    return traces;
  };

  const span = (x, low, high) => [x[Math.max(0, low)], x[Math.min(x.length - 1, high)]];
  const known = (x) => x.filter((one) => one !== null);

  const originFigure = () => {
    const series = report.forecast.series[chosen.series];
    const origin = series.origins[Math.min(chosen.origin, series.origins.length - 1)];
    const length = origin.point[chosen.target].length;
    const x = series.x.slice(origin.at, origin.at + length);
    const before = Math.max(0, origin.at - 2 * length);
    const shown = known(series.x.slice(before, origin.at + length + Math.ceil(length / 4)));
    const truth = line("truth", series.x.slice(before, origin.at + 2 * length), series.truth[chosen.target].slice(before, origin.at + 2 * length), { color: "var(--truth)", width: 1.6 }, { legendrank: 1 });
    return {
      data: [...answers(origin, x, chosen.target), truth],
      layout: {
        hovermode: "x unified", uirevision: `${chosen.series} ${chosen.origin}`,
        xaxis: { range: span(shown, 0, shown.length - 1) },
        yaxis: { title: { text: report.forecast.targets[chosen.target] || "" } },
        shapes: [{ type: "line", xref: "x", yref: "paper", x0: x[0], x1: x[0], y0: 0, y1: 1, line: { color: "var(--soft)", width: 1, dash: "dot" } }],
      },
    };
  };

  const rollingFigure = () => {
    const series = report.forecast.series[chosen.series];
    const part = series.rolling[chosen.step];
    if (!part) return { data: [], layout: { annotations: [{ text: "too few forecasts in this series", showarrow: false }] } };
    const truth = line("truth", part.x, part.truth[chosen.target], { color: "var(--truth)", width: 1.4 }, { legendrank: 1 });
    return {
      data: [...answers(part, part.x, chosen.target), truth],
      layout: {
        hovermode: "x unified", uirevision: `${chosen.series}`,
        xaxis: { range: span(part.x, 0, Math.min(part.x.length - 1, narrow() ? 150 : 350)), rangeslider: { thickness: 0.14, bgcolor: "var(--wash)", bordercolor: "var(--line)", borderwidth: 1 } },
        yaxis: { title: { text: report.forecast.targets[chosen.target] || "" } },
      },
    };
  };

  const slider = document.querySelector("[data-origin]");
  const showOrigin = () => {
    if (!slider) return;
    const origins = report.forecast.series[chosen.series].origins;
    chosen.origin = Math.min(chosen.origin, origins.length - 1);
    slider.max = String(origins.length - 1);
    slider.value = String(chosen.origin);
    slider.disabled = origins.length < 2;
    const label = origins[chosen.origin].label;
    document.querySelector("[data-origin-label]").textContent = label;
    slider.setAttribute("aria-valuetext", label);
    document.querySelectorAll("[data-move]").forEach((button) => {
      const next = chosen.origin + Number(button.dataset.move);
      button.disabled = next < 0 || next >= origins.length;
    });
  };

  const figureOf = (name) => {
    if (name === "origin") return originFigure();
    if (name === "rolling") return rollingFigure();
    const figures = report.charts[name];
    return figures && figures[Math.min(chosen.target, figures.length - 1)];
  };
  const drawAll = (names = places.keys()) => {
    styles = getComputedStyle(document.documentElement);
    for (const name of names) draw(name, figureOf(name));
  };

  document.querySelectorAll("[data-choice]").forEach((select) => select.addEventListener("change", () => {
    const what = select.dataset.choice;
    chosen[what] = Number(select.value);
    document.querySelectorAll(`[data-choice="${what}"]`).forEach((other) => { other.value = select.value; });
    if (what === "series") { chosen.origin = 0; showOrigin(); }
    drawAll(what === "target" ? undefined : what === "step" ? ["rolling"] : ["origin", "rolling"]);
  }));
  const move = (to) => {
    chosen.origin = to;
    showOrigin();
    drawAll(["origin"]);
  };
  if (slider) slider.addEventListener("input", () => move(Number(slider.value)));
  document.querySelectorAll("[data-move]").forEach((button) => button.addEventListener("click", () => move(chosen.origin + Number(button.dataset.move))));

  dark.addEventListener("change", () => drawAll());
  // Paper is white whatever the screen is.
  const print = (on) => {
    document.documentElement.toggleAttribute("data-print", on);
    drawAll();
    if (on) for (const node of places.values()) Plotly.Plots.resize(node);
  };
  window.addEventListener("beforeprint", () => print(true));
  window.addEventListener("afterprint", () => print(false));

  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const watch = new IntersectionObserver((entries) => entries.forEach((entry) => {
    if (!entry.isIntersecting) return;
    links.forEach((link) => link.removeAttribute("aria-current"));
    links.get(entry.target.id)?.setAttribute("aria-current", "true");
  }), { rootMargin: "-10% 0px -80% 0px" });
  document.querySelectorAll("main > section").forEach((section) => watch.observe(section));

  if (report.forecast) {
    chosen.origin = Math.floor(report.forecast.series[0].origins.length / 2);
    showOrigin();
  }
  // One chart a frame, so that the page answers while it is drawn.
  const waiting = [...places.keys()];
  const next = () => {
    const name = waiting.shift();
    if (name === undefined) { document.documentElement.dataset.drawn = "true"; return; }
    draw(name, figureOf(name));
    setTimeout(next, 0);
  };
  next();
})();
