"""Functions of R that a stored call or formula may name, and those that it may not.

R does not run a call by loading it; `predict`, `update`, `print` and their like do. A formula is evaluated by
`model.frame` each time that a model predicts, so what stands in it runs then. Harmless is what computes with its
arguments alone; everything else is not understood.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


OPERATORS = _words("~ + - * / ^ : | || & && ! == != < > <= >= %in% %% %/% %*% ( [ [[ $ @ :: {")
"""Formulas and arithmetic (base)."""
VECTORS = _words(
    "c list cbind rbind data.frame matrix array vector numeric integer character logical factor ordered as.factor "
    "as.numeric as.integer as.character as.logical as.matrix as.data.frame as.formula formula I names levels length "
    "nrow ncol dim seq seq_len rep rev sum mean median min max range var sd quantile cut findInterval ifelse is.na "
    "na.omit na.exclude na.pass na.fail na.action complete.cases subset paste paste0 nchar substr round "
    "floor ceiling "
    "abs sqrt exp expm1 log log2 log10 log1p sin cos tan tanh atan sign pmin pmax cumsum diff lag scale unique table "
    "interaction relevel crossprod t offset strata cluster frailty tt row.names colnames rownames "
    "interval weighted.mean rowSums rowMeans colSums colMeans as.Date ISOdate difftime"
)
"""base and stats: build and transform vectors, and nothing else."""
TERMS = _words("poly bs ns s te ti t2 lo Surv Error splineDesign pspline ridge mono rcs lsp pol asis response")
"""What formulas hold: bases of splines and polynomials (stats, splines, mgcv, survival, rms)."""
FITTERS = _words(
    "lm glm aov nls loess smooth.spline spline splinefun prcomp princomp factanal kmeans hclust dist arima ar "
    "HoltWinters "
    "stl lda qda polr rlm multinom nnet rpart randomForest gbm ranger svm naiveBayes knn train glmnet cv.glmnet lmer "
    "glmer nlme lme gls gam bam coxph survreg survfit ctree cforest ksvm earth bagging ada tree xgboost xgb.train "
    "lightgbm lgb.train C5.0 cubist rq ols lrm cph betareg zeroinfl hurdle vglm mclust Mclust isolation.forest "
    "rpart.control nnet.formula randomForest.formula glm.control lm.fit glm.fit gbm.fit svm.default train.default "
    "trainControl binomial gaussian poisson Gamma quasibinomial quasipoisson quasi inverse.gaussian nls.control "
    "loess.control contr.treatment contr.sum contr.helmert contr.poly"
)
"""Fitting functions of R's own and common packages: `update` runs them again, on arguments that are walked as well."""
HARMLESS = OPERATORS | VECTORS | TERMS | FITTERS

DANGEROUS = _words(
    "system system2 shell shell.exec pipe eval evalq eval.parent parse source sys.source do.call match.fun get get0 "
    "mget "
    "exists assign delayedAssign makeActiveBinding library require loadNamespace attachNamespace requireNamespace "
    "install.packages download.file url file readLines writeLines readRDS load unserialize save saveRDS dget dput "
    "socketConnection unlink file.remove file.copy file.rename Sys.setenv Sys.getenv Sys.chmod Sys.sleep dyn.load "
    ".Call .C .Fortran .External .External2 .Internal .Primitive .Last .First on.exit reg.finalizer quit q environment "
    "sys.function Reduce Filter Map lapply sapply vapply mapply rapply apply tapply local with within function "
    "outer sweep aggregate by ave kronecker Find Position eapply Negate Vectorize optim optimize optimise nlm nlminb "
    "integrate uniroot browseURL sink write writeLines dump file.create file.append file.symlink file.link dir.create "
    "unz gzfile bzfile xzfile fifo setwd Sys.unsetenv edit fix vi page rm remove mclapply parLapply Rprof "
    "body<- environment<- attach trace setHook options ::: Recall force forceAndCall call as.call"
)
"""Run a command or other code, reach files and the network, or look a function up by name."""
BASE = _words("base stats utils methods graphics grDevices datasets tools parallel grid splines stats4 compiler tcltk")
"""Packages that come with R itself: naming their namespace loads nothing new."""
SEQUENCES = frozenset(("compact_intseq", "compact_realseq", "deferred_string"))
"""Compact forms of vectors that R itself writes; so are those that begin with `wrap_`."""
