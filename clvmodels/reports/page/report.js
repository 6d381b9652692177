"use strict";
(() => {
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const cells = (row) => [...row.cells];

  // What a cell is sorted by: a number, a text, or null where it shows a dash.
  function keyOf(cell, numeric) {
    if (cell.dataset.key === undefined) {
      const text = cell.textContent.trim();
      return numeric || text === "" || text === "–" ? null : text;
    }
    return numeric ? Number(cell.dataset.key) : cell.dataset.key;
  }

  // Rows by a column; those without a value stay last in both directions, equals keep their order.
  function sorted(rows, column, numeric, down) {
    const keyed = rows.map((row) => [keyOf(row.cells[column], numeric), row]);
    const known = keyed.filter(([key]) => key !== null);
    const compare = numeric ? (a, b) => a - b : (a, b) => collator.compare(a, b);
    known.sort(([a], [b]) => (down ? compare(b, a) : compare(a, b)));
    return [...known, ...keyed.filter(([key]) => key === null)].map(([, row]) => row);
  }

  function makeSortable(table) {
    const heads = cells(table.tHead.rows[0]);
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      const wrap = () => { button.append(...head.childNodes); head.append(button); };
      wrap();
      // Chromium does not paint buttons in the headings that it repeats on every sheet of paper.
      window.addEventListener("beforeprint", () => button.replaceWith(...button.childNodes));
      window.addEventListener("afterprint", wrap);
      const numeric = head.classList.contains("n");
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const down = before === null ? numeric : before === "ascending";
        heads.forEach((each) => each.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0];
        body.append(...sorted([...body.rows], column, numeric, down));
      });
    });
  }

  function makeSearchable(sheet, table) {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < 12) return;
    const label = document.createElement("label");
    const input = document.createElement("input");
    const count = document.createElement("output");
    label.className = "search";
    label.append("Search ", input);
    input.type = "search";
    input.autocomplete = "off";
    input.spellcheck = false;
    const texts = new Map(rows.map((row) => [
      row,
      cells(row).map((cell) => `${cell.textContent} ${cell.dataset.key ?? ""}`).join(" ").toLowerCase(),
    ]));
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase().split(/\s+/);
      let shown = 0;
      for (const [row, text] of texts) {
        row.hidden = !wanted.every((word) => text.includes(word));
        if (!row.hidden) shown += 1;
      }
      count.value = input.value.trim() === "" ? "" : `${shown} of ${rows.length} rows`;
    });
    const controls = document.createElement("div");
    controls.className = "controls";
    controls.append(label, count);
    sheet.prepend(controls);
  }

  function makeSwitch(button) {
    const root = document.documentElement;
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (root.dataset.scheme ?? (system.matches ? "dark" : "light")) === "dark";
    const show = () => {
      button.textContent = isDark() ? "Light" : "Dark";
      button.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`);
    };
    button.addEventListener("click", () => {
      root.dataset.scheme = isDark() ? "light" : "dark";
      show();
    });
    system.addEventListener("change", show);
    button.hidden = false;
    show();
  }

  // The link of the section that is being read is marked in the contents.
  function followReader(links) {
    const byName = new Map(links.map((link) => [link.hash.slice(1), link]));
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        links.forEach((link) => link.removeAttribute("aria-current"));
        byName.get(entry.target.id)?.setAttribute("aria-current", "true");
      }
    }, { rootMargin: "-10% 0px -80% 0px" });
    document.querySelectorAll("main > section").forEach((section) => seen.observe(section));
  }

  document.querySelectorAll(".sheet.interactive").forEach((sheet) => {
    const table = sheet.querySelector("table");
    makeSortable(table);
    makeSearchable(sheet, table);
  });
  makeSwitch(document.getElementById("scheme"));
  followReader([...document.querySelectorAll(".contents a")]);
})();
