"""Restates the pages of docs/studies whose intervals and tests were over contexts alone, from the numbers that they print.

    python scripts/restate_pages.py OLD_FOLDER NEW_FOLDER

The cells of those studies are gone. A page holds, of each mean, the value, an interval over contexts and the mean of each seed: enough for
an interval over contexts and seeds (docs/evaluation.md, `crossedMean`), as the interval over contexts gives one of its two squared errors
and the means of the seeds give the other. What single texts are needed for is taken off the page: intervals and tests of Self-BLEU, and the
spread of MAUVE over clusterings. Needs SciPy. Prints every test of every page.
"""

import html
import math
import re
import sys
from pathlib import Path

import numpy as np
from scipy import optimize, stats

NORMAL = stats.norm.isf(0.025)
FLOOR = 2 / 2001
SHARES = re.compile(
    r"^(ttr|rep-n|self-bleu|dataset-bleu|choice-accuracy|top-1-accuracy|top-1-agreement|top-k-mass|rank-override)\||\|share:"
)
TITLE = re.compile(r"\bn (\d+)((?:; by seed [^;\"<]*)?); ((?:[^;\"<]|<wbr>|&[a-z]+;)*?hyperfit:0\.1\.0)")


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def unit_of(signature: str, n: int, seeds: int) -> tuple[int, str]:
    """How many of what, seeds apart."""
    name = signature.split("|")[0]
    if name == "top-1-agreement" and "mean:pairs" in signature:
        return n, "pairs of runs"
    if "|maximum" in signature and name == "rank-override":
        return n, "tokens"
    if "|maximum" in signature or "histogram:share" in signature:
        return n, "texts"
    if name == "mauve":
        return n // seeds, "texts"
    if name == "next-token-probability":
        return n, "tokens"
    if name == "samples-with-word":
        return n, "samples"
    if "interval:" not in signature and n == seeds or name.startswith(("epoch-of", "weight-norm", "training-loss")):
        return n, "runs"
    if name in ("loss", "perplexity", "entropy", "top-k-mass", "top-1-accuracy", "top-1-agreement"):
        return n // seeds, "sequences"
    return n // seeds, "questions" if name == "choice-accuracy" else "contexts"


def describe(n: int, unit: str, seeds: int) -> str:
    counted = f"{n} {re.sub(r's' + chr(92) + 'b', '', unit, count=1) if n == 1 else unit}"
    return f"{counted} x {seeds} seeds" if seeds > 1 and unit not in ("runs", "pairs of runs", "tokens") else counted


def restate_title(found: re.Match) -> str:
    n, by_seed, marked = int(found[1]), found[2], found[3]
    signature = marked.replace("<wbr>", "")
    declared = re.search(r"\|seeds:(\d+)", signature)
    seeds = int(declared[1]) if declared else max(1, by_seed.count(", ") + 1 if by_seed else 1)
    count, unit = unit_of(signature, n, seeds)
    rule = (
        "interval:none|texts-are-references-of-each-other"
        if signature.startswith("self-bleu")
        else (
            "interval:95|crossed:contexts-x-seeds|t:cochran|from:printed-numbers"
            if seeds > 1
            else "interval:bootstrap-95-by-cluster|spread-of-seeds:not-in-it"
        )
    )
    signature = (
        signature.replace("interval:bootstrap-95-by-cluster", rule)
        .replace(f"|n:{n}|", f"|{unit.replace(' ', '-')}:{count}|")
        .replace("|clusters:sequences", "")
    )
    if "<wbr>" in marked:
        signature = signature.replace("|", "|<wbr>")
    return f"{describe(count, unit, seeds)}{by_seed}; {signature}"


def half_width(variances: np.ndarray, freedoms: np.ndarray, tail: float) -> float:
    return float((variances * stats.t.isf(tail, freedoms)).sum() / math.sqrt(variances.sum())) if variances.sum() > 0 else 0.0


