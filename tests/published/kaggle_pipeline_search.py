# %% [markdown]
# Pipelines, ColumnTransformer and a small search
# %% imports
import os
import numpy as np, pandas as pd, matplotlib.pyplot as plt
from pathlib import Path
from sklearn import set_config
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.pipeline import Pipeline, FunctionTransformer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.model_selection import train_test_split, GridSearchCV, ParameterGrid
from sklearn.linear_model import LogisticRegression
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import roc_auc_score, RocCurveDisplay
import joblib
# %% parameters
SEED = 17
TARGET = 'churn'
test_size = .3
depths = [1, 2]
# %% step:load
rnd = np.random.RandomState(SEED)
n = 500
df = pd.DataFrame({'tenure': rnd.randint(0, 72, n), 'monthly': rnd.uniform(18, 118, n).round(2),
                   'contract': rnd.choice(['month', 'year', 'two'], n, p=[.55, .25, .2]),
                   'payment': rnd.choice(['card', 'check', 'wire'], n), 'senior': rnd.randint(0, 2, n)})
z = .03 * df.monthly - .05 * df.tenure + 1.1 * (df.contract == 'month') - 1.5
df[TARGET] = (rnd.uniform(size=n) < 1 / (1 + np.exp(-z))).astype(int)
df['total'] = (df.tenure * df.monthly).where(rnd.uniform(size=n) > .05)
df
# %%
df[TARGET].value_counts(normalize=True)
# %% step:eda
num = df.select_dtypes('number').columns.drop(TARGET)
cat = df.columns.difference(num).drop(TARGET)
fig, axes = plt.subplots(1, len(num), figsize=(10, 2))
for ax, c in zip(axes, num):
    for v, g in df.groupby(TARGET):
        ax.hist(g[c].dropna(), alpha=.5, bins=12)
    ax.set_title(c)
plt.show()
# %%
for c in cat:
    display(df.groupby(c)[TARGET].agg(['mean', 'size']).round(3))
# %% step:split
train, test = train_test_split(df, test_size=test_size, stratify=df[TARGET], random_state=SEED)
y_train, y_test = train.pop(TARGET), test.pop(TARGET)
print(train.shape, test.shape, TARGET in df)
# %% functions
def log_total(frame):
    frame = frame.copy()
    frame['total'] = np.log1p(frame['total'])
    return frame

def make_model(estimator):
    numeric = Pipeline([('impute', SimpleImputer(strategy='median')), ('scale', StandardScaler())])
    pre = ColumnTransformer([('num', numeric, make_column_selector(dtype_include='number')),
                             ('cat', OneHotEncoder(handle_unknown='ignore'), make_column_selector(dtype_exclude='number'))])
    return Pipeline([('log', FunctionTransformer(log_total)), ('pre', pre), ('model', estimator)])
# %% step:logistic
set_config(display='text')
lr = make_model(LogisticRegression(max_iter=300))
lr.fit(train, y_train)
lr
# %%
coef = pd.Series(lr['model'].coef_[0], index=lr['pre'].get_feature_names_out())
coef.sort_values(key=abs, ascending=False).head(5).round(3)
# %% step:boosting
search = GridSearchCV(make_model(GradientBoostingClassifier(n_estimators=10, random_state=SEED)),
                      {'model__max_depth': depths, 'model__learning_rate': [.1, .3]}, cv=2, scoring='roc_auc')
search.fit(train, y_train)
results = pd.DataFrame(search.cv_results_).filter(regex='param_|mean_test').sort_values('mean_test_score')
results.round(4)
# %%
print(len(ParameterGrid(search.param_grid)), search.best_params_)
# %% step:evaluate
scores = {}
fig, ax = plt.subplots(figsize=(4, 4))
for name, model in {'logistic': lr, 'boosting': search.best_estimator_}.items():
    proba = model.predict_proba(test)[:, 1]
    scores[name] = roc_auc_score(y_test, proba)
    RocCurveDisplay.from_predictions(y_test, proba, name=name, ax=ax)
scores
# %% metrics
auc = max(scores.values())
# %%
winner = max(scores, key=scores.get)
best_model = {'logistic': lr, 'boosting': search.best_estimator_}[winner]
# %% step:save
models_dir = Path('models')
models_dir.mkdir(exist_ok=True)
joblib.dump(best_model, models_dir / f'{winner}.joblib')
[p.name for p in models_dir.iterdir()]
# %%
again = joblib.load(models_dir / f'{winner}.joblib')
assert np.allclose(again.predict_proba(test), best_model.predict_proba(test))
pd.Series(again.predict(test), name='pred').value_counts()
# %% [markdown]
## Clean up
# %%
for p in models_dir.glob('*.joblib'):
    p.unlink()
list(models_dir.iterdir())
