// Draws the figures in the colours of the page, and again when those change.
"use strict";
(function () {
  const root = document.documentElement;
  const specs = JSON.parse(document.getElementById("specs").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const touch = window.matchMedia("(pointer: coarse)").matches;

  // Strings of the form var(--name) become what the style sheet says now; series of numbers are left alone.
  function coloured(value, style) {
    if (typeof value === "string") {
      return value.startsWith("var(--") ? style.getPropertyValue(value.slice(4, -1)).trim() : value;
    }
    if (Array.isArray(value)) {
      return value.some((each) => typeof each !== "number") ? value.map((each) => coloured(each, style)) : value;
    }
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, coloured(each, style)]));
    }
    return value;
  }

  function draw() {
    const style = getComputedStyle(root);
    for (const [name, spec] of Object.entries(specs)) {
      const layout = coloured(spec.layout, style);
      layout.dragmode = touch ? false : "zoom"; // on a phone a finger scrolls the page
      for (const axis of Object.keys(layout)) {
        if (axis.startsWith("yaxis")) layout[axis].fixedrange = true;
      }
      Plotly.react("figure-" + name, coloured(spec.data, style), layout, { displayModeBar: false, responsive: true });
    }
  }

  draw();
  dark.addEventListener("change", draw);

  // Paper is white, and does not unfold.
  let unfolded = [];
  window.addEventListener("beforeprint", () => {
    root.dataset.paper = "white";
    unfolded = [...document.querySelectorAll("details:not([open])")];
    unfolded.forEach((each) => { each.open = true; });
    draw();
  });
  window.addEventListener("afterprint", () => {
    delete root.dataset.paper;
    unfolded.forEach((each) => { each.open = false; });
    draw();
  });

  // A click on a head of a sortable table sorts by its column, numbers downwards first; what is undefined stays last.
  function sort(table, head, column) {
    const rows = [...table.tBodies[0].rows];
    const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
    const numbers = rows.some((row) => "value" in row.cells[column].dataset);
    const known = rows.filter((row) => !numbers || "value" in row.cells[column].dataset);
    const down = head.ariaSort ? head.ariaSort === "ascending" : numbers;
    known.sort((a, b) => (down ? -1 : 1) * (numbers ? key(a) - key(b) : key(a).localeCompare(key(b))));
    table.tHead.querySelectorAll("th").forEach((each) => { each.ariaSort = null; });
    head.ariaSort = down ? "descending" : "ascending";
    table.tBodies[0].append(...known, ...rows.filter((row) => !known.includes(row)));
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (table.querySelector(`tbody td.spark:nth-child(${column + 1})`)) return; // a picture has no order
      const button = document.createElement("button");
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, head, column));
      head.append(button);
    });
  }

  // The contents list marks the section that is being read.
  const entries = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
  const seen = new IntersectionObserver((changes) => {
    for (const change of changes) {
      if (!change.isIntersecting) continue;
      entries.forEach((a) => a.removeAttribute("aria-current"));
      entries.get(change.target.id).setAttribute("aria-current", "true");
    }
  }, { rootMargin: "0px 0px -75% 0px" });
  entries.forEach((_, id) => seen.observe(document.getElementById(id)));
})();
