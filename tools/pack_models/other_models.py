"""Boosters and the libraries that build on scikit-learn."""

from __future__ import annotations


def _data(classes=3):
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.uniform(0, 1, (80, 4)), np.arange(80) % classes


def xgboost():
    """XGBoost's scikit-learn faces and its own."""
    import numpy as np
    import xgboost as xgb

    x, y = _data()
    options = {"n_estimators": 3, "n_jobs": 1}
    for name in ("XGBClassifier", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor"):
        for target in (y, y % 2):
            yield lambda name=name, target=target: getattr(xgb, name)(**options).fit(x, target)
    yield lambda: xgb.XGBRanker(**options).fit(x, y, qid=np.zeros(80))
    yield lambda: xgb.train({}, xgb.DMatrix(x, y), 2)
    halt = xgb.callback.EarlyStopping
    for given in ({}, {"save_best": True}, {"data_name": "validation_0", "metric_name": "mlogloss"}):
        yield lambda given=given: xgb.XGBClassifier(callbacks=[halt(2, **given)], **options).fit(
            x, y, eval_set=[(x, y)], verbose=False
        )
    for booster in ("gbtree", "dart", "gblinear"):
        yield lambda booster=booster: xgb.XGBRegressor(booster=booster, **options).fit(x, y)
    yield lambda: xgb.XGBClassifier(early_stopping_rounds=2, eval_metric=["merror", "mlogloss"], **options).fit(
        x, y, eval_set=[(x, y)], verbose=False
    )
    yield lambda: xgb.XGBRegressor(monotone_constraints=(1, 0, 0, -1), random_state=np.random.RandomState(0), **options)


def lightgbm():
    """LightGBM's scikit-learn faces and its own."""
    import lightgbm as lgb

    x, y = _data()
    options = {"n_estimators": 3, "n_jobs": 1, "verbose": -1}
    for name in ("LGBMClassifier", "LGBMRegressor"):
        for kind in ("gbdt", "dart", "rf"):
            more = {"bagging_freq": 1, "bagging_fraction": 0.5} if kind == "rf" else {}
            yield lambda name=name, kind=kind, more=more: getattr(lgb, name)(
                boosting_type=kind, min_child_samples=2, **options, **more
            ).fit(x, y)
    yield lambda: lgb.LGBMRanker(**options).fit(x, y, group=[80])
    yield lambda: lgb.train({"verbose": -1}, lgb.Dataset(x, y), 2)
    yield lambda: lgb.LGBMClassifier(**options).fit(
        x, y, eval_set=[(x, y)], callbacks=[lgb.early_stopping(2, verbose=False)]
    )


def catboost():
    """CatBoost."""
    import catboost as cb

    x, y = _data()
    options = {"iterations": 3, "verbose": False, "allow_writing_files": False, "thread_count": 1}
    for name in ("CatBoostClassifier", "CatBoostRegressor"):
        yield lambda name=name: getattr(cb, name)(**options).fit(x, y)
        yield lambda name=name: getattr(cb, name)(**options)
    yield lambda: cb.CatBoost(options).fit(x, y)
    yield lambda: cb.CatBoostRanker(**options, loss_function="QueryRMSE").fit(cb.Pool(x, y, group_id=[0] * 80))


def imblearn():
    """imbalanced-learn: every sampler and ensemble, and pipelines of them."""
    from imblearn import pipeline
    from imblearn.over_sampling import SMOTE
    from imblearn.utils.testing import all_estimators
    from sklearn.linear_model import LogisticRegression

    x, y = _data(2)
    y[:60] = 0
    for _, cls in all_estimators():
        yield lambda cls=cls: cls()
        yield lambda cls=cls: cls().fit(x, y)
        yield lambda cls=cls: _resampled(cls(), x, y)
    yield lambda: pipeline.make_pipeline(SMOTE(k_neighbors=2), LogisticRegression()).fit(x, y)


def _resampled(sampler, x, y):
    sampler.fit_resample(x, y)
    return sampler


def category_encoders():
    """Every encoder of category_encoders."""
    import category_encoders as ce
    import pandas as pd

    _, y = _data(2)
    frame = pd.DataFrame({"a": ["x", "y", "z", "x"] * 20, "b": range(80)})
    for name in ce.__all__:
        yield lambda name=name: getattr(ce, name)(cols=["a"]).fit(frame, y)


def feature_engine():
    """Imputers, encoders, discretisers, cappers and transformations of feature_engine, which hold numbers and names."""
    import importlib
    import inspect

    import pandas as pd

    x, y = _data(2)
    frame = pd.DataFrame(x + 0.5, columns=list("abcd"))
    frame["e"] = ["u", "v", "w", "x"] * 20
    given = {"ArbitraryDiscretiser": {"binning_dict": {"a": [0, 1, 2]}}, "DropFeatures": {"features_to_drop": ["a"]},
             "ArbitraryOutlierCapper": {"max_capping_dict": {"a": 1}}}  # fmt: skip
    for home in ("imputation", "encoding", "discretisation", "outliers", "transformation", "scaling"):
        for name, cls in vars(importlib.import_module("feature_engine." + home)).items():
            if inspect.isclass(cls):
                for columns in (frame, frame[["a", "b"]], frame[["e"]]):
                    yield lambda name=name, cls=cls, columns=columns: cls(**given.get(name, {})).fit(columns, y)
    from feature_engine import creation, datetime, selection

    for name in ("DropConstantFeatures", "DropDuplicateFeatures", "DropFeatures", "DropCorrelatedFeatures"):
        for columns in (frame, frame[["a", "b"]]):
            yield lambda name=name, columns=columns: getattr(selection, name)(**given.get(name, {})).fit(columns, y)
    yield lambda: creation.CyclicalFeatures().fit(frame[["a"]])
    yield lambda: datetime.DatetimeFeatures().fit(pd.DataFrame({"t": ["2020-01-01", "2021-02-02"]}))


def nltk():
    """The pickles that NLTK came with until 3.8, and what people make as they were made: splitters and taggers."""
    from nltk import NaiveBayesClassifier
    from nltk.tag import perceptron
    from nltk.tokenize import punkt

    text = "Dr. Smith went to the U.S. in May. He saw Mr. Jones there. They met at 5 p.m. sharp. " * 20
    yield lambda: punkt.PunktTrainer(text).get_params()
    yield lambda: punkt.PunktSentenceTokenizer(text)
    yield lambda: punkt.PunktSentenceTokenizer(punkt.PunktTrainer(text).get_params())
    tagger = perceptron.PerceptronTagger(load=False)
    tagger.train([[("a", "DT"), ("dog", "NN"), ("runs", "VB")]] * 9)
    yield lambda: tagger
    yield lambda: (tagger.model.weights, tagger.tagdict, tagger.classes)
    yield lambda: NaiveBayesClassifier.train([({"a": 1}, "x"), ({"a": 2}, "y")] * 3)


def statsmodels():
    """statsmodels results, as their `save` writes them."""
    import numpy as np
    import pandas as pd
    import statsmodels.api as sm

    x, _ = _data(2)
    frame = pd.DataFrame(x, columns=list("abcd"))
    noise = np.random.default_rng(0).uniform(0, 1, 80)
    yield lambda: sm.OLS(noise, sm.add_constant(x)).fit()
    yield lambda: sm.OLS(noise, sm.add_constant(frame)).fit()
    yield lambda: sm.WLS(noise, x).fit()
    yield lambda: sm.Logit(np.random.default_rng(1).integers(0, 2, 80), x).fit(disp=0)
    yield lambda: sm.Probit(np.random.default_rng(1).integers(0, 2, 80), x).fit(disp=0)
    for family in ("Gaussian", "Poisson", "Gamma", "Binomial"):
        yield lambda family=family: sm.GLM(noise + 0.0, x, family=getattr(sm.families, family)()).fit()
    yield lambda: sm.tsa.ARIMA(noise, order=(1, 0, 0)).fit()
    yield lambda: sm.tsa.ExponentialSmoothing(noise).fit()
    yield lambda: sm.tsa.SARIMAX(noise, order=(1, 0, 0)).fit(disp=0)


def hmmlearn():
    """hmmlearn."""
    from hmmlearn import hmm

    x, _ = _data()
    yield lambda: hmm.GaussianHMM(2).fit(x)
    yield lambda: hmm.GMMHMM(2).fit(x)
    yield lambda: hmm.CategoricalHMM(2).fit((x[:, :1] * 3).astype(int))
    yield lambda: hmm.PoissonHMM(2).fit((x[:, :1] * 3).astype(int))


def tokenizers():
    """Tokenizers: their state is their own JSON, as bytes."""
    import tokenizers as tk

    made = tk.Tokenizer(tk.models.BPE())
    made.pre_tokenizer = tk.pre_tokenizers.Whitespace()
    made.normalizer = tk.normalizers.Lowercase()
    made.decoder = tk.decoders.BPEDecoder()
    made.train_from_iterator(["a b c", "b c d"], tk.trainers.BpeTrainer(vocab_size=20))
    yield lambda: made
    for part in (
        tk.models.WordPiece(),
        tk.models.Unigram(),
        tk.models.WordLevel(),
        tk.pre_tokenizers.ByteLevel(),
        tk.processors.ByteLevel(),
        tk.normalizers.NFC(),
        tk.decoders.WordPiece(),
        tk.AddedToken("x"),
    ):
        yield lambda part=part: part


def transformers():
    """Configurations and tokenizers of transformers; models need torch and are user code to a scanner."""
    import tokenizers as tk
    import transformers as tf

    made = tk.Tokenizer(tk.models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))  # noqa: S106
    yield lambda: tf.PreTrainedTokenizerFast(tokenizer_object=made)
    yield lambda: tf.PreTrainedTokenizerFast(tokenizer_object=made)("a a")
    for name in (
        "BertConfig",
        "GPT2Config",
        "RobertaConfig",
        "DistilBertConfig",
        "T5Config",
        "LlamaConfig",
        "ViTConfig",
    ):
        yield lambda name=name: getattr(tf, name)()
    yield tf.GenerationConfig
    for name in ("TrainingArguments", "Seq2SeqTrainingArguments"):  # the training_args.bin of Trainer; wants torch
        for more in ({}, {"save_strategy": "epoch", "lr_scheduler_type": "cosine", "optim": "adamw_torch"}):
            yield lambda name=name, more=more: getattr(tf, name)(output_dir="runs", report_to=[], **more)


