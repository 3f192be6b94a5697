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
    yield lambda: np.array(["a", "b"], np.dtypes.StringDType())
    yield lambda: np.array(["a", None], np.dtypes.StringDType(na_object=None))
    yield lambda: np.array(["a", np.nan], np.dtypes.StringDType(na_object=np.nan, coerce=False))
    yield lambda: np.ma.masked_array([(1, 2.0)], [(0, 1)], [("a", "i4"), ("b", "f8")])
    yield lambda: np.ma.masked_array(["a"], [1])
    yield lambda: np.array(["2020", "NaT"], "M8[D]").astype("M8[h]")
    yield lambda: np.dtype([("a", "f4", (2, 3)), ("b", "O")], align=True)
    yield lambda: (np.random.SeedSequence(1), np.random.default_rng(1).bit_generator)
    yield lambda: np.array([{"a": 1}, [1, 2], None, "x"], object)
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


def every_distribution():
    """Every distribution of SciPy, as it is and frozen with the shapes that its own tests give it."""
    from scipy import stats
    from scipy.stats import _distr_params as given

    for name, shapes in [*given.distcont, *given.distdiscrete]:
        if isinstance(name, str):
            yield lambda name=name: getattr(stats, name)
            yield lambda name=name, shapes=shapes: getattr(stats, name)(*shapes)
            yield lambda name=name, shapes=shapes: getattr(stats, name)(*shapes, loc=1)
    yield lambda: stats.rv_histogram(([1, 2], [0, 1, 2]))
    yield lambda: stats.rv_histogram(([1, 2], [0, 1, 2])).freeze()
    one = [[1.0, 0], [0, 1.0]]
    for name, shapes in {
        "multivariate_t": ([0, 0], one), "wishart": (3, one), "invwishart": (3, one), "dirichlet": ([1.0, 2],),
        "ortho_group": (3,), "special_ortho_group": (3,), "unitary_group": (3,),
        "matrix_normal": ([[0.0, 0], [0, 0]],), "vonmises_fisher": ([1.0, 0], 1), "uniform_direction": (3,),
        "random_correlation": ([0.5, 1.5],),
        "dirichlet_multinomial": ([1.0, 2], 3), "normal_inverse_gamma": (), "matrix_t": ([[0.0]],),
    }.items():  # fmt: skip
        yield lambda name=name, shapes=shapes: getattr(stats, name)(*shapes)
    yield lambda: stats.Covariance.from_diagonal([1.0, 2])
    yield lambda: stats.Covariance.from_cholesky(one)
    for name in ("Sobol", "Halton"):
        yield lambda name=name: getattr(stats.qmc, name)(2)


def curves_and_bodies():
    """SciPy's interpolators, trees, rotations and results."""
    import numpy as np
    from scipy import interpolate, optimize, spatial

    x, y = np.arange(8.0), np.arange(8.0) ** 2
    points = np.random.RandomState(0).rand(20, 2)
    for name in ("BarycentricInterpolator", "KroghInterpolator", "InterpolatedUnivariateSpline", "AAA", "CubicSpline",
                 "FloaterHormannInterpolator", "UnivariateSpline", "Akima1DInterpolator", "PchipInterpolator",
                 "make_smoothing_spline"):  # fmt: skip
        yield lambda name=name: getattr(interpolate, name)(x, y)
    yield lambda: interpolate.splrep(x, y)
    yield lambda: interpolate.LSQUnivariateSpline(x, y, [3.5])
    yield lambda: interpolate.CubicHermiteSpline(x, y, y)
    yield lambda: interpolate.PPoly(np.ones((2, 2)), [0, 1, 2])
    yield lambda: interpolate.BPoly(np.ones((2, 2)), [0, 1, 2])
    yield lambda: interpolate.NdPPoly(np.ones((2, 2, 1, 1)), ([0, 1], [0, 1]))
    yield lambda: interpolate.NdBSpline((np.arange(8.0), np.arange(8.0)), np.ones((4, 4)), 3)
    for name in ("CloughTocher2DInterpolator", "NearestNDInterpolator", "LinearNDInterpolator", "RBFInterpolator"):
        yield lambda name=name: getattr(interpolate, name)(points, points[:, 0])
    yield lambda: interpolate.RectBivariateSpline(x, x, np.outer(x, x))
    yield lambda: interpolate.SmoothBivariateSpline(points[:, 0], points[:, 1], points[:, 0], kx=1, ky=1)
    for method in ("linear", "nearest", "cubic", "pchip"):
        yield lambda method=method: interpolate.RegularGridInterpolator((x, x), np.outer(x, x), method=method)
    for name in ("Voronoi", "Delaunay", "ConvexHull", "KDTree", "cKDTree"):
        yield lambda name=name: getattr(spatial, name)(points)
    turn = spatial.transform.Rotation.from_rotvec([[0.0, 0, 0], [0, 0, 1.0]])
    yield lambda: turn
    yield lambda: spatial.transform.Slerp([0, 1], turn)
    yield lambda: spatial.transform.RotationSpline([0, 1], turn)
    yield lambda: spatial.transform.RigidTransform.from_translation([0.0, 0, 1])
    yield lambda: optimize.minimize(lambda v: (v**2).sum(), [1.0], method="Nelder-Mead")
    yield lambda: optimize.minimize(lambda v: (v**2).sum(), [1.0])
    yield lambda: optimize.linprog([1.0], bounds=(0, 1))
    yield lambda: (optimize.Bounds([0.0], [1.0]), optimize.LinearConstraint([[1.0]], 0, 1))


