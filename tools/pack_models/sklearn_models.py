"""scikit-learn: every estimator fitted, and the combinations that people ship."""

from __future__ import annotations

import sys


def every_estimator():
    """Every estimator, fitted on small data in the ways that its tests would."""
    import numpy as np

    try:
        from sklearn.utils import all_estimators
    except ImportError:  # before 0.22
        from sklearn.utils.testing import all_estimators

    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 1, (60, 4))
    y = np.arange(60) % 3
    targets = [y, y % 2, x[:, 0], np.stack([y, y], 1), None]
    inputs = (x, ["a b c", "b c d", "c d e"] * 20, [{"a": 1, "b": 2}] * 60, x.astype("float32"))
    for name, cls in all_estimators():
        for instance in _instances(name, cls):
            yield lambda instance=instance: instance
            for data in inputs:
                for target in targets:
                    yield lambda instance=instance, data=data, target=target: _fit(instance, data, target)


def _fit(instance, data, target):
    return instance.fit(data, target) if target is not None else instance.fit(data)


def _instances(name, cls):
    try:
        from sklearn.utils._test_common.instance_generator import _construct_instances

        return list(_construct_instances(cls))
    except ImportError:
        pass
    except Exception as error:  # noqa: BLE001 - abstract, or in need of an optional library
        sys.stderr.write(f"{name}: {error}\n")
        return []
    from sklearn.linear_model import LogisticRegression, Ridge

    for given in ((), (LogisticRegression(),), (Ridge(),), ([("a", LogisticRegression())],), ([("a", Ridge())],)):
        try:
            return [cls(*given)]
        except TypeError:
            continue
    return []


def kernels():
    """Gaussian processes with every kernel, alone and composed."""
    import numpy as np
    from sklearn import gaussian_process

    x = np.random.default_rng(0).uniform(0.1, 1, (40, 3))
    y = np.arange(40) % 2
    k = gaussian_process.kernels
    for name in ("Matern", "RBF", "DotProduct", "RationalQuadratic", "WhiteKernel", "ExpSineSquared", "ConstantKernel"):
        one = getattr(k, name)()
        for made in (one, one + k.WhiteKernel(), one * k.RBF(), k.Exponentiation(k.RBF(), 2), k.PairwiseKernel()):
            yield lambda made=made: made
            yield lambda made=made: gaussian_process.GaussianProcessClassifier(made).fit(x, y)
            yield lambda made=made: gaussian_process.GaussianProcessRegressor(made, alpha=0.1).fit(x, x[:, 0])
    yield lambda: k.CompoundKernel([k.RBF()])


def combined():
    """Pipelines, column transformers, searches, calibrated, voting and stacked models."""
    import numpy as np
    import pandas as pd
    from scipy import stats
    from sklearn import (
        calibration,
        compose,
        ensemble,
        feature_selection,
        impute,
        linear_model,
        model_selection,
        naive_bayes,
        neighbors,
        pipeline,
        preprocessing,
        svm,
        tree,
    )

    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.1, 1, (80, 4)), np.arange(80) % 2
    frame = pd.DataFrame(x, columns=list("abcd")).assign(city=pd.Series(["x", "y"] * 40), flag=y.astype(bool))
    columns = compose.ColumnTransformer(
        [
            ("n", pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()), list("abcd")),
            ("c", preprocessing.OneHotEncoder(handle_unknown="ignore"), ["city"]),
            ("o", preprocessing.OrdinalEncoder(), compose.make_column_selector(dtype_include=object)),
        ],
        remainder="passthrough",
    )
    yield lambda: pipeline.make_pipeline(columns, linear_model.LogisticRegression()).fit(frame, y)
    yield lambda: pipeline.make_pipeline(columns, ensemble.RandomForestClassifier(5)).fit(frame, y)
    search, random = model_selection.GridSearchCV, model_selection.RandomizedSearchCV
    yield lambda: search(svm.SVC(), {"C": [1, 2]}, cv=3).fit(x, y)
    yield lambda: search(svm.SVC(), {"C": [1, 2]}, cv=model_selection.StratifiedKFold(3)).fit(x, y)
    yield lambda: random(tree.DecisionTreeClassifier(), {"max_depth": [2, 3]}, n_iter=2, cv=3).fit(x, y)
    for space in (stats.uniform(0.1, 1), stats.loguniform(0.1, 1)):
        state = np.random.RandomState(0)
        yield lambda space=space, state=state: random(
            linear_model.Ridge(), {"alpha": space}, n_iter=2, cv=3, random_state=state
        ).fit(x, y)
    yield lambda: calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), cv=3).fit(x, y)
    for method in ("sigmoid", "isotonic"):
        yield lambda method=method: calibration.CalibratedClassifierCV(svm.LinearSVC(), method=method, cv=3).fit(x, y)
    base = [("a", linear_model.LogisticRegression()), ("b", neighbors.KNeighborsClassifier())]
    yield lambda: ensemble.VotingClassifier(base).fit(x, y)
    yield lambda: ensemble.StackingClassifier(base, cv=3).fit(x, y)
    yield lambda: feature_selection.SelectKBest().fit(x, y)
    yield lambda: pipeline.make_pipeline(
        preprocessing.FunctionTransformer(np.log1p),
        feature_selection.SelectFromModel(ensemble.ExtraTreesClassifier(3)),
        linear_model.SGDClassifier(random_state=np.random.RandomState(3)),
    ).fit(x, y)


