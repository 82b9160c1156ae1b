"""The style sheet of the report."""

STYLE = """
:root { --paper: #ffffff; --ink: #1f2328; --quiet: #59636e; --line: #d8dee4; --soft: #f5f7f9; --accent: #0072b2; --mark: #fff4e0; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171b; --ink: #e6e8eb; --quiet: #9aa4af; --line: #333a42; --soft: #1d2127; --accent: #56b4e9; --mark: #3a2f17; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
main { max-width: 860px; margin: 0 auto; padding: 40px 24px 80px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; }
h2 { font-size: 20px; margin: 44px 0 12px; padding-top: 14px; border-top: 1px solid var(--line); }
p { margin: 8px 0; }
.lead { font-size: 18px; }
.quiet, figcaption { color: var(--quiet); font-size: 14px; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin-top: 20px; }
.tiles div { background: var(--soft); border: 1px solid var(--line); border-radius: 8px; padding: 10px 16px; min-width: 128px; }
.tiles b { display: block; font-size: 21px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--quiet); font-size: 13px; }
.equations { background: var(--soft); border-left: 3px solid var(--accent); border-radius: 0 8px 8px 0; padding: 10px 18px; overflow-x: auto; }
.equations p { margin: 10px 0; white-space: nowrap; }
svg.formula { color: var(--ink); vertical-align: middle; }
figure { margin: 20px 0; overflow-x: auto; }
figure svg { max-width: 100%; height: auto; display: block; }
figcaption { margin-top: 4px; }
.scroll { overflow-x: auto; margin: 12px 0; }
table { border-collapse: collapse; font-size: 14px; }
th { text-align: left; font-weight: 600; color: var(--quiet); border-bottom: 1px solid var(--line); padding: 6px 16px 6px 0; white-space: nowrap; }
td { border-bottom: 1px solid var(--line); padding: 6px 16px 6px 0; vertical-align: middle; }
table.numeric td { font-variant-numeric: tabular-nums; }
tr.marked td { background: var(--mark); font-weight: 600; }
tr.marked td:first-child { box-shadow: -6px 0 0 var(--mark); }
pre { background: var(--soft); border-radius: 8px; padding: 12px 16px; overflow-x: auto; font-size: 13px; line-height: 1.45; }
code { font-size: 0.9em; }
.digest { color: var(--quiet); overflow-wrap: anywhere; }
details { margin: 10px 0; }
summary { cursor: pointer; color: var(--accent); }
figure svg [style*="fill: #ffffff"] { fill: var(--paper) !important; }
figure svg [style*="stroke: #ffffff"] { stroke: var(--paper) !important; }
figure svg [style*="fill: #1f2328"] { fill: var(--ink) !important; }
figure svg [style*="stroke: #1f2328"] { stroke: var(--ink) !important; }
figure svg [style*="fill: #59636e"] { fill: var(--quiet) !important; }
figure svg [style*="stroke: #59636e"] { stroke: var(--quiet) !important; }
figure svg [style*="stroke: #e4e7eb"] { stroke: var(--line) !important; }
@media (prefers-color-scheme: dark) {
  figure svg [style*="fill: #3d444d"] { fill: #c3cad1 !important; }
  figure svg [style*="stroke: #3d444d"] { stroke: #c3cad1 !important; }
  figure svg [style*="stroke: #0072b2"] { stroke: #56b4e9 !important; }
  figure svg [style*="fill: #0072b2"] { fill: #56b4e9 !important; }
}
@media print { main { max-width: none; padding: 0; } details { display: none; } h2 { break-after: avoid; } figure { break-inside: avoid; } }
"""
