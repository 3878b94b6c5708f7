// What the theme leaves out for those who read with a keyboard or a screen reader.
document.addEventListener("DOMContentLoaded", () => {
  for (const caption of document.querySelectorAll(".caption[role=heading]")) caption.setAttribute("aria-level", "2");
  const asides = { "sidebar-drawer": "All pages", "toc-drawer": "On this page" };
  for (const [name, label] of Object.entries(asides))
    document.querySelector(`aside.${name}`)?.setAttribute("aria-label", label);
  for (const box of document.querySelectorAll("article pre, .table-wrapper, .equation"))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
});