def frames():
    """pandas."""
    import numpy as np
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
    for kind in ("string[pyarrow]", "int64[pyarrow]", "double[pyarrow]", "bool[pyarrow]", "timestamp[ns][pyarrow]",
                 "string[python]", "str"):  # fmt: skip
        yield lambda kind=kind: pd.DataFrame({"x": pd.Series([None, None], dtype=kind)})
        yield lambda kind=kind: pd.Series([None, None], dtype=kind).dtype
    yield lambda: pd.DataFrame({"x": [1, 2]}).convert_dtypes(dtype_backend="pyarrow")
    for kind in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64",
                 "boolean", "string", "category", "Sparse[int]", "period[D]", "interval[int64]",
                 "datetime64[ns, UTC]"):  # fmt: skip
        yield lambda kind=kind: pd.Series([], dtype=kind)
        yield lambda kind=kind: _used(pd.Series([], dtype=kind).dtype)
    yield lambda: pd.Series(pd.array([1, None], "Int64"), index=pd.Index([1, 2], dtype="Int64"))
    yield lambda: pd.interval_range(0, 3)
    yield lambda: pd.Series([1, 2], index=pd.IntervalIndex.from_breaks([0, 1, 2]))
    yield lambda: pd.DataFrame({"a": [1, 2]}).groupby("a").size()
    yield lambda: pd.DataFrame({"a": [1, 2]}).describe()
    yield lambda: pd.DataFrame({"a": [1, 2], "b": [1j, 2]}).set_flags(allows_duplicate_labels=False)
    yield lambda: pd.DataFrame({"a": np.arange(2, dtype="f4")}, index=pd.Index(["u", "v"], name="n"))
    yield lambda: pd.DataFrame({"a": pd.period_range("2020", periods=2), "b": pd.to_timedelta([1, 2])})
    yield lambda: pd.get_dummies(pd.Series(["a", "b"]))
    for freq in ("D", "h", "W", "MS", "B", "QS", "ME", "YE", "YS", "QE", "min", "s", "ms", "us", "ns", "SME", "BME",
                 "BMS", "BQE", "BYE", "W-FRI", "2D", "WOM-1MON"):  # fmt: skip
        yield lambda freq=freq: pd.Series([1, 2], index=pd.date_range("2020", periods=2, freq=freq))
    yield lambda: pd.cut(pd.Series([1.0, 2, 3]), 2)
    yield lambda: pd.DataFrame({"t": pd.date_range("2020", periods=2, tz="UTC")})
    yield lambda: pd.DataFrame({"t": pd.date_range("2020", periods=2, tz="Europe/Paris")})
    yield lambda: pd.CategoricalDtype(["a"], ordered=True)


def _used(dtype):
    """A type that remembers what it was asked."""
    for name in ("numpy_dtype", "kind", "itemsize", "na_value"):
        getattr(dtype, name, None)
    return dtype


SOURCES = (plain, arrays, sparse_and_statistics, every_distribution, curves_and_bodies, frames)
