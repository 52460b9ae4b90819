"""How the report looks: light and dark, on screens and on paper."""

CSS = (
    """
:root{color-scheme:light dark;--bg:#fff;--fg:#1f2328;--soft:#59636e;--line:#d1d9e0;--box:#f6f8fa;
--good:#1a7f37;--bad:#cf222e;--wait:#9a6700;--link:#0969da;--add:#dafbe1;--cut:#ffebe9;
--c0:#1f2328;--c1:#b3202c;--c2:#17712f;--c3:#8a5a00;--c4:#0757b8;--c5:#8a3cc0;--c6:#0f6b73;
--c7:#59636e}
@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--soft:#9aa4ae;--line:#3d444d;
--box:#161b22;--good:#3fb950;--bad:#ff7b72;--wait:#d9a13a;--link:#6cb0ff;--add:#12361d;
--cut:#4a1a1c;--c0:#9aa4ae;--c1:#ff8a82;--c2:#56d364;--c3:#e3b341;--c4:#79c0ff;--c5:#d2a8ff;
--c6:#56d4dd;--c7:#e6edf3}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:70rem;padding:1rem 1.25rem;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,sans-serif}
h1{margin:.2rem 0;font-size:1.7rem}h2{margin:2rem 0 .6rem;font-size:1.25rem;
border-bottom:1px solid var(--line)}h3{margin:1.2rem 0 .4rem;font-size:1.05rem}
a{color:var(--link)}code,pre{font:13px/1.45 ui-monospace,monospace}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
pre{margin:.4rem 0;padding:.5rem .7rem;max-height:40rem;overflow:auto;white-space:pre-wrap;
overflow-wrap:anywhere;background:var(--box);border-radius:6px}
header dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.6rem 0}
dt,.note{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}.note{font-weight:400;
font-size:.9rem}
nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:0;padding:0;list-style:none}
.state{color:var(--soft);font-weight:600}.state.SUCCEEDED{color:var(--good)}
.state.FAILED{color:var(--bad)}.state.RUNNING,.state.CANCELING,.state.CANCELED{color:var(--wait)}
.failures,.reason{border-left:4px solid var(--bad);background:var(--box);padding:.5rem 1rem;
margin:.8rem 0;overflow-wrap:anywhere}.failures ul{margin:0;padding-left:1rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.92rem}caption{text-align:left;color:var(--soft);
font-size:.85rem}th,td{padding:.25rem .7rem;border:1px solid var(--line);text-align:left;
vertical-align:top;font-weight:400}thead th{background:var(--box);font-weight:600}
tbody th{font-weight:600}.digest{word-break:break-all}
svg text{fill:var(--fg);font:12px system-ui,sans-serif}svg .name{font-weight:600;font-size:13px}
.edge{fill:none;stroke:var(--soft);stroke-width:1.4}
.node rect{fill:var(--box);stroke:var(--soft);stroke-width:1.6}.bar{fill:var(--soft)}
.node.SUCCEEDED rect{stroke:var(--good)}.bar.SUCCEEDED{fill:var(--good)}
.node.FAILED rect{stroke:var(--bad);stroke-width:3}.bar.FAILED{fill:var(--bad)}
.node.SKIPPED rect{stroke-dasharray:4 3}
.node.RUNNING rect,.node.CANCELING rect,.node.CANCELED rect{stroke:var(--wait)}
.bar.RUNNING,.bar.CANCELED{fill:var(--wait)}
.step{border-top:1px solid var(--line)}.cell{margin:.5rem 0 1rem}
summary{cursor:pointer;overflow-wrap:anywhere}summary code{color:var(--soft)}
.stderr,.error{border-left:4px solid var(--wait)}.error{border-color:var(--bad)}
.cell img{max-width:100%;background:#fff}
iframe{width:100%;height:24rem;resize:vertical;border:1px solid var(--line);background:#fff;
color-scheme:light}
ins,del{text-decoration:none}ins{background:var(--add)}del{background:var(--cut)}
.bold{font-weight:700}.italic{font-style:italic}.underline{text-decoration:underline}
"""
    + "".join(
        f".fg-{number},.fg-{number + 8}{{color:var(--c{number})}}"
        f".bg-{number},.bg-{number + 8}{{background:var(--c{number});color:var(--bg)}}"
        for number in range(8)
    )
    + """
@media print{:root{--bg:#fff;--fg:#000;--soft:#444;--line:#999;--box:#fff}body{max-width:none}
nav{display:none}pre{max-height:none;border:1px solid #999}.cell,tr,svg{break-inside:avoid}
a{color:inherit;text-decoration:none}}
"""
)
