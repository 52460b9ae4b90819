# %% [markdown]
# Statistics without the agonizing pain

Week 5: resampling. *If you can write a for loop, you can do statistics.*

# %% imports
from functools import partial
from itertools import combinations
import math

import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
from sklearn.datasets import load_iris

# %%
np.random.seed(1234)
N_BOOT = 300

# %% [markdown]
## Coin toss

# %% step:coin
M = 0
for i in range(2000):
    trials = np.random.randint(2, size=30)
    if (trials.sum() >= 22):
        M += 1
p = M / 2000
p < 0.05

# %%
def exact(n, k):
    """The easy way"""
    return sum(math.comb(n, i) for i in range(k, n + 1)) / 2 ** n

abs(exact(30, 22) - p) < 0.01

# %%
ps = [p]
def more(times):
    hits = 0
    for _ in range(times):
        hits += np.random.binomial(30, 0.5) >= 22
    ps.append(hits / times)

more(500)
more(500)
len(ps)

# %% [markdown]
## Two groups of stars

Sneetches with and without stars took a test. Are the star-bellies smarter?

# %% step:shuffle
stars = [84, 72, 57, 46, 63, 76, 99, 91]
none = [81, 69, 74, 61, 56, 87, 69, 65, 66, 44, 62, 69]
observed = np.mean(stars) - np.mean(none)
round(observed, 2)

# %%
def shuffle_test(a, b, n=1000):
    pool = np.array(a + b, dtype=float)
    differences = np.empty(n)
    for i in range(n):
        np.random.shuffle(pool)
        differences[i] = pool[:len(a)].mean() - pool[len(a):].mean()
    return differences

differences = shuffle_test(stars, none)
p_value = (differences >= observed).mean()
print(f'p = {p_value:.3f}')

# %%
plt.hist(differences, bins=30)
plt.axvline(observed, color='red');

# %%
# one more sneetch came late
none.append(58)
observed = np.mean(stars) - np.mean(none)
stars.sort(reverse=True)
stars[:3], round(observed, 2)

# %% [markdown]
## Bootstrap

# %% step:bootstrap
def bootstrap(data, statistic, n=N_BOOT):
    data = np.asarray(data)
    return np.array([statistic(np.random.choice(data, len(data))) for _ in range(n)])

interval = partial(np.percentile, q=[2.5, 97.5])
heights = [48, 24, 32, 61, 51, 12, 32, 18, 19, 24, 21, 41, 29, 21, 25, 23, 42, 18, 23, 13]
means = bootstrap(heights, np.mean)
interval(means).round(1)

# %%
results = {}

class Estimate:
    """Name, value and interval of a statistic; registers itself"""

    def __init__(self, name, data, statistic):
        self.name, self.data, self.statistic = name, data, statistic
        self.samples = None
        results[name] = self

    def run(self, n=N_BOOT):
        fresh = bootstrap(self.data, self.statistic, n)
        self.samples = fresh if self.samples is None else np.append(self.samples, fresh)
        return self

    def __repr__(self):
        low, high = interval(self.samples)
        return f'{self.name}: {self.statistic(self.data):.2f} ({low:.2f} to {high:.2f})'

Estimate('mean', heights, np.mean).run()

# %%
Estimate('median', heights, np.median).run()
Estimate('spread', heights, lambda d: d.max() - d.min() if hasattr(d, 'max') else max(d) - min(d)).run()
list(results)

# %%
results['mean'].run(200)
[len(e.samples) for e in results.values()]

# %%
def twice(f):
    def wrapper(*args, **kwargs):
        f(*args, **kwargs)
        return f(*args, **kwargs)
    return wrapper

@twice
def add_height(h):
    heights.append(h)
    return len(heights)

add_height(30)

# %%
print(results['median'])

# %% [markdown]
## Iris: which species differ?

# %% step:iris
iris = load_iris(as_frame=True)
df = iris.frame
df['species'] = df['target'].apply(lambda t: iris.target_names[t])
del df['target']
groups = {name: g['sepal length (cm)'].tolist() for name, g in df.groupby('species')}
{name: len(g) for name, g in groups.items()}

# %%
pairs = pd.DataFrame(index=list(groups), columns=list(groups), dtype=float)
for (a, b) in combinations(groups, 2):
    d = shuffle_test(groups[a], groups[b], 200)
    pairs.loc[a, b] = np.mean(np.abs(d) >= abs(np.mean(groups[a]) - np.mean(groups[b])))
pairs.fillna('-')

# %%
petal = bootstrap(df['petal length (cm)'], np.std, 100)
low, high = interval(petal)
low < df['petal length (cm)'].std() < high

# %% [markdown]
## Homework

# %% step:homework
def answers():
    yield 'coin', len(ps)
    yield 'stars', stars[0]
    yield 'late', len(none)
    for name, estimate in results.items():
        yield name, round(float(estimate.samples.std()), 1) >= 0

homework = dict(answers())
homework

# %%
tallest, *others = sorted(heights, reverse=True)
print(tallest, len(others), p_value < 0.2, sorted(results), pairs.notna().sum().sum())
