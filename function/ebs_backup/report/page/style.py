"""How the report's page looks: on a screen, light or dark, on a phone and on paper.

Text on its background has a contrast of at least 4.5 to 1: https://www.w3.org/TR/WCAG22/#contrast-minimum
"""

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #f4f6f8; --card: #ffffff; --text: #17202b; --muted: #54616f; --line: #dde3e9; --track: #e6eaee;
  --good: #187a48; --good-soft: #e3f4ea; --warn: #8a5a00; --warn-fill: #b47800;
  --bad: #b3261e; --bad-soft: #fdeae8; --bad-fill: #d2443a; --unknown: #8995a3; --link: #1f5fbf;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #0e1318; --card: #171d24; --text: #e7ecf2; --muted: #a3afbc; --line: #2c353f; --track: #2a323c;
    --good: #4fc98b; --good-soft: #15301f; --warn: #e6b450; --warn-fill: #d99a1c;
    --bad: #ff8f85; --bad-soft: #3a1a18; --bad-fill: #e5645a; --unknown: #74808d; --link: #8ab4f8;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--text); overflow-wrap: anywhere;
  font: 1rem/1.55 -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
main, footer { max-width: 58rem; margin: 0 auto; padding: 1.25rem 1rem; }
main { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.25rem; }
h1, h2, h3, p, ul, ol, dl, dd, table { margin: 0; }
h1 { font-size: clamp(1.6rem, 1.2rem + 2vw, 2.25rem); line-height: 1.2; letter-spacing: -.015em; text-wrap: balance; }
h2 { font-size: 1.15rem; line-height: 1.3; }
h3 { font-size: 1rem; }
a { color: var(--link); text-underline-offset: .15em; }
a:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 2px; }
code { font: .875em/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
section, header, th, td { overflow: clip; }
section, header {
  background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.25rem;
  display: grid; grid-template-columns: minmax(0, 1fr); gap: .85rem;
}
header { padding: 1.5rem 1.25rem; gap: .75rem; }
.muted, caption, th[scope=col], dt { color: var(--muted); }
.small, caption, th[scope=col], dt { font-size: .875rem; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.badges { display: flex; flex-wrap: wrap; gap: .5rem; }
.badge { border-radius: 1rem; padding: .15rem .75rem; font-size: .875rem; font-weight: 600; }
.badge.good { background: var(--good-soft); color: var(--good); }
.badge.bad { background: var(--bad-soft); color: var(--bad); }
.badge.unknown { background: var(--track); color: var(--text); }
.text-bad { color: var(--bad); font-weight: 600; }
.text-warn { color: var(--warn); font-weight: 600; }
.findings { padding-left: 1.2rem; display: grid; gap: .25rem; }
.coverage { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem 2rem; align-items: center; }
.big { font-size: clamp(2.75rem, 2rem + 4vw, 4rem); font-weight: 700; line-height: 1; letter-spacing: -.03em; }
.big.good { color: var(--good); } .big.bad { color: var(--bad); }
.stack { display: grid; grid-template-columns: minmax(0, 1fr); gap: .5rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.25rem, 1fr)); gap: .75rem 1rem; }
.facts dd { font-size: 1.25rem; font-weight: 600; line-height: 1.3; }
.facts .zero dd { color: var(--muted); font-weight: 400; }
.facts .wrong dd { color: var(--bad); }
svg { display: block; width: 100%; }
.bar { height: .75rem; border-radius: .375rem; overflow: hidden; }
.bars .bar + .bar { height: .3rem; margin-top: .2rem; }
.track { fill: var(--track); } rect.good { fill: var(--good); } rect.bad { fill: var(--bad-fill); }
rect.warn { fill: var(--warn-fill); } rect.unknown { fill: var(--unknown); }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; padding: 0; }
.legend li { display: flex; align-items: center; gap: .4rem; }
.legend svg { width: .75rem; height: .75rem; border-radius: .2rem; }
.strip { display: flex; align-items: end; gap: 3px; list-style: none; padding: 0; }
.strip li { flex: 1 1 0; min-width: 0; max-width: 1.75rem; position: relative; }
.tick { height: 2.5rem; border-radius: 2px; }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; padding-bottom: .35rem; }
th, td { text-align: left; vertical-align: top; padding: .55rem .75rem .55rem 0; border-top: 1px solid var(--line); }
th[scope=col] { font-weight: 500; border-top: 0; padding-block: .25rem; }
th[scope=row] { font-weight: 500; }
th:last-child, td:last-child { padding-right: 0; }
td.count, th.count { text-align: right; white-space: nowrap; width: 5rem; }
td.bars { vertical-align: middle; } td > .bars { padding-block: .3rem .15rem; }
.name { width: 9.5rem; } .first { width: 38%; }
.pair { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.5rem 2.5rem; align-items: start; }
.pair th, .pair td { padding-block: .35rem; border: 0; }
.whole { white-space: nowrap; }
.pair .name { width: 7.5rem; } .pair td.count { width: 4.25rem; }
.pair thead { position: absolute; clip-path: inset(50%); }
:is(h3, .small, footer) code { font-size: inherit; }
article { border-top: 1px solid var(--line); padding-top: .85rem; }
article { display: grid; grid-template-columns: minmax(0, 1fr); gap: .5rem; }
article > p { max-width: 44rem; }
footer { color: var(--muted); font-size: .875rem; padding-top: 0; display: grid; gap: .35rem; }
@media (min-width: 44rem) {
  main, footer { padding-inline: 1.5rem; }
  section, header { padding: 1.5rem; }
  .coverage { grid-template-columns: auto minmax(0, 1fr); }
  .pair { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
}
@media (max-width: 30rem) {
  th, td { padding-right: .5rem; }
  .name { width: 6.6rem; } td.count, th.count { width: 3.6rem; }
  .prose thead { position: absolute; clip-path: inset(50%); }
  .prose :is(tbody, tr, th, td) { display: block; width: auto; }
  .prose th { padding-block: .75rem .25rem; }
  .prose td { border: 0; padding-top: 0; }
}
@media print {
  :root { --ground: #fff; font-size: 13px; }
  main, footer { max-width: none; padding: 0; }
  main { display: block; }
  section, header { border: 0; border-radius: 0; padding: .75rem 0; border-top: 1px solid var(--line); }
  header { border-top: 0; }
  tr, article, .coverage, .facts, .strip { break-inside: avoid; }
  h2, h3, caption { break-after: avoid; }
}
"""
