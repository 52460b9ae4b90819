# %% [markdown]
# Module 4: choosing a model

Try many models, keep a table, don't fool yourself.

# %% imports
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
from time import time
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, learning_curve, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, export_text

# %% parameters
test_size = 0.25
cv = 3
random_state = 11

# %% [markdown]
## Data

# %% step:load
cancer = load_breast_cancer()
X = pd.DataFrame(cancer.data, columns=cancer.feature_names)
y = pd.Series(cancer.target, name='benign')
X.shape, y.mean().round(3)

# %%
X.columns = [c.replace(' ', '_') for c in X]
keep = X.var().sort_values(ascending=False).index[:12]
X = X[keep]
X.head(2)

# %%
correlated = X.corr().abs().where(~np.eye(len(X.columns), dtype=bool)).max()
drop = correlated[correlated > 0.995].index[1:]
X.drop(columns=drop, inplace=True)
len(drop)

# %% [markdown]
## Split

# %% step:split
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=test_size,
                                                    random_state=random_state, stratify=y)
folds = KFold(cv, shuffle=True, random_state=random_state)
for part in (X_train, X_test):
    part.reset_index(drop=True, inplace=True)
print(len(X_train), len(X_test))

# %%
baseline = DummyClassifier().fit(X_train, y_train)
results = []

def record(name, model, fitted=True):
    """Adds a line to the table"""
    if not fitted:
        model.fit(X_train, y_train)
    predicted = model.predict(X_test)
    line = {'name': name, 'accuracy': accuracy_score(y_test, predicted)}
    if hasattr(model, 'predict_proba'):
        line['auc'] = roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
    results.append(line)
    return line['accuracy']

record('baseline', baseline)

# %% [markdown]
## Linear

# %% step:linear
def scaled(model):
    return Pipeline([('scale', StandardScaler()), ('model', model)])

logistic = scaled(LogisticRegression(max_iter=300))
scores = cross_val_score(logistic, X_train, y_train, cv=folds)
print(f'{scores.mean():.3f} +- {scores.std():.3f}')

# %%
record('logistic', logistic, fitted=False)

# %%
logistic.set_params(model__C=0.01)
logistic.fit(X_train, y_train)
record('logistic C=.01', logistic)

# %%
weights = pd.Series(logistic['model'].coef_[0], X_train.columns)
weights.abs().nlargest(3).index.tolist()

# %% [markdown]
## Neighbours

# %% step:neighbours
ks = range(1, 12, 5)
curve = []
for k in ks:
    knn = scaled(KNeighborsClassifier(k))
    curve.append(cross_val_score(knn, X_train, y_train, cv=folds).mean())
best_k = ks[int(np.argmax(curve))]
best_k

# %%
knn.set_params(model__n_neighbors=best_k)
record(f'knn {best_k}', knn, False)
plt.plot(ks, curve, 'o-');

# %% [markdown]
## Trees

# %% step:trees
start = time()
tree = DecisionTreeClassifier(random_state=random_state)
grid = GridSearchCV(tree, {'max_depth': [2, 4, None], 'min_samples_leaf': [1, 10]}, cv=folds)
grid.fit(X_train, y_train)
elapsed = time() - start
grid.best_params_

# %%
table = pd.DataFrame(grid.cv_results_)
table = table[[c for c in table if c.startswith('param_') or c == 'mean_test_score']]
table.columns = [c.split('_', 1)[1] for c in table]
table.round(3)

# %%
small = clone(tree).set_params(max_depth=2).fit(X_train, y_train)
print(export_text(small, feature_names=list(X_train.columns)))

# %%
for name, model in {'tree': grid.best_estimator_, 'stump': small}.items():
    print(name, round(record(name, model), 3))

# %% [markdown]
## Does more data help?

# %% step:curve
sizes, train_scores, valid_scores = learning_curve(
    small, X_train, y_train, cv=folds, train_sizes=[0.3, 0.6, 1.0])
gap = train_scores.mean(1) - valid_scores.mean(1)
gap.round(3)

# %%
fig, ax = plt.subplots()
for scores, label in [(train_scores, 'train'), (valid_scores, 'valid')]:
    ax.plot(sizes, scores.mean(1), label=label)
    ax.fill_between(sizes, scores.min(1), scores.max(1), alpha=0.2)
ax.legend();

# %% [markdown]
## The table

# %% step:decide
leaderboard = pd.DataFrame(results).set_index('name')
leaderboard.sort_values('accuracy', ascending=False, inplace=True)
leaderboard.round(3)

# %%
winner = leaderboard.index[0]
improvement = leaderboard['accuracy'].max() - leaderboard.loc['baseline', 'accuracy']
results.clear()
print(winner, elapsed < 60, len(results))

# %% metrics
winning_accuracy = float(leaderboard['accuracy'].max())
n_models = len(leaderboard)
mean_gap = float(gap.mean())

# %% test
assert winning_accuracy > 0.9
assert n_models == 6