def crossed(value: float, low: float, high: float, clusters: int, seeds: list[float]) -> tuple[float, float, float]:
    """Interval and p over clusters and seeds from the interval over clusters of the mean over seeds."""
    error = (high - low) / 2 / NORMAL * math.sqrt(clusters / (clusters - 1))
    variances = np.array([error ** 2, np.var(seeds, ddof=1) / len(seeds)])
    freedoms = np.array([clusters - 1, len(seeds) - 1])
    half = half_width(variances, freedoms, 0.025)
    if value == 0 or variances.sum() == 0:
        return value - half, value + half, 1.0
    gap = lambda logarithm: half_width(variances, freedoms, math.exp(logarithm)) - abs(value)
    ends = (-600.0, math.log(0.5 - 1e-12))
    p = 2 * math.exp(optimize.brentq(gap, *ends)) if gap(ends[1]) < 0 < gap(ends[0]) else 1.0
    return value - half, value + half, p


def widened(value: float, low: float, high: float, clusters: int) -> tuple[float, float]:
    """As lib/evaluate/bootstrap.ts moves its percentiles for few clusters."""
    factor = stats.t.isf(0.025, clusters - 1) * math.sqrt(clusters / (clusters - 1)) / NORMAL
    return value - factor * (value - low), value + factor * (high - value)


class Cell:
    """A printed number with its title."""

    def __init__(self, title: str, text: str):
        found = TITLE.search(title)
        self.signature = found[3].replace("<wbr>", "")
        declared = re.search(r"\|seeds:(\d+)", self.signature)
        self.by_seed = [number(part) for part in found[2].removeprefix("; by seed ").split(", ")] if found[2] else []
        self.seeds = int(declared[1]) if declared else max(1, len(self.by_seed))
        self.count, self.unit = unit_of(self.signature, int(found[1]), self.seeds)
        shown = re.match(r"([^<]*)(?:<span class=\"interval\">(.*?) to (.*?)</span>)?", text)
        self.digits = len(shown[1].split(".")[1]) if "." in shown[1] else 0
        self.value = number(shown[1])
        self.text = shown[1]
        self.low, self.high = (number(shown[2]), number(shown[3])) if shown[2] else (None, None)

    def flat(self) -> tuple[float, float, str] | None:
        """Where every cluster gave the same, only counted shares have an interval."""
        if not re.search(r"^choice-accuracy\||\|share:over-", self.signature) or self.value not in (0, 1):
            return None
        return (0.0, flat_high(self.count), "") if self.value == 0 else (1 - flat_high(self.count), 1.0, "")

    def restated(self) -> tuple[float, float, str] | None:
        if self.signature.startswith("mauve"):
            return (min(self.by_seed), max(self.by_seed), "range ") if len(self.by_seed) > 1 else None
        if self.low is None or self.signature.startswith("self-bleu"):
            return None
        if self.low == self.high:
            return self.flat()
        ends = self.value, self.low, self.high
        if len(self.by_seed) > 1:
            if self.signature.startswith("perplexity"):
                logs = [math.log(part) for part in ends]
                low, high, _ = crossed(*logs, self.count, [math.log(part) for part in self.by_seed])
                return math.exp(low), math.exp(high), ""
            low, high, _ = crossed(*ends, self.count, self.by_seed)
        else:
            low, high = widened(*ends, self.count)
        return max(0.0, low), min(1.0 if SHARES.search(self.signature) else math.inf, high), ""


def flat_high(clusters: int) -> float:
    """Wilson's upper end for none of so many."""
    return stats.binomtest(0, clusters).proportion_ci(0.95, method="wilson").high


def shown(value: float, digits: int) -> str:
    whole, _, fraction = f"{abs(value):.{digits}f}".partition(".")
    grouped = f"{int(whole):,}" if len(whole) > 4 else whole
    return ("−" if value < 0 and round(value, digits) != 0 else "") + grouped + (f".{fraction}" if fraction else "")


def probability(p: float, is_bound: bool) -> str:
    if p < 0.0001:
        return "&lt; 0.0001"
    return f"≤ {math.ceil(p * 1e4 - 1e-9) / 1e4:.4f}" if is_bound else f"{p:.4f}"


CELL = re.compile(r'<td title="([^"]*)">([^<]*(?:<span class="interval">[^<]*</span>)?)</td>')


def results_rows(page: str) -> dict[tuple[str, str], Cell]:
    """The table of results by row name and quantity."""
    table = re.search(r"<h2>Results</h2>.*?</table>", page, re.S)
    rows, of = {}, ""
    for line in re.findall(r"<tr>(.*?)</tr>", table[0] if table else ""):
        name = re.match(r'<th scope="row(?:group)?"[^>]*>(.*?)</th>', line)
        of = html.unescape(name[1]) if name else of
        quantity, cell = re.search(r'<td class="free">(.*?)</td>', line), CELL.search(line)
        if quantity and cell:
            rows[of, html.unescape(quantity[1])] = Cell(cell[1], cell[2])
    return rows


