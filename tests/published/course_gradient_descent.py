# %% [markdown]
# Assignment 1: linear regression from scratch

In this assignment you implement gradient descent yourself, then compare with scikit-learn.

# %% imports
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes
import warnings

# %%
warnings.filterwarnings('ignore')
np.random.seed(42)
plt.rcParams['figure.figsize'] = (6, 3)
plt.rcParams.update({'axes.grid': True})

# %% parameters
learning_rate = 0.1
n_epochs = 200
ridge = 0.0

# %% [markdown]
## Part 1: look at the data

# %% step:data
bunch = load_diabetes(as_frame=True)
df = bunch.frame
print(df.shape)
df.head()

# %%
df.info(verbose=False)

# %%
df['sex'] = (df['sex'] > 0).astype(int)
df = df[df['target'] < 340]
df.describe().T[['mean', 'std']].round(3).tail(3)

# %%
feature = 'bmi'
plt.scatter(df[feature], df['target'], s=5)
plt.xlabel(feature);

# %% [markdown]
## Part 2: split and scale

# %% step:split
def split(frame, share=0.8):
    """Shuffle and split"""
    order = np.random.permutation(len(frame))
    cut = int(share * len(frame))
    return frame.iloc[order[:cut]].copy(), frame.iloc[order[cut:]].copy()

train, test = split(df)
len(train), len(test)

# %%
class Scaler:
    def fit(self, X):
        self.mean_ = X.mean()
        self.std_ = X.std()
        return self

    def transform(self, X):
        return (X - self.mean_) / self.std_

scaler = Scaler()
columns = [c for c in df.columns if c != 'target']
scaler.fit(train[columns])
train[columns] = scaler.transform(train[columns])
test[columns] = scaler.transform(test[columns])
train[columns].mean().abs().max() < 1e-9

# %%
X_train, y_train = train[columns].values, train['target'].values
X_test, y_test = test[columns].values, test['target'].values
X_train = np.c_[np.ones(len(X_train)), X_train]
X_test = np.c_[np.ones(len(X_test)), X_test]
X_train.shape

# %% [markdown]
## Part 3: the cost

# %% step:descent
def cost(w, X, y):
    residual = X @ w - y
    return (residual @ residual) / (2 * len(y)) + ridge * (w[1:] @ w[1:])

w = np.zeros(X_train.shape[1])
print(round(cost(w, X_train, y_train), 2))

# %%
def gradient(w, X, y):
    g = X.T @ (X @ w - y) / len(y)
    g[1:] += 2 * ridge * w[1:]
    return g

gradient(w, X_train, y_train).round(1)[:3]

# %% [markdown]
Check the gradient numerically (always do that!).

# %%
def numeric(w, X, y, eps=1e-6):
    out = np.zeros_like(w)
    for i in range(len(w)):
        step = np.zeros_like(w)
        step[i] = eps
        out[i] = (cost(w + step, X, y) - cost(w - step, X, y)) / (2 * eps)
    return out

np.abs(numeric(w, X_train, y_train) - gradient(w, X_train, y_train)).max() < 1e-3

# %%
history = []

def fit(w, X, y, epochs):
    for epoch in range(epochs):
        w -= learning_rate * gradient(w, X, y)
        history.append(cost(w, X, y))
    return w

%time w = fit(w, X_train, y_train, n_epochs)
print(len(history), round(history[-1], 3))

# %%
# some more epochs never hurt
fit(w, X_train, y_train, 100);
len(history)

# %%
plt.plot(history)
plt.yscale('log')
plt.title('cost');

# %% [markdown]
## Part 4: mini batches

# %% step:minibatch
rng = np.random.RandomState(1)

class SGD:
    """Stochastic gradient descent with momentum"""

    def __init__(self, n, lr=0.01, momentum=0.9):
        self.w = np.zeros(n)
        self.v = np.zeros(n)
        self.lr, self.momentum = lr, momentum
        self.losses = []

    def step(self, X, y):
        self.v *= self.momentum
        self.v -= self.lr * gradient(self.w, X, y)
        self.w += self.v

    def run(self, X, y, epochs, size=32):
        for _ in range(epochs):
            order = rng.permutation(len(y))
            for start in range(0, len(y), size):
                batch = order[start:start + size]
                self.step(X[batch], y[batch])
            self.losses.append(cost(self.w, X, y))

sgd = SGD(X_train.shape[1])
sgd.run(X_train, y_train, 10)
len(sgd.losses)

# %%
sgd.lr = 0.001
sgd.run(X_train, y_train, 10)
print([round(l, 1) for l in sgd.losses[::5]])

# %% [markdown]
## Part 5: compare

# %% step:compare
from sklearn.linear_model import LinearRegression, Ridge
models = {'exact': LinearRegression(fit_intercept=False), 'ridge': Ridge(1.0, fit_intercept=False)}
for name, model in models.items():
    model.fit(X_train, y_train)

def rmse(prediction):
    return float(np.sqrt(np.mean((prediction - y_test) ** 2)))

results = {name: rmse(model.predict(X_test)) for name, model in models.items()}
results['descent'] = rmse(X_test @ w)
results['sgd'] = rmse(X_test @ sgd.w)
pd.Series(results).round(2)

# %%
coefficients = pd.DataFrame({'ours': w[1:], 'exact': models['exact'].coef_[1:]}, index=columns)
coefficients['difference'] = (coefficients['ours'] - coefficients['exact']).abs()
coefficients.sort_values('difference', inplace=True, ascending=False)
coefficients.round(2).head()

# %%
fig, axes = plt.subplots(1, 2, sharey=True)
for ax, (name, prediction) in zip(axes, [('descent', X_test @ w), ('sgd', X_test @ sgd.w)]):
    ax.plot(y_test, prediction, '.')
    ax.set_title(name)
plt.tight_layout()

# %% metrics
best_rmse = round(min(results.values()), 4)
epochs_run = len(history)
print(best_rmse, epochs_run)
