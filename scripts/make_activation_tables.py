#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/kernels/x86/activation_tables.h, cubics for activations that are rounded afterwards.

    .venv/bin/python scripts/make_activation_tables.py

An activation of x is max(x, 0) less a function of |x| that is fitted here in 32 segments: with
t = |x| + 0.5 a segment is an eighth of an octave of t, from 0.5 to 8. Each fit is one of least
squares, weighted anew until its largest error beside 2e-4 * |value| + 1e-5 hardly falls (Lawson's
method).
"""

import math
import subprocess
from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parent.parent / "src" / "kernels" / "x86" / "activation_tables.h"
SEGMENTS, OCTAVE, OFFSET, DEGREE = 32, 8, 0.5, 3
ROUNDS = 300
FIELDS = ["constant", "linear", "square", "cube"]
HEAD = """\
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Made by scripts/make_activation_tables.py, which says how: cubics in t = |x| + 0.5, within 9e-7.
 * What quick GELU still is below -7 goes to -1.1e-5.
 */
#ifndef OSPREY_KERNELS_X86_ACTIVATION_TABLES_H
#define OSPREY_KERNELS_X86_ACTIVATION_TABLES_H

typedef struct activation_table {
    _Alignas(64) float constant[32], linear[32], square[32], cube[32];
} activation_table;

"""
erfc = np.vectorize(math.erfc)
# What max(x, 0) is larger by, where |x| is y.
FALLS = {
    "gelu": lambda y: y * 0.5 * erfc(y / math.sqrt(2)),
    "gelu_tanh": lambda y: y / (1 + np.exp(2 * math.sqrt(2 / math.pi) * (y + 0.044715 * y**3))),
    "quick_gelu": lambda y: y / (1 + np.exp(1.702 * y)),
}


def fit(function, low, high):
    """The monomials' factors, the constant first, of the cubic in t for y from low to high."""
    y = np.linspace(low, high, 201)
    tolerance = 2e-4 * function(y) + 1e-5
    middle, half = (low + high) / 2, (high - low) / 2
    powers = np.vander((y - middle) / half, DEGREE + 1, increasing=True)
    weights = np.ones_like(y)
    for _ in range(ROUNDS):
        scale = np.sqrt(weights) / tolerance
        factors = np.linalg.lstsq(powers * scale[:, None], function(y) * scale, rcond=None)[0]
        error = abs(powers @ factors - function(y)) / tolerance
        weights *= error / error.max() + 1e-3
        weights /= weights.sum()
    to_t = np.poly1d([1 / half, -(middle + OFFSET) / half])
    cubic = sum((factor * to_t**power for power, factor in enumerate(factors)), np.poly1d([0]))
    return np.pad(cubic.coeffs[::-1], (0, DEGREE + 1 - len(cubic.coeffs)))


def segment(function, number):
    """Its place in the table, from the bits of t, and the factors of what is to be added."""
    exponent = number // OCTAVE - 1
    low, high = (2.0**exponent * (1 + (number % OCTAVE + side) / OCTAVE) - OFFSET
                 for side in (0, 1))
    fitted = function
    if number == SEGMENTS - 1:  # all beyond gets its last value: half of what is left there
        rest = max(0, function(np.array([high]))[0] / 2)
        fitted = lambda y: function(y) - rest * ((y - low) / (high - low))**2
    return ((exponent + 127) & 3) * OCTAVE + number % OCTAVE, -fit(fitted, low, high)


def main():
    text = HEAD
    for name, function in FALLS.items():
        table = np.zeros((SEGMENTS, DEGREE + 1), np.float32)
        for number in range(SEGMENTS):
            place, factors = segment(function, number)
            table[place] = factors
        text += f"static const activation_table {name}_table = {{\n"
        for field, values in zip(FIELDS, table.T, strict=True):
            text += f"    .{field} = {{" + ", ".join(f"{float(v):#.9g}F" for v in values) + "},\n"
        text += "};\n\n"
    FILE.write_text(text + "#endif\n", "utf-8")
    subprocess.run(["clang-format", "-i", FILE], check=True)


if __name__ == "__main__":
    main()