QUANTITIES = {
    "longest overlap": "longest overlap, mean, tokens",
    "loss": "loss, nats",
    "entropy": "entropy, nats",
    "top1Mass": "probability of the first choice (@1)",
    "type-token ratio, against all samples": "type-token ratio",
}


def side_of(name: str, other: str, quantity: str, rows: dict) -> Cell:
    """The row behind a side of a comparison."""
    quantity = QUANTITIES.get(quantity, quantity)
    task = other.removesuffix(", hyperfitted")
    for of in (name, name.removeprefix("hyperfitted on "), f"{name}, fixed updates", f"{task}, original"):
        if (of, quantity) in rows:
            return rows[of, quantity]
    raise KeyError((name, quantity))


def holm(values: list[float]) -> list[float]:
    order = sorted(range(len(values)), key=lambda at: values[at])
    adjusted, least = [0.0] * len(values), 0.0
    for rank, at in enumerate(order):
        least = max(least, min(1.0, values[at] * (len(values) - rank)))
        adjusted[at] = least
    return adjusted


def restate_tests(section: str, rows: dict, name: str) -> str:
    lines = re.findall(
        r'<tr><th scope="row">(.*?) against (.*?)</th><td class="free">(.*?)</td><td title="n (\d+);[^"]*; (cells[^"]*)">(.*?)<span class="interval">(.*?) to (.*?)</span></td><td[^>]*>(.*?)</td>',
        section,
    )
    tests = []
    for first, second, quantity, n, files, *numbers in lines:
        difference, low, high, old = map(number, numbers)
        left, right = (
            side_of(html.unescape(a), html.unescape(b), html.unescape(quantity), rows) for a, b in ((first, second), (second, first))
        )
        seeds = max(len(left.by_seed), len(right.by_seed), 1)
        values = [
            cell.by_seed * (seeds if len(cell.by_seed) == 1 else 1) if cell.by_seed else [cell.value] * seeds for cell in (left, right)
        ]
        by_seed = [a - b for a, b in zip(*values)]
        test = {
            "names": (first, second, quantity),
            "over": describe(int(n), left.unit, seeds),
            "files": files,
            "difference": difference,
            "by_seed": by_seed,
            "p": None,
        }
        if quantity != "Self-BLEU":
            is_floor = old <= round(FLOOR, 4)
            p, is_bound = (FLOOR, True) if is_floor else (old, False)
            if seeds > 1:
                low, high, over_seeds = crossed(difference, low, high, int(n), by_seed)
                p, is_bound = (over_seeds, False) if over_seeds > p else (p, is_bound)
            else:
                low, high = widened(difference, low, high, int(n))
            test |= {"low": low, "high": high, "p": p, "is_bound": is_bound}
        tests.append(test)
    tested = [test for test in tests if test["p"] is not None]
    adjusted, least = holm([test["p"] for test in tested]), holm([0 if test["is_bound"] else test["p"] for test in tested])
    for test, p, lower in zip(tested, adjusted, least):
        test["adjusted"], test["is_adjusted_bound"] = p, lower < p
    return "".join(test_row(test, len(tested), name) for test in tests)


def test_row(test: dict, count: int, name: str) -> str:
    first, second, quantity = test["names"]
    title = f"{test['over']}; by seed {', '.join(shown(value, 3) for value in test['by_seed'])}; restated from printed numbers|p:larger-of-old-bootstrap-and-crossed:contexts-x-seeds|t:cochran|holm|tests:{count}; {test['files']}"
    if test["p"] is None:
        cells = [shown(test["difference"], 3), "not tested", "not tested", test["over"]]
    else:
        cells = [
            f"{shown(test['difference'], 3)}<span class=\"interval\">{shown(test['low'], 3)} to {shown(test['high'], 3)}</span>",
            probability(test["p"], test["is_bound"]),
            probability(test["adjusted"], test["is_adjusted_bound"]),
            test["over"],
        ]
    print(
        name,
        "|",
        first,
        "|",
        second,
        "|",
        quantity,
        "|",
        " | ".join(re.sub("<.*?>", " ", cell) for cell in cells),
        "|",
        [round(value, 3) for value in test["by_seed"]],
    )
    return (
        f'<tr><th scope="row">{first} against {second}</th><td class="free">{quantity}</td>'
        + "".join(f'<td title="{title}">{cell}</td>' for cell in cells)
        + "</tr>"
    )


