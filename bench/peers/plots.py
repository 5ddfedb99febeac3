# SPDX-License-Identifier: Apache-2.0
"""Bars as SVG: how long each program takes for a case, by osprey's time."""

from xml.sax.saxutils import escape

COLOURS = {"osprey": "#1b6ca8", "openvino": "#8f5fa8", "onnxruntime": "#c98a1b",
           "pytorch": "#b5452c"}
NAMES = {"osprey": "osprey", "openvino": "OpenVINO", "onnxruntime": "ONNX Runtime",
         "pytorch": "PyTorch"}
LEFT, BARS, RIGHT = 170, 430, 130  # pixels
BAR, GAP, HEAD = 13, 10, 62
WIDEST = 4  # times osprey's time; longer bars are cut


def text(x, y, content, extra=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" {extra}>{escape(content)}</text>'


def bars(name, programs, y):
    """One case; gives its SVG and the height that it took."""
    ours = programs["osprey"]["ms_min"]
    parts = [text(LEFT - 8, y + BAR * len(programs) / 2 + 4, name, 'text-anchor="end"')]
    for program, figures in programs.items():
        ratio = figures["ms_min"] / ours
        width = BARS * min(ratio, WIDEST) / WIDEST
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 2}" '
                     f'fill="{COLOURS[program]}"/>')
        label = f"{figures['ms_min']:.1f} ms"
        if program != "osprey":
            label += f", {ratio:.2f}x" + (" (cut)" if ratio > WIDEST else "")
        parts.append(text(LEFT + width + 5, y + BAR - 3, label, 'font-size="10"'))
        y += BAR
    return parts, len(programs) * BAR + GAP


def legend(programs):
    x = LEFT
    for program in programs:
        yield f'<rect x="{x}" y="34" width="11" height="11" fill="{COLOURS[program]}"/>'
        yield text(x + 15, 44, NAMES[program])
        x += 125


def chart(title, cases):
    """cases: {name: {program: figures}}, osprey in each."""
    parts, y = [], HEAD
    for name, programs in cases.items():
        drawn, height = bars(name, programs, y)
        parts += drawn
        y += height
    present = [p for p in COLOURS if any(p in programs for programs in cases.values())]
    width = LEFT + BARS + RIGHT
    line = LEFT + BARS / WIDEST
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" '
        f'viewBox="0 0 {width} {y}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{y}" fill="white"/>',
        text(LEFT, 20, title, 'font-size="14" font-weight="bold"'),
        *legend(present),
        f'<line x1="{line:.1f}" x2="{line:.1f}" y1="{HEAD - 6}" y2="{y - GAP + 4}" '
        'stroke="#999" stroke-dasharray="3 3"/>',
        *parts, "</svg>", ""])


def image_towers(cases, precision):
    """The chart of one precision, or None where nothing of it was measured."""
    chosen = {}
    for name, outcome in cases.items():
        model, tower, batch, of = name.split("/")
        if tower == "image" and of == precision and "osprey" in outcome["programs"]:
            in_order = {p: outcome["programs"][p] for p in COLOURS if p in outcome["programs"]}
            chosen[f"{model}, batch {batch}"] = in_order
    return chart(f"Image towers, {precision}: milliseconds a batch", chosen) if chosen else None
