"""Plain data as it lies beside models: the standard library, NumPy, SciPy, pandas."""

from __future__ import annotations


def plain():
    """Values of the standard library."""
    import argparse
    import collections
    import datetime
    import decimal
    import fractions
    import pathlib
    import types
    import uuid

    utc = datetime.timezone.utc  # noqa: UP017 - Python 3.7 to 3.10 as well
    yield lambda: (datetime.datetime(2020, 1, 1, tzinfo=utc), datetime.timedelta(1), datetime.date(2020, 1, 1))
    yield lambda: (datetime.time(1, 2), decimal.Decimal("1.5"), fractions.Fraction(1, 3), uuid.UUID(int=1))
    yield lambda: (pathlib.Path("a/b"), pathlib.PurePosixPath("c"), argparse.Namespace(a=1), types.SimpleNamespace(b=2))
    yield lambda: (collections.OrderedDict(a=1), collections.Counter("ab"), collections.deque([1], 3))
    yield lambda: (collections.defaultdict(list), collections.defaultdict(int), collections.ChainMap({"a": 1}))
    yield lambda: (slice(1), range(3), complex(1, 2), frozenset([1]), {1}, bytearray(b"x"), b"x", Ellipsis, type(None))


def arrays():
    """NumPy arrays, types, generators and functions."""
    import numpy as np

    for kind in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"):
        yield lambda kind=kind: np.random.Generator(getattr(np.random, kind)(0))
    yield lambda: np.random.RandomState(0)
    for dtype in ("?", "b", "h", "i", "q", "e", "f", "d", "g", "F", "D", "U5", "S5", "M8[ns]", "m8[s]", "O"):
        yield lambda dtype=dtype: np.zeros(3, dtype)
        yield lambda dtype=dtype: np.zeros(3, dtype)[0]
        yield lambda dtype=dtype: np.dtype(dtype)
    yield lambda: np.zeros(2, [("a", "f4"), ("b", "i8")])
    yield lambda: np.ma.masked_array([1, 2], [0, 1])
    yield lambda: np.ma.masked
    yield lambda: np.matrix([[1, 2]])
    yield lambda: np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")])
    yield lambda: np.char.array(["a", "b"])
    yield lambda: np.poly1d([1, 2])
    yield lambda: np.asfortranarray(np.eye(4))
    for name in ("Polynomial", "Chebyshev", "Legendre", "Hermite", "HermiteE", "Laguerre"):
        yield lambda name=name: getattr(np.polynomial, name)([1, 2])
    for value in list(vars(np).values()):
        if isinstance(value, np.ufunc) or (isinstance(value, type) and issubclass(value, np.generic)):
            yield lambda value=value: value
    for name in ("mean", "median", "std", "var", "sum", "nanmean", "nanmedian", "nan_to_num", "ravel", "squeeze", "min",
                 "max", "argmax", "argmin", "abs", "round", "clip", "array", "asarray"):  # fmt: skip
        yield lambda name=name: getattr(np, name)