def losses():
    """Every loss, solver, criterion and metric, for each brings its own class along."""
    import numpy as np
    from sklearn import ensemble, linear_model, metrics, neighbors, neural_network, tree

    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.1, 1, (80, 4)), np.arange(80) % 2
    for solver in ("adam", "sgd", "lbfgs"):
        early = solver != "lbfgs"
        yield lambda solver=solver, early=early: neural_network.MLPClassifier(
            (4,), solver=solver, max_iter=20, early_stopping=early
        ).fit(x, y)
    for loss in ("hinge", "log_loss", "log", "modified_huber", "squared_hinge", "perceptron", "squared_error", "huber",
                 "squared_loss", "epsilon_insensitive", "squared_epsilon_insensitive"):  # fmt: skip
        yield lambda loss=loss: linear_model.SGDClassifier(loss=loss, max_iter=5).fit(x, y)
        yield lambda loss=loss: linear_model.SGDRegressor(loss=loss, max_iter=5).fit(x, x[:, 0])
    hist_regressor = getattr(ensemble, "HistGradientBoostingRegressor", None)
    if hist_regressor is None:
        from sklearn.experimental import enable_hist_gradient_boosting  # noqa: F401
    for loss in ("squared_error", "least_squares", "absolute_error", "least_absolute_deviation", "gamma", "poisson",
                 "quantile"):  # fmt: skip
        more = {"quantile": 0.5} if loss == "quantile" else {}
        yield lambda loss=loss, more=more: ensemble.HistGradientBoostingRegressor(loss=loss, max_iter=3, **more).fit(
            x, x[:, 0]
        )
        yield lambda loss=loss: ensemble.GradientBoostingRegressor(loss=loss, n_estimators=2).fit(x, x[:, 0])
    for loss in ("ls", "lad", "huber"):
        yield lambda loss=loss: ensemble.GradientBoostingRegressor(loss=loss, n_estimators=2).fit(x, x[:, 0])
    for loss in ("log_loss", "deviance", "exponential"):
        yield lambda loss=loss: ensemble.GradientBoostingClassifier(loss=loss, n_estimators=2).fit(x, y)
        yield lambda loss=loss: ensemble.GradientBoostingClassifier(loss=loss, n_estimators=2).fit(x, np.arange(80) % 3)
    for target in (y, np.arange(80) % 4):
        yield lambda target=target: ensemble.HistGradientBoostingClassifier(max_iter=3, early_stopping=True).fit(
            x, target
        )
    for criterion in ("squared_error", "mse", "friedman_mse", "absolute_error", "mae", "poisson"):
        yield lambda criterion=criterion: tree.DecisionTreeRegressor(criterion=criterion).fit(x, x[:, 0])
    for algorithm in ("ball_tree", "kd_tree", "brute"):
        for metric in ("minkowski", "euclidean", "manhattan", "chebyshev"):
            yield lambda algorithm=algorithm, metric=metric: neighbors.KNeighborsClassifier(
                algorithm=algorithm, metric=metric
            ).fit(x, y)
            for form in ("float32", "float64"):
                yield lambda algorithm=algorithm, metric=metric, form=form: neighbors.NearestNeighbors(
                    algorithm=algorithm, metric=metric
                ).fit(x.astype(form))
    for cls in (neighbors.BallTree, neighbors.KDTree):
        for metric in cls.valid_metrics if not callable(cls.valid_metrics) else cls.valid_metrics():
            yield lambda cls=cls, metric=metric: cls(x, metric=metric)
    yield lambda: metrics.make_scorer(metrics.f1_score, average="macro")


