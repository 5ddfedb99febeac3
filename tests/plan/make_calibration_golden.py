#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the cuts that test_calibration.c expects: Migacz's search (GTC 2017) as his slides have it,
bin by bin, over the same distributions, but without bin 0, and among the cuts alone that are not
below the one of the least squared error, measured value by value, and err no more than no cut."""

import numpy as np

BINS, LEVELS = 2048, 128
VALUES = 16  # that stand for a bin, evenly spaced


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


def squared_error(counts, cut):
    values = (np.arange(BINS * VALUES) + 0.5) / VALUES
    step = cut / (LEVELS - 1)
    levels = np.minimum(np.round(values / step), LEVELS - 1) * step
    return (((values - levels) ** 2).reshape(BINS, VALUES).mean(axis=1) * counts).sum()


def best_cut(counts):
    counts = np.where(np.arange(BINS) == 0, 0, counts)
    used = np.flatnonzero(counts)[-1] + 1
    found = np.array([divergence(counts, cut) for cut in range(LEVELS, used + 1)])
    errors = np.array([squared_error(counts, cut) for cut in range(LEVELS, used + 1)])
    may = (np.arange(len(found)) >= errors.argmin()) & (errors <= errors[-1])
    allowed = np.where(may, found, np.inf)
    order = np.sort(allowed)
    return LEVELS + int(allowed.argmin()), order[1] - order[0], LEVELS + int(found.argmin())


def main():
    b = np.arange(BINS)
    distributions = {
        "long_tail": 1000000 // (1 + b * b // 16),
        "outliers": np.where(b < 600, (600 - b) ** 2, (b >= 1900) * (b % 50 == 0) * 3),
        "uniform": np.full(BINS, 10),
        "sparse": np.where(b % 3 == 0, 3000000 // (100 + b * b), 0),
        "two_humps": np.where(b < 300, 5000, np.where(abs(b - 1500) < 40, 900, 0)),
        "rectified": np.where(b == 0, 500000000, (BINS - b) ** 4 // 10**8),
        "far_away": np.where(b < 400, (400 - b) ** 2, (b >= 2000) * 5),
    }
    for name, counts in distributions.items():
        cut, margin, unguarded = best_cut(counts)
        print(f"{name}: cut {cut}, better than the next by {margin:.3g}; "
              f"whatever the error {unguarded}")


if __name__ == "__main__":
    main()