def sparse_and_statistics():
    """SciPy."""
    import numpy as np
    import scipy.sparse as sp
    from scipy import interpolate, spatial, stats

    dense = np.eye(4)
    for form in ("csr", "csc", "coo", "bsr", "dia", "dok", "lil"):
        for kind in ("_matrix", "_array"):
            yield lambda form=form, kind=kind: getattr(sp, form + kind)(dense)
    for kind in ("linear", "nearest", "cubic", "previous"):
        yield lambda kind=kind: interpolate.interp1d([0, 1, 2, 3], [0, 1, 2, 4], kind=kind)
    yield lambda: interpolate.make_interp_spline([0, 1, 2, 3], [0, 1, 2, 3])
    for name in ("PchipInterpolator", "CubicSpline", "Akima1DInterpolator", "UnivariateSpline"):
        yield lambda name=name: getattr(interpolate, name)([0, 1, 2, 3, 4], [0, 1, 2, 5, 3])
    yield lambda: interpolate.RegularGridInterpolator(([0, 1],), [0, 1])
    yield lambda: interpolate.LinearNDInterpolator([[0, 0], [1, 0], [0, 1]], [1, 2, 3])
    yield lambda: interpolate.RBFInterpolator([[0, 0], [1, 0], [0, 1]], [1, 2, 3])
    for name in ("KDTree", "cKDTree", "Delaunay", "ConvexHull"):
        yield lambda name=name: getattr(spatial, name)(np.random.RandomState(0).rand(8, 2))
    yield lambda: spatial.transform.Rotation.from_euler("x", 1)
    shapes = {"beta": (1, 2), "gamma": (1,), "lognorm": (1,), "loguniform": (0.1, 1), "t": (3,), "truncnorm": (0, 1),
              "weibull_min": (1,), "pareto": (1,), "chi2": (2,), "randint": (0, 4), "poisson": (2,), "binom": (3, 0.5),
              "geom": (0.5,), "triang": (0.5,), "reciprocal": (0.1, 1), "nbinom": (3, 0.5)}  # fmt: skip
    for name in ("norm", "uniform", "expon", "cauchy", "laplace", "logistic", "bernoulli", *shapes):
        given = shapes.get(name, (0.5,) if name == "bernoulli" else ())
        yield lambda name=name, given=given: getattr(stats, name)(*given)
        yield lambda name=name: getattr(stats, name)
    yield lambda: stats.gaussian_kde([1.0, 2, 3])
    yield lambda: stats.multivariate_normal([0, 0])


def frames():
    """pandas."""
    import pandas as pd

    series = pd.Series([1, 2, None], index=pd.date_range("2020", periods=3))
    yield from (lambda value=value: value for value in (series, series.index, pd.Timestamp("2020"), pd.Timedelta("1s")))
    for name in ("NA", "NaT"):
        yield lambda name=name: getattr(pd, name)
    yield lambda: pd.Interval(0, 1)
    yield lambda: pd.Period("2020-01")
    yield lambda: pd.DataFrame({"a": pd.Categorical(["x", "y"]), "b": [1.0, 2], "c": ["u", None]})
    yield lambda: pd.DataFrame({"b": pd.array([1, None], "Int64"), "c": pd.array(["a", None], "string")})
    yield lambda: pd.DataFrame({"d": pd.array([True, None], "boolean"), "f": [[1], [2]]})
    yield lambda: pd.DataFrame({"e": pd.array([1.0, None], "Float64")})
    yield lambda: pd.DataFrame({"s": pd.arrays.SparseArray([0, 0, 1])})
    for size in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32"):
        yield lambda size=size: pd.DataFrame({"x": pd.array([1, None], size)})
    yield lambda: pd.MultiIndex.from_product([[1, 2], ["a"]])
    yield lambda: pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_product([["a"], ["b", "c"]]))
    yield lambda: (pd.RangeIndex(3), pd.Index(["a"]), pd.Index([1.5]), pd.Index([1, 2]), pd.CategoricalIndex(["a"]))
    yield lambda: pd.period_range("2020", periods=2, freq="M")
    yield lambda: pd.timedelta_range("1D", periods=3)
    for freq in ("D", "h", "W", "MS", "B", "QS"):
        yield lambda freq=freq: pd.Series([1, 2], index=pd.date_range("2020", periods=2, freq=freq))
    yield lambda: pd.cut(pd.Series([1.0, 2, 3]), 2)
    yield lambda: pd.DataFrame({"t": pd.date_range("2020", periods=2, tz="UTC")})
    yield lambda: pd.DataFrame({"t": pd.date_range("2020", periods=2, tz="Europe/Paris")})
    yield lambda: pd.CategoricalDtype(["a"], ordered=True)


SOURCES = (plain, arrays, sparse_and_statistics, frames)