def functions():
    """Functions that models hold by name and call when they predict: each computes and does nothing else."""
    from sklearn import feature_selection, metrics, model_selection
    from sklearn.metrics import pairwise

    for home, ends in ((metrics, ("_score", "_error", "_loss")), (pairwise, ("_distances", "_kernel", "_similarity"))):
        for name, function in vars(home).items():
            if name.endswith(ends) and callable(function) and name[0] != "_":
                yield lambda function=function: function
    for name in ("f_classif", "f_regression", "chi2", "mutual_info_classif", "mutual_info_regression"):
        yield lambda name=name: getattr(feature_selection, name)
    for name in ("KFold", "GroupKFold", "StratifiedKFold", "ShuffleSplit", "StratifiedShuffleSplit", "TimeSeriesSplit",
                 "RepeatedKFold", "RepeatedStratifiedKFold", "LeaveOneOut", "GroupShuffleSplit", "StratifiedGroupKFold",
                 "LeaveOneGroupOut", "LeavePOut"):  # fmt: skip
        yield lambda name=name: getattr(model_selection, name)(*(() if name != "LeavePOut" else (2,)))


def newer():
    """What came late, or is still called experimental."""
    import numpy as np
    from sklearn import model_selection, tree
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401

    x, y = np.random.default_rng(0).uniform(0.1, 1, (200, 4)), np.arange(200) % 2
    depths = {"max_depth": [2, 3]}
    for name in ("HalvingGridSearchCV", "HalvingRandomSearchCV"):
        yield lambda name=name: getattr(model_selection, name)(tree.DecisionTreeClassifier(), depths, cv=2).fit(x, y)
    yield lambda: _of_categories(x, y)
    from sklearn.frozen import FrozenEstimator

    yield lambda: FrozenEstimator(tree.DecisionTreeClassifier().fit(x, y))


def _of_categories(x, y):
    import pandas as pd
    from sklearn import ensemble

    frame = pd.DataFrame(x, columns=list("abcd")).assign(e=pd.Categorical(["u", "v"] * 100))
    return ensemble.HistGradientBoostingClassifier(max_iter=3, categorical_features="from_dtype").fit(frame, y)


def of_frames():
    """What is fitted on pandas frames, and what gives them."""
    import numpy as np
    import pandas as pd
    from sklearn import compose, datasets, ensemble, impute, linear_model, model_selection, pipeline, preprocessing

    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    frame = pd.DataFrame({"a": rng.uniform(0, 1, 60), "b": np.arange(60), "c": list("xyz") * 20})
    frame["d"] = frame["c"].astype("category")
    numbers, select = frame[["a", "b"]], compose.make_column_selector
    for encoder in ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder"):
        made = [(preprocessing.StandardScaler(), select(dtype_include=np.number)),
                (getattr(preprocessing, encoder)(), select(dtype_exclude=np.number))]  # fmt: skip
        for last in (linear_model.LogisticRegression(), ensemble.RandomForestClassifier(3)):
            yield lambda made=made, last=last: pipeline.make_pipeline(
                compose.make_column_transformer(*made, remainder="drop"), last
            ).fit(frame, y)
    yield lambda: preprocessing.OrdinalEncoder().set_output(transform="pandas").fit(frame)
    yield (
        lambda: (
            pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.MinMaxScaler())
            .set_output(transform="pandas")
            .fit(numbers, y)
        )
    )
    for kind in ("FixedThresholdClassifier", "TunedThresholdClassifierCV"):
        yield lambda kind=kind: getattr(model_selection, kind)(linear_model.LogisticRegression()).fit(numbers, y)
    for scoring in ("accuracy", "roc_auc", "f1", ["accuracy", "f1"]):
        yield lambda scoring=scoring: model_selection.GridSearchCV(
            linear_model.LogisticRegression(), {"C": [1, 2]}, scoring=scoring, refit=isinstance(scoring, str)
        ).fit(numbers, y)
    yield lambda: model_selection.cross_validate(linear_model.LogisticRegression(), numbers, y, return_estimator=True)
    for name in ("load_iris", "load_digits", "load_wine", "load_diabetes", "load_breast_cancer"):
        yield lambda name=name: getattr(datasets, name)()
    yield lambda: datasets.load_iris(as_frame=True)


SOURCES = (every_estimator, kernels, combined, losses, functions, newer, of_frames)
