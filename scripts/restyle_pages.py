"""Gives the pages of docs/studies, whose cells are gone, the look of today's templates: a page that has it already stays as it is.

    python scripts/restyle_pages.py docs/studies

What it changes is what lib/study/study-page.ts and lib/report/line-chart.ts would write otherwise: the stylesheet and its hash, the order
of the columns of the results (ours before the paper's), boxes that scroll by keys, and labels of line ends that stood on the figures of an
axis. No number is touched.
"""

import base64
import hashlib
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LABEL_GAP = 13
LOWEST_LABEL = 224


def literal(path: str, name: str) -> str:
    return re.search(name + r" = `(.*?)`;", (ROOT / path).read_text(), re.S)[1]


STYLE = literal("lib/study/study-page.ts", "STUDY_STYLESHEET").replace("${STYLESHEET}", literal("lib/report/stylesheet.ts", "STYLESHEET"))


def restyle(page: str) -> str:
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    page = re.sub(r"style-src 'sha256-[^']+'", f"style-src 'sha256-{digest}'", page, count=1)
    return re.sub(r"<style>.*?</style>", lambda _: f"<style>{STYLE}</style>", page, count=1, flags=re.S)


def reorder(page: str) -> str:
    """Quantity, paper, certainty, ours become quantity, ours, paper, certainty."""
    head = '<th scope="col">Paper</th><th scope="col">Certainty</th><th scope="col">Ours</th>'
    if head not in page:
        return page
    before, rest = page.split("<section><h2>Results</h2>", 1)
    results, after = rest.split("</section>", 1)
    results = results.replace(head, '<th scope="col">Ours</th><th scope="col">Paper</th><th scope="col">Certainty</th>')
    cells = r'(<td class="free">[^<]*</td>)(<td>[^<]*</td><td>[^<]*</td>)(<td(?: title="[^"]*")?>(?:[^<]|<span class="interval">[^<]*</span>)*</td>)(?=</tr>)'
    rows = len(re.findall(r'<td class="free">', results))
    results, changed = re.subn(cells, r"\1\3\2", results)
    assert changed == rows, (changed, rows)
    return f"{before}<section><h2>Results</h2>{results}</section>{after}"


def lift(svg: re.Match) -> str:
    labels = [(float(y), whole) for whole, y in re.findall(r'(<text x="[^"]*" y="([^"]*)" class="value colour-\d">)', svg[0])]
    if "polyline" not in svg[0] or all(y <= LOWEST_LABEL for y, _ in labels):
        return svg[0]
    text = svg[0]
    most = LOWEST_LABEL
    for y, tag in sorted(labels, reverse=True):
        if y > most:
            text = text.replace(tag, re.sub(r' y="[^"]*"', f' y="{most}"', tag), 1)
        most -= LABEL_GAP
    return text


for path in sorted(Path(sys.argv[1]).glob("*.html")):
    old = path.read_text()
    page = reorder(restyle(old)).replace('<div class="scroll"><table', '<div class="scroll" tabindex="0"><table')
    page = re.sub(r'<svg viewBox="0 0 \d+ 260".*?</svg>', lift, page, flags=re.S)
    path.write_text(page)
    print(path.name, "as it was" if page == old else "restyled")
