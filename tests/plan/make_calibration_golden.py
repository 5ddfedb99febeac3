#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the cuts that test_calibration.c expects: Migacz's search (GTC 2017) as his slides have it,
bin by bin, over the same distributions."""

import numpy as np

BINS, LEVELS = 2048, 128


def divergence(counts, cut):
    kept = counts[:cut].astype(np.float64)
    p = kept.copy()
    p[-1] += counts[cut:].sum()
    q = np.zeros(cut)
    for level in range(LEVELS):
        begin, end = level * cut // LEVELS, (level + 1) * cut // LEVELS
        filled = kept[begin:end] > 0
        if filled.any():
            q[begin:end][filled] = kept[begin:end].sum() / filled.sum()
    p, q = p / p.sum(), q / q.sum()
    if (q[p > 0] == 0).any():
        return np.inf
    return (p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum()


def best_cut(counts):
    used = np.flatnonzero(counts)[-1] + 1
    found = np.array([divergence(counts, cut) for cut in range(LEVELS, used + 1)])
    order = np.sort(found)
    return LEVELS + int(found.argmin()), order[1] - order[0]


def main():
    b = np.arange(BINS)
    distributions = {
        "long_tail": 1000000 // (1 + b * b // 16),
        "outliers": np.where(b < 600, (600 - b) ** 2, (b >= 1900) * (b % 50 == 0) * 3),
        "uniform": np.full(BINS, 10),
        "sparse": np.where(b % 3 == 0, 3000000 // (100 + b * b), 0),
        "two_humps": np.where(b < 300, 5000, np.where(abs(b - 1500) < 40, 900, 0)),
    }
    for name, counts in distributions.items():
        cut, margin = best_cut(counts)
        print(f"{name}: cut {cut}, better than the next by {margin:.3g}")


if __name__ == "__main__":
    main()
