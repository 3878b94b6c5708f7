// Draws the page when it is there: static figures give way to those that answer.
async function start() {
  await loadLibraries();
  D = JSON.parse(await unpack(document.querySelector("#explorer-data").textContent));
  lengthen();
  cutOpen();
  document.documentElement.classList.add("live");
  makeControls();
  makeFind();
  drawsOn(["region"], drawRegion);
  drawsOn(["across", "up", "slides"], drawSliders);
  drawsOn(["method", "colour", "model", "across", "up", "slides"], drawMap);
  drawsOn(["site", "region"], markMap);
  drawsOn(["method", "second", "less", "along", "site"], drawSection);
  drawsOn(["method", "along", "site"], drawWeights);
  drawsOn(["method", "site"], drawSite);
  drawsOn(["method", "region"], drawWorst);
  drawsOn(["method", "region"], drawCalibration);
  drawsOn(["method"], () => {
    for (const row of document.querySelectorAll("tr[data-method]"))
      row.classList.toggle("shown", row.dataset.method === state.method);
  });
  addDownloads();
  filterScores();
  judgePairs();
  chooseReference();
  for (const link of document.querySelectorAll("a[data-show]"))
    link.addEventListener("click", () => { if (methodOf(link.dataset.show)) set({ method: link.dataset.show }); });
  begin();
  redrawOnResize();
  document.documentElement.dataset.ready = "yes";
}

// figures are as wide as their panels
function redrawOnResize() {
  let width = document.body.clientWidth;
  let waiting = null;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (document.body.clientWidth === width) return;
      width = document.body.clientWidth;
      for (const draw of [drawMap, drawSection, drawWeights, drawSite, drawCalibration]) draw();
    }, 150);
  });
}

if (document.querySelector("#explorer-data") && "DecompressionStream" in window) {
  start().catch((error) => {
    document.documentElement.classList.remove("live"); // fixed figures are better than none
    throw error;
  });
}