def restate_cells(part: str) -> str:
    def restate(found: re.Match) -> str:
        if TITLE.search(found[1]) is None:
            return found[0]
        cell = Cell(found[1], found[2])
        ends = cell.restated()
        interval = (
            ""
            if ends is None or found[2].count("interval") == 0 and ends[2] == ""
            else f'<span class="interval">{ends[2]}{shown(ends[0], cell.digits)} to {shown(ends[1], cell.digits)}</span>'
        )
        title = found[1]
        if cell.low is not None and cell.low == cell.high:
            title = title.replace(
                "interval:bootstrap-95-by-cluster", "interval:wilson|confidence:0.95|unit:clusters" if ends else "interval:none"
            )
        return f'<td title="{title}">{cell.text}{interval}</td>'

    part = CELL.sub(restate, part)
    blank = '<td>–<span class="interval">{}</span></td></tr>'
    part = re.sub(
        r'(<td class="free">training loss</td><td>[^<]*</td><td>[^<]*</td>)<td></td></tr>',
        lambda found: found[1] + blank.format("nothing has been trained on yet"),
        part,
    )
    return part.replace("<td></td></tr>", blank.format("nothing to measure"))


def restate_figures(page: str, rows: dict) -> str:
    """Lines of intervals in the figures that draw rows under each other."""
    def figure(found: re.Match) -> str:
        quantity = html.unescape(found[1]).split(":")[0]
        most = max(float(text) for text in re.findall(r'class="middle">([\d.,]+)<', found[0].replace(",", "")))
        place = lambda value: round(min(360.0, max(18.0, 18 + value / most * 342)), 1)

        def row(series: re.Match) -> str:
            of = html.unescape(series[1])
            cell = next((cell for (name, what), cell in rows.items() if name == of and what.lower() == quantity.lower()), None)
            ends = cell and cell.restated()
            text = re.sub(r'<line class="interval-line"[^>]*/>', "", series[0])
            if not ends:
                return text
            y = re.search(r'<circle cx="[\d.]+" cy="(\d+)"', text)[1]
            label = re.search(r'<text x="([\d.]+)" (y="\d+" class="value)', text)
            text = text.replace(
                "<circle", f'<line class="interval-line" x1="{place(ends[0]):g}" x2="{place(ends[1]):g}" y1="{y}" y2="{y}"/><circle', 1
            )
            right = max(float(label[1]), place(ends[1]) + 9)
            return text.replace(label[0], f'<text x="{right:g}" {label[2]}')

        return re.sub(r'<g class="series colour-\d"><title>(.*?): [^:]*?; n \d+.*?</g>', row, found[0], flags=re.S)

    return re.sub(
        r'<svg viewBox="0 0 420 \d+" role="img" aria-label="([^"]*)">(?:(?!</svg>).)*?class="middle".*?</svg>', figure, page, flags=re.S
    )


NOTE = (
    "Restated from the numbers that this page printed before, since the cells of the study were not kept: intervals and p values are now over contexts and seeds "
    "where there are several seeds (they were over contexts alone), p values at the floor of 2,000 resamples are bounds, and “n” counts each context once. "
    "Where one seed stands alone, and wherever p says so, p is that of the earlier bootstrap; sign flips need the single texts."
)
SELF_BLEU = "Self-BLEU stands without interval and test: the earlier ones took its texts as independent, which are references of each other, and a right one needs the texts."
MAUVE = "MAUVE: one clustering of each training, and the range over trainings. Over clusterings it was seen to move by .02 to .24, and other contexts move it too: rows near each other are not told apart."