def spacy():
    """spaCy and thinc: documents, vocabularies and pipelines without trained parts."""
    import spacy as sp
    import thinc.api as thinc

    nlp = sp.blank("en")
    yield lambda: nlp("a text of words")
    yield lambda: nlp.vocab
    yield lambda: sp.tokens.DocBin(docs=[nlp("a b")])
    yield lambda: thinc.Linear(2, 2).initialize()
    yield lambda: nlp


def gensim():
    """gensim."""
    from gensim import corpora, models

    texts = [["a", "b", "c"], ["b", "c", "d"]] * 10
    words = corpora.Dictionary(texts)
    bags = [words.doc2bow(text) for text in texts]
    yield lambda: words
    for name in ("TfidfModel", "LsiModel"):
        yield lambda name=name: getattr(models, name)(bags, id2word=words)
    yield lambda: models.LdaModel(bags, id2word=words, num_topics=2)
    for name in ("Word2Vec", "FastText"):
        yield lambda name=name: getattr(models, name)(texts, vector_size=4, min_count=1)
        yield lambda name=name: getattr(models, name)(texts, vector_size=4, min_count=1).wv
    yield lambda: models.Doc2Vec([models.doc2vec.TaggedDocument(t, [i]) for i, t in enumerate(texts)], vector_size=4)
    yield lambda: models.phrases.Phrases(texts)


SOURCES = (
    xgboost,
    lightgbm,
    catboost,
    imblearn,
    category_encoders,
    feature_engine,
    nltk,
    statsmodels,
    hmmlearn,
    tokenizers,
    transformers,
    spacy,
    gensim,
)
