"""The report's style sheet: one column, light and dark, wide tables scroll by themselves."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --card: #f6f7f9; --ink: #1f2430; --soft: #5d6573; --line: #dfe3e9;
  --accent: #b4235a; --bad: #b3261e; --bad-page: #fdecea; --warn: #8a5a00; --warn-page: #fff5de;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171d; --card: #1c2028; --ink: #e6e9ef; --soft: #a3abb9; --line: #323846;
    --accent: #ff7fae; --bad: #ffb4ab; --bad-page: #4a1512; --warn: #ffd479; --warn-page: #3d2f0d;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 0 1.1rem 4rem; max-width: 70rem; background: var(--page);
  color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
header { padding: 2.4rem 0 1rem; border-bottom: 1px solid var(--line); }
h1 { margin: 0 0 .5rem; font-size: clamp(1.5rem, 4vw, 2.1rem); line-height: 1.2;
  letter-spacing: -.01em; text-wrap: balance; }
h2 { margin: 2.8rem 0 .5rem; font-size: 1.3rem; letter-spacing: -.005em; }
h3 { margin: 1.6rem 0 .3rem; font-size: 1.02rem; }
p, ul { margin: .5rem 0; max-width: 48rem; }
.lead, .hint, figcaption, caption { color: var(--soft); }
.hint, figcaption, caption { font-size: .9rem; }
a { color: var(--accent); }
nav ul { list-style: none; padding: 0; max-width: none;
  display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; }
nav a { text-decoration: none; font-size: .92rem; }
nav a:hover, nav a:focus-visible { text-decoration: underline; }
dl.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, max-content));
  gap: .6rem 2rem; margin: 1.1rem 0 .4rem; }
dl.facts dt { font-size: .78rem; color: var(--soft); text-transform: uppercase;
  letter-spacing: .05em; }
dl.facts dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.banner { margin: 1.2rem 0; padding: .8rem 1.1rem; border-radius: .5rem;
  border-left: 5px solid currentColor; }
.banner.bad { background: var(--bad-page); color: var(--bad); }
.banner.warn { background: var(--warn-page); color: var(--warn); }
.banner ul { margin: .3rem 0 0; padding-left: 1.2rem; max-width: none; }
.wide { overflow-x: auto; margin: .7rem 0 1.2rem; border: 1px solid var(--line);
  border-radius: .5rem; background: var(--card); }
.wide:focus-visible { outline: 2px solid var(--accent); }
table { border-collapse: collapse; width: 100%; font-size: .88rem;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .6rem .8rem .2rem; }
th, td { padding: .36rem .62rem; text-align: right; white-space: nowrap; vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; border-bottom: 1px solid var(--line); }
tbody th { text-align: left; font-weight: 600; position: sticky; left: 0;
  background: var(--card); }
tbody tr + tr > * { border-top: 1px solid var(--line); }
td.text, th.text { text-align: left; }
td.long { white-space: normal; min-width: 16rem; text-align: left; }
small { display: block; color: var(--soft); font-size: .74rem; font-weight: 400; }
.bad-text { color: var(--bad); font-weight: 600; }
figure { margin: .8rem 0 1.4rem; }
figure .wide { background: none; padding: .5rem; }
figure svg { display: block; width: 100%; height: auto; color: var(--soft); margin: 0 auto; }
details { margin: .6rem 0; }
summary { cursor: pointer; color: var(--accent); }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line);
  color: var(--soft); font-size: .88rem; }
code { font-size: .9em; overflow-wrap: anywhere; }
@media print { nav, summary { display: none; } .wide { overflow: visible; } }
"""
