"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const element = (id) => document.getElementById(id);
  const MOST_VERTICES = 60000; // of one mesh: the viewer counts them in 16 bits
  const SPHERE = 0.35, CHOSEN_SPHERE = 0.6, ARROW = 2.2; // angstrom
  const NEAR = 9; // what is in view around a chosen point, angstrom
  const state = { viewer: null, surfaces: [], hotspots: [], chosenHotspot: -1, chosenPocket: -1 };
  window.pocketvox = state;

  async function unpacked(text) {
    const bytes = bytesOf(text);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  function bytesOf(text) {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  }

  // ---------------------------------------------------------------------------------------------------------- downloads
  function listFiles() {
    for (const file of data.files) {
      const item = document.createElement("li");
      const size = file.size < 10240 ? `${file.size} bytes` : `${Math.round(file.size / 1024)} KiB`;
      if (file.data === undefined) {
        item.textContent = `${file.name} (${size}, beside this page)`;
      } else {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = file.name;
        button.dataset.file = file.name;
        button.addEventListener("click", () => download(file));
        item.append(button, ` ${size}`);
      }
      element("files").append(item);
    }
  }

  async function download(file) {
    const content = file.packed ? await unpacked(file.data) : bytesOf(file.data);
    save(new Blob([content]), file.name.replaceAll("/", "-"));
  }

  function save(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // --------------------------------------------------------------------------------------------------------------- maps
  function listChannels() {
    data.channels.forEach((channel, k) => {
      const row = element("channels").tBodies[0].insertRow();
      const label = document.createElement("label");
      const shown = document.createElement("input");
      shown.type = "checkbox";
      shown.checked = channel.shown;
      shown.dataset.channel = channel.name;
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = channel.colour;
      label.append(shown, swatch, channel.label);
      row.insertCell().append(label);
      // levels are chosen on a square-root scale: most of them are small
      const level = slider(`threshold of ${channel.label}`, Math.sqrt(channel.level), 0.1, Math.sqrt(Math.max(channel.largest, 0.02)));
      const output = document.createElement("output");
      const opacity = slider(`opacity of ${channel.label}`, channel.name === "ligand" ? 0.35 : 0.75, 0.1, 1);
      level.dataset.level = channel.name;
      opacity.dataset.opacity = channel.name;
      row.insertCell().append(level, output);
      row.insertCell().append(opacity);
      const surface = { shown, level, opacity, shapes: [], channel: k };
      state.surfaces.push(surface);
      const tell = () => { output.textContent = (level.value ** 2).toFixed(2); };
      tell();
      let waiting = 0;
      for (const input of [shown, level, opacity]) {
        input.addEventListener("input", () => {
          if (input === level) { tell(); shown.checked = true; }
          cancelAnimationFrame(waiting);
          waiting = requestAnimationFrame(() => drawSurface(surface));
        });
      }
    });
  }

  function slider(label, value, low, high) {
    const input = document.createElement("input");
    Object.assign(input, { type: "range", min: low, max: high, step: (high - low) / 100, ariaLabel: label });
    input.value = value;
    return input;
  }

  function drawSurface(surface, render = true) {
    if (!state.viewer) return;
    surface.shapes.forEach((shape) => state.viewer.removeShape(shape));
    surface.shapes = [];
    const channel = data.channels[surface.channel];
    if (surface.shown.checked && channel.largest > 0) {
      const level = 255 * Math.min(surface.level.value ** 2 / channel.largest, 0.999);
      const style = { color: channel.colour, opacity: Number(surface.opacity.value) };
      for (const mesh of data.boxes.flatMap((box) => meshes(box, surface.channel, level))) {
        surface.shapes.push(state.viewer.addCustom({ ...mesh, ...style }));
      }
    }
    if (render) state.viewer.render();
  }

  function valuesOf(box, k) {
    box.dense ??= [];
    if (!box.dense[k]) {
      const count = box.steps.length, values = new Uint8Array(box.shape[0] * box.shape[1] * box.shape[2]);
      for (let i = 0, voxel = 0; i < count; i++) {
        voxel += box.steps[i];
        values[voxel] = box.levels[k * count + i];
      }
      box.dense[k] = values;
    }
    return box.dense[k];
  }

  // Surface nets (Gibson, MICCAI 1998, doi:10.1007/BFb0056277): a vertex in every cell that the surface passes, at the mean
  // of its crossings of the cell's edges; a quadrangle for every edge of the grid that is crossed.
  function meshes(box, k, level) {
    const [nx, ny, nz] = box.shape, values = valuesOf(box, k), sx = ny * nz, sy = nz;
    const low = [nx, ny, nz], high = [0, 0, 0];
    for (let x = 0, i = 0; x < nx; x++) for (let y = 0; y < ny; y++) for (let z = 0; z < nz; z++, i++) {
      if (values[i] <= level) continue;
      [x, y, z].forEach((v, axis) => { low[axis] = Math.min(low[axis], v); high[axis] = Math.max(high[axis], v); });
    }
    const first = low.map((v) => Math.max(v - 1, 0)), last = high.map((v, axis) => Math.min(v + 1, box.shape[axis] - 1));
    const found = [];
    const slab = (from, to) => {
      const mesh = net(from, to);
      if (mesh.vertexArr.length <= MOST_VERTICES) { if (mesh.faceArr.length) found.push(mesh); return; }
      const middle = (from + to) >> 1;
      slab(from, middle);
      slab(middle, to);
    };

    function net(from, to) {
      const vertexArr = [], normalArr = [], faceArr = [], numbers = new Map();
      const corner = new Float64Array(8);
      for (let x = from; x < to; x++) for (let y = first[1]; y < last[1]; y++) for (let z = first[2]; z < last[2]; z++) {
        const at = x * sx + y * sy + z;
        let above = 0;
        for (let c = 0; c < 8; c++) {
          corner[c] = values[at + (c >> 2) * sx + ((c >> 1) & 1) * sy + (c & 1)];
          if (corner[c] > level) above++;
        }
        if (above === 0 || above === 8) continue;
        const sum = [0, 0, 0], slope = [0, 0, 0];
        let crossings = 0;
        for (let c = 0; c < 8; c++) for (let axis = 0; axis < 3; axis++) {
          const bit = 4 >> axis;
          if (c & bit) continue;
          const a = corner[c], b = corner[c | bit];
          slope[axis] += a - b;
          if (a > level === b > level) continue;
          crossings++;
          for (let other = 0; other < 3; other++) sum[other] += other === axis ? (level - a) / (b - a) : (c & (4 >> other)) ? 1 : 0;
        }
        const place = [x, y, z].map((v, axis) => box.origin[axis] + box.spacing * (v + sum[axis] / crossings));
        const steep = Math.hypot(...slope) || 1;
        numbers.set(at, vertexArr.length);
        vertexArr.push(point(place));
        normalArr.push(point(slope.map((v) => v / steep)));
      }
      const steps = [sx, sy, 1];
      for (const at of numbers.keys()) for (let axis = 0; axis < 3; axis++) {
        const one = steps[(axis + 1) % 3], two = steps[(axis + 2) % 3], inside = values[at] > level;
        if (inside === values[at + steps[axis]] > level) continue;
        const quad = [at, at - one, at - one - two, at - two].map((cell) => numbers.get(cell));
        if (quad.includes(undefined)) continue; // at the edge of the slab, or of the box
        if (inside) quad.reverse();
        faceArr.push(quad[2], quad[1], quad[0], quad[3], quad[2], quad[0]);
      }
      return { vertexArr, normalArr, faceArr };
    }

    slab(first[0], last[0]);
    return found;
  }

  // ---------------------------------------------------------------------------------------------------------- structure
  function drawStructure() {
    const viewer = state.viewer;
    viewer.setStyle({}, {});
    if (element("show-cartoon").checked) {
      const cartoon = { color: "#d5d9df", thickness: 0.3 };
      if (data.confidence.length) {
        delete cartoon.color;
        cartoon.colorfunc = (atom) => data.confidence.findLast((band) => atom.b >= band.from)?.colour ?? "#d5d9df";
      }
      if (data.trace) cartoon.style = "trace";
      viewer.setStyle({ not: { serial: data.hetero } }, { cartoon });
    }
    if (element("show-lining").checked) {
      const lining = state.chosenPocket >= 0 ? data.pockets[state.chosenPocket].lining : data.pockets.flatMap((p) => p.lining);
      if (lining.length) viewer.addStyle({ serial: lining }, { stick: { radius: 0.11, colorscheme: "whiteCarbon" } });
    }
    if (element("show-hetero").checked && data.hetero.length) {
      viewer.addStyle({ serial: data.hetero }, { stick: { radius: 0.14, colorscheme: "greenCarbon" }, sphere: { scale: 0.15, colorscheme: "greenCarbon" } });
    }
    viewer.render();
  }

  function drawHotspots() {
    const viewer = state.viewer;
    for (const shapes of state.hotspots) shapes.forEach((shape) => viewer.removeShape(shape));
    viewer.removeAllLabels();
    state.hotspots = data.hotspots.map((hotspot, k) => {
      const chosen = k === state.chosenHotspot;
      if (!element("show-hotspots").checked && !chosen) return [];
      const colour = colourOf(hotspot.type), center = point(hotspot.coord);
      const shapes = [viewer.addSphere({ center, radius: chosen ? CHOSEN_SPHERE : SPHERE, color: colour, clickable: true, callback: () => chooseHotspot(k) })];
      if (hotspot.direction.some((v) => v !== 0) && (element("show-directions").checked || chosen)) {
        const end = point(hotspot.coord.map((v, axis) => v + ARROW * hotspot.direction[axis]));
        shapes.push(viewer.addArrow({ start: center, end, radius: 0.12, color: colour }));
      }
      return shapes;
    });
    data.pockets.forEach((pocket, k) => label(pocket.name, pocket.center, k === state.chosenPocket));
    if (state.chosenHotspot >= 0) {
      const hotspot = data.hotspots[state.chosenHotspot];
      label(`${state.chosenHotspot + 1}: ${labelOf(hotspot.type)}, ${hotspot.score.toFixed(2)}`, hotspot.coord, true);
    }
    viewer.render();
  }

  function label(text, place, chosen) {
    const options = { position: point(place), fontSize: 12, fontColor: "#1d2530", backgroundColor: chosen ? "#dcebfa" : "#ffffff", backgroundOpacity: 0.8, borderColor: "#c9ced6", borderThickness: 1, inFront: true };
    state.viewer.addLabel(text, options);
  }

  const point = (values) => ({ x: values[0], y: values[1], z: values[2] });
  const named = (type) => data.channels.find((channel) => channel.name === type) ?? { label: type, colour: "#666666" };
  const colourOf = (type) => named(type).colour;
  const labelOf = (type) => named(type).label;

  // ------------------------------------------------------------------------------------------------------------- choose
  function chooseHotspot(k) {
    state.chosenHotspot = k;
    const hotspot = data.hotspots[k];
    state.chosenPocket = data.pockets.findIndex((pocket) => pocket.name === hotspot.pocket);
    show(hotspot.coord, NEAR, `Hot-spot ${k + 1}: ${labelOf(hotspot.type)} in ${hotspot.pocket}`);
  }

  function choosePocket(k) {
    state.chosenHotspot = -1;
    state.chosenPocket = k;
    show(data.pockets[k].center, 1.6 * NEAR, `${data.pockets[k].name}: ${data.pockets[k].lining.length} atoms line it`, true);
  }

  function showAll() {
    state.chosenHotspot = state.chosenPocket = -1;
    mark();
    element("message").textContent = "The whole structure";
    if (!state.viewer) return;
    drawStructure();
    drawHotspots();
    state.viewer.zoomTo();
    state.viewer.render();
  }

  // The rotation, a quaternion, that brings a place in front of the middle of the structure.
  function facing(place) {
    const atoms = state.viewer.selectedAtoms({});
    const away = ["x", "y", "z"].map((axis, k) => place[k] - atoms.reduce((sum, atom) => sum + atom[axis], 0) / Math.max(atoms.length, 1));
    const length = Math.hypot(...away) || 1;
    const [x, y, z] = away.map((v) => v / length);
    if (z < -0.999) return [1, 0, 0, 0];
    const q = [y, -x, 0, 1 + z], norm = Math.hypot(...q);
    return q.map((v) => v / norm);
  }

  function show(place, radius, text, turn = false) {
    mark();
    element("message").textContent = text;
    if (!state.viewer) return;
    drawStructure();
    drawHotspots();
    const near = (atom) => Math.hypot(atom.x - place[0], atom.y - place[1], atom.z - place[2]) < radius;
    state.viewer.zoomTo({ predicate: near });
    const view = state.viewer.getView();
    place.forEach((value, axis) => { view[axis] = -value; });
    if (turn) facing(place).forEach((value, axis) => { view[4 + axis] = value; });
    state.viewer.setView(view);
    state.viewer.render();
  }

  function mark() {
    for (const [kind, chosen] of [["hotspot", state.chosenHotspot], ["pocket", state.chosenPocket]]) {
      document.querySelectorAll(`[data-${kind}]`).forEach((button) => {
        const on = Number(button.dataset[kind]) === chosen;
        button.closest("tr").classList.toggle("chosen", on);
        button.setAttribute("aria-pressed", on);
        if (on) scrollTo(button.closest("tr"));
      });
    }
  }

  // Within its table only: the page stays where it is.
  function scrollTo(row) {
    const frame = row.closest(".scroll"), head = frame.querySelector("thead").offsetHeight;
    if (row.offsetTop - head < frame.scrollTop) frame.scrollTop = row.offsetTop - head;
    else if (row.offsetTop + row.offsetHeight > frame.scrollTop + frame.clientHeight) frame.scrollTop = row.offsetTop + row.offsetHeight - frame.clientHeight;
  }

  // ------------------------------------------------------------------------------------------------------------ filters
  function filters() {
    const fill = (id, values, text) => [...new Set(values)].forEach((value) => element(id).add(new Option(text(value), value)));
    fill("filter-type", data.hotspots.map((h) => h.type), labelOf);
    fill("filter-pocket", data.hotspots.map((h) => h.pocket), (name) => name);
    const apply = () => {
      const type = element("filter-type").value, pocket = element("filter-pocket").value;
      document.querySelectorAll("[data-hotspot]").forEach((button) => {
        const hotspot = data.hotspots[Number(button.dataset.hotspot)];
        button.closest("tr").hidden = (type && hotspot.type !== type) || (pocket && hotspot.pocket !== pocket);
      });
    };
    element("filter-type").addEventListener("change", apply);
    element("filter-pocket").addEventListener("change", apply);
  }

  // --------------------------------------------------------------------------------------------------------------- keys
  function keys(event) {
    const turns = { ArrowLeft: ["y", -10], ArrowRight: ["y", 10], ArrowUp: ["x", -10], ArrowDown: ["x", 10] };
    if (event.key in turns) state.viewer.rotate(turns[event.key][1], turns[event.key][0]);
    else if (event.key === "+" || event.key === "=") state.viewer.zoom(1.15);
    else if (event.key === "-") state.viewer.zoom(1 / 1.15);
    else if (event.key === "Escape") showAll();
    else return;
    event.preventDefault();
  }

  // -------------------------------------------------------------------------------------------------------------- start
  async function start() {
    listFiles();
    listChannels();
    filters();
    document.querySelectorAll("[data-hotspot]").forEach((b) => b.addEventListener("click", () => chooseHotspot(Number(b.dataset.hotspot))));
    document.querySelectorAll("[data-pocket]").forEach((b) => b.addEventListener("click", () => choosePocket(Number(b.dataset.pocket))));
    element("reset").addEventListener("click", showAll);
    if (data.missing) return unavailable(data.missing);
    let viewer;
    try {
      viewer = $3Dmol.createViewer(element("view"), { backgroundColor: "white", antialias: true, disableFog: false });
      if (!viewer) throw new Error("no viewer");
    } catch {
      return unavailable("There is no 3D view: this browser has no WebGL. Everything else is here.");
    }
    if (data.structure) viewer.addModel(new TextDecoder().decode(await unpacked(data.structure)), "cif", { keepH: true });
    for (const box of data.boxes) {
      box.steps = new Int32Array((await unpacked(box.voxels)).buffer);
      box.levels = await unpacked(box.values);
    }
    state.viewer = viewer;
    state.surfaces.forEach((surface) => drawSurface(surface, false));
    for (const id of ["cartoon", "lining", "hetero"]) element(`show-${id}`).addEventListener("change", drawStructure);
    for (const id of ["hotspots", "directions"]) element(`show-${id}`).addEventListener("change", drawHotspots);
    element("picture").addEventListener("click", () => element("view").querySelector("canvas").toBlob((blob) => save(blob, "view.png")));
    element("view").addEventListener("keydown", keys);
    addEventListener("beforeprint", () => {
      element("print").src = viewer.pngURI();
      element("print").classList.add("ready");
    });
    if (data.pockets.length) choosePocket(0);
    else showAll();
    state.ready = true;
  }

  function unavailable(text) {
    element("view").textContent = text;
    element("view").classList.add("missing");
    element("tools").hidden = true;
    state.ready = true;
  }

  start();
})();