def restate(page: str, name: str) -> str:
    rows = results_rows(page)
    page = restate_figures(page, rows)
    page = re.sub(r"<h2>Results</h2>.*?</table>", lambda found: restate_cells(found[0]), page, flags=re.S)
    head, mark, tail = page.partition("<h2>Paired comparisons</h2>")
    if mark:
        body = re.search(r"<tbody>(.*?)</tbody>", tail, re.S)
        lines = restate_tests(body[1], rows, name)
        tail = tail.replace(body[1], lines, 1).replace(
            '<th scope="col">p, Holm</th></tr>', '<th scope="col">p, Holm</th><th scope="col">Over</th></tr>', 1
        )
        tested = lines.count("<tr>") - lines.count("<td class=\"free\">Self-BLEU")
        tail = tail.replace(
            "Differences on the same contexts, means over seeds first; Holm adjusts for all tests of this page.",
            f"Differences on the same contexts, with 95 % intervals, over contexts and seeds where there are several seeds. Holm adjusts for all tests of this page: {tested}. Other quantities are shown, not tested.",
            1,
        )
        page = head + mark + tail
    page = TITLE.sub(restate_title, page)
    for old, new in [
        ("stopped at least held-out loss", "early-stopped (lowest held-out loss)"),
        ("epoch of the least held-out loss", "epoch of the lowest held-out loss"),
        ("least held-out loss, at step", "lowest held-out loss, at step"),
        ("stopping where held-out loss is least", "stopping early, where held-out loss is lowest"),
        ("<li>Intervals of Self-BLEU take each text’s references as given.</li>", ""),
        ("Dots: ours, with 95 % intervals, and a stroke", "Dots: ours, with the intervals or ranges of the table, and a stroke"),
        (
            "Ours: value and 95 % interval; what each number is stands in its title.",
            "Ours: value and 95 % interval, over contexts and seeds where there are several seeds, else over contexts alone. What each number is stands in its title.",
        ),
    ]:
        page = page.replace(old, new)
    notes = [NOTE, *([SELF_BLEU] if "Self-BLEU" in page else []), *([MAUVE] if ">MAUVE<" in page else [])]
    items = "".join(f"<li>{note}</li>" for note in notes)
    return (
        page.replace("<h2>Notes</h2><ul>", f"<h2>Notes</h2><ul>{items}", 1)
        if "<h2>Notes</h2>" in page
        else page.replace("<footer>", f"<footer><h2>Notes</h2><ul>{items}</ul>", 1)
    )


STYLE = (
    "svg{font-family:system-ui,sans-serif}text{font-size:11px;fill:#6a675f}.middle{text-anchor:middle}.grid{stroke:#e4e1d8}.value{font-weight:650;font-size:12px}.interval-line{stroke-width:2.2;stroke-linecap:round}"
    ".run-mark{stroke-width:1.4;opacity:.55}.published{fill:#fff;stroke:#6a675f;stroke-width:1.4}.title{font-size:15px;font-weight:650;fill:#1d1c1a}"
    ".colour-1 line{stroke:#2f6fb3}.colour-2 line{stroke:#c2571a}.colour-4 line{stroke:#7a4fb5}.colour-1 circle,text.colour-1{fill:#2f6fb3}.colour-2 circle,text.colour-2{fill:#c2571a}.colour-4 circle,text.colour-4{fill:#7a4fb5}"
)


def picture(page: str) -> str:
    """The three figures of ways of writing side by side, for the README."""
    figures = [
        re.search(rf'<h3>{title}</h3></figcaption><svg viewBox="0 0 420 (\d+)"[^>]*>(.*?)</svg>', page, re.S)
        for title in ("Type-token ratio", "MAUVE", "Repeated bigrams")
    ]
    panels = "".join(
        f'<g transform="translate({20 + 440 * at} 40)"><text class="title" x="18" y="-14">{title}</text>{figure[2]}</g>'
        for at, (title, figure) in enumerate(zip(("Type-token ratio", "MAUVE", "Repeated bigrams"), figures))
    )
    bare = re.sub(r"<title>.*?</title>", "", panels, flags=re.S)
    height = 50 + max(int(figure[1]) for figure in figures)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1340 {height}" role="img"><style>{STYLE}</style><rect width="1340" height="{height}" fill="#fff"/>{bare}</svg>\n'


def main() -> None:
    old, new = map(Path, sys.argv[1:3])
    for path in sorted(old.glob("*.html")):
        page = restate(path.read_text(), path.stem)
        (new / path.name).write_text(page)
        if path.stem == "quality":
            (new / "ways-of-writing.svg").write_text(picture(page))


if __name__ == "__main__":
    main()
