# %% [markdown]
# Decision trees & random forest in pure numpy
> "What I cannot create, I do not understand"
# %% imports
import numpy as np
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import load_wine, load_iris
from sklearn.tree import DecisionTreeClassifier
import sys, logging
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format='%(levelname)s %(message)s')
log = logging.getLogger('trees')
# %% step:data
wine = load_wine(as_frame=True)
df = wine.frame
df['target'].value_counts().sort_index()
# %%
X, y = df.drop(columns='target').to_numpy(), df['target'].to_numpy()
rng = np.random.default_rng(0)
order = rng.permutation(len(X))
cut = int(.7 * len(X))
tr, te = order[:cut], order[cut:]
X.shape, len(tr), len(te)
# %%
pd.plotting.scatter_matrix(df[['alcohol', 'flavanoids', 'proline']], c=df['target'], figsize=(4, 4));
# %% [markdown]
## Impurity
# %% step:tree
def gini(y):
    if len(y) == 0:
        return 0.0
    p = np.bincount(y) / len(y)
    return 1 - (p ** 2).sum()

class Node:
    count = 0
    def __init__(self, **kw):
        self.__dict__.update(kw)
        Node.count += 1

    @property
    def is_leaf(self):
        return not hasattr(self, 'left')

class Tree:
    def __init__(self, max_depth=3, n_features=None, rng=None):
        self.max_depth, self.n_features, self.rng = max_depth, n_features, rng

    def fit(self, X, y):
        self.root = self._grow(X, y, 0)
        return self

    def _best(self, X, y):
        features = range(X.shape[1])
        if self.n_features:
            features = self.rng.choice(X.shape[1], self.n_features, replace=False)
        best = (gini(y), None, None)
        for f in features:
            for t in np.quantile(X[:, f], [.1, .3, .5, .7, .9]):
                left = X[:, f] <= t
                w = left.mean()
                score = w * gini(y[left]) + (1 - w) * gini(y[~left])
                if score < best[0] - 1e-12:
                    best = (score, f, t)
        return best

    def _grow(self, X, y, depth):
        node = Node(value=np.bincount(y, minlength=3).argmax(), n=len(y))
        if depth < self.max_depth and gini(y) > 0:
            score, f, t = self._best(X, y)
            if f is not None:
                left = X[:, f] <= t
                node.feature, node.threshold = f, t
                node.left = self._grow(X[left], y[left], depth + 1)
                node.right = self._grow(X[~left], y[~left], depth + 1)
        return node

    def predict(self, X):
        return np.array([self._walk(row) for row in X])

    def _walk(self, row):
        node = self.root
        while not node.is_leaf:
            node = node.left if row[node.feature] <= node.threshold else node.right
        return node.value
# %%
tree = Tree(max_depth=3).fit(X[tr], y[tr])
acc_tree = (tree.predict(X[te]) == y[te]).mean()
log.info('tree: %.4f with %d nodes', acc_tree, Node.count)
# %%
def show(node, indent=0):
    pad = '  ' * indent
    if node.is_leaf:
        print(f'{pad}-> {node.value} ({node.n})')
    else:
        print(f'{pad}{wine.feature_names[node.feature]} <= {node.threshold:.2f}')
        show(node.left, indent + 1); show(node.right, indent + 1)
show(tree.root)
# %% [markdown]
## Forest
# %% step:forest
class Forest:
    def __init__(self, n=8, **kw):
        self.trees = [Tree(**kw) for _ in range(n)]
        self.oob = []

    def fit(self, X, y):
        for tree in self.trees:
            sample = tree.rng.integers(0, len(X), len(X))
            out = np.setdiff1d(np.arange(len(X)), sample)
            tree.fit(X[sample], y[sample])
            self.oob.append((tree.predict(X[out]) == y[out]).mean())
        return self

    def predict(self, X):
        votes = np.stack([t.predict(X) for t in self.trees])
        return np.array([np.bincount(v, minlength=3).argmax() for v in votes.T])

forest = Forest(n=8, max_depth=4, n_features=4, rng=rng).fit(X[tr], y[tr])
# %%
acc_forest = (forest.predict(X[te]) == y[te]).mean()
print(np.round(forest.oob, 3), round(acc_forest, 4))
# %%
rng.random(3).round(4)
# %% metrics
acc_forest
# %% step:compare
theirs = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X[tr], y[tr])
result = pd.Series({'tree': acc_tree, 'forest': acc_forest, 'sklearn': theirs.score(X[te], y[te])}, name='accuracy')
result.round(4)
# %%
result.plot.bar(rot=0, ylim=(0, 1));
# %%
log.info('nodes made in all: %s', Node.count)
agree = pd.crosstab(tree.predict(X[te]), forest.predict(X[te]))
agree
# %% [markdown]
## Depth
# %%
by_depth = {}
for depth in (1, 2, 4):
    t = Tree(max_depth=depth).fit(X[tr], y[tr])
    by_depth[depth] = round(float((t.predict(X[te]) == y[te]).mean()), 4)
by_depth
# %%
plt.plot(list(by_depth), list(by_depth.values()), 'o-')
plt.xlabel('depth');
