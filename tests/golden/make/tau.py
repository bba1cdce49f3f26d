"""tau.json: Kendall's tau-b and Spearman's rho of scipy for seeded lists with and without ties."""
import math
import warnings

import numpy as np
from scipy.stats import kendalltau, spearmanr

from common import versions, write_json


def or_null(value):
    return None if math.isnan(value) else float(value)


def draw_lists(rng, n, kind):
    if kind == "plain":  # no ties, loosely related
        x = rng.normal(size=n)
        return x, 0.5 * x + rng.normal(size=n)
    if kind == "ties":  # few levels: ties in both lists, and joint ones
        return rng.integers(0, 3, n).astype(float), rng.integers(0, 3, n).astype(float)
    if kind == "ties-one":  # ties in the second list only
        return rng.normal(size=n), rng.integers(0, 2, n).astype(float)
    if kind == "same":
        x = rng.normal(size=n)
        return x, x.copy()
    if kind == "reversed":
        x = rng.normal(size=n)
        return x, -x
    constant = np.full(n, rng.normal())
    return (constant, rng.normal(size=n)) if kind == "constant-x" else (constant, constant.copy())


def main():
    warnings.simplefilter("ignore")  # scipy warns about constant lists; their value is null here
    rng = np.random.default_rng(4000)
    kinds = ["plain"] * 7 + ["ties"] * 6 + ["ties-one"] * 2 + ["same", "reversed", "constant-x", "constant-both"]
    cases = []
    for n in range(2, 13):
        for kind in kinds:
            x, y = draw_lists(rng, n, kind)
            x, y = np.round(x, 6), np.round(y, 6)
            cases.append({"kind": kind, "x": x.tolist(), "y": y.tolist(),
                          "tauB": or_null(kendalltau(x, y).statistic), "spearman": or_null(spearmanr(x, y).statistic)})
    write_json("tau.json", {"versions": versions("scipy", "numpy"), "cases": cases})
    print(len(cases), "tau cases,", sum(case["tauB"] is None for case in cases), "without a value")


if __name__ == "__main__":
    main()
