# %% [markdown]
# Week 3: Introduction to NumPy

*Adapted for the course.* Exercises are at the end.

# %% imports
import numpy as np
import matplotlib.pyplot as plt
%matplotlib inline

# %%
np.random.seed(0)  # reproducible
np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
## Creating arrays

# %% step:arrays
a = np.array([1, 4, 2, 5, 3])
a

# %%
np.array([3.14, 4, 2, 3])

# %%
zeros = np.zeros(10, dtype='int16')
grid = np.arange(9).reshape(3, 3)
eye = np.eye(3)
print(zeros.dtype, grid.shape, eye.sum())

# %%
x1 = np.random.randint(10, size=6)
x2 = np.random.randint(10, size=(3, 4))
x3 = np.random.randint(10, size=(3, 4, 5))
print("x3 ndim:", x3.ndim, "shape:", x3.shape, "size:", x3.size)

# %% [markdown]
## Views and copies

Slices are **views**: a change of one is a change of the other.

# %% step:views
print(x2)

# %%
x2_sub = x2[:2, :2]
x2_sub[0, 0] = 99
x2

# %%
x2_sub_copy = x2[:2, :2].copy()
x2_sub_copy[0, 0] = 42
print(x2[0, 0])

# %%
row = x2[1]
row *= 2
x2.sum()

# %%
x1[::-1].sort()
x1

# %% [markdown]
### Reshaping

# %%
flat = x2.ravel()
flat[-1] = -1
x2.T.shape, x2[-1, -1]

# %% [markdown]
## Universal functions

# %% step:ufuncs
def compute_reciprocals(values):
    output = np.empty(len(values))
    for i in range(len(values)):
        output[i] = 1.0 / values[i]
    return output

values = np.random.randint(1, 10, size=5)
compute_reciprocals(values)

# %%
big_array = np.random.randint(1, 100, size=1000)
same = np.allclose(compute_reciprocals(big_array), 1.0 / big_array)
same

# %%
x = np.arange(5)
y = np.empty(5)
np.multiply(x, 10, out=y)
print(y)

# %%
z = np.zeros(10)
np.power(2, x, out=z[::2])
z

# %%
np.add.at(z, [0, 1, 1], 1)
np.fill_diagonal(eye, 7)
z[:3], eye.trace()

# %% [markdown]
## Aggregations and broadcasting

# %% step:broadcast
L = np.random.random(100)
print(sum(L).round(6) == np.sum(L).round(6), L.min() < L.max())

# %%
M = np.random.random((3, 4))
M -= M.mean(axis=1, keepdims=True)
np.abs(M.mean(1)).max() < 1e-12

# %%
X = np.random.random((10, 3))
X_mean = X.mean(0)
X_centered = X - X_mean
X_centered.mean(0).round(8) + 0.0

# %%
def standardize(A):
    """in place!"""
    A -= A.mean(0)
    A /= A.std(0)

standardize(X)
X.std(0)

# %% [markdown]
## Masks and fancy indexing

# %% step:masks
rain = np.abs(np.random.normal(0, 10, 365))
rainy = rain > 5
summer = np.arange(365)
summer = (summer > 172) & (summer < 262)
print("dry days:", (~rainy).sum(), "rainy in summer:", np.sum(rainy & summer))

# %%
rain[rain < 1] = 0
print("exactly zero:", np.count_nonzero(rain == 0))

# %%
idx = rain.argsort()[-3:]
rain[idx] = np.nan
np.isnan(rain).sum(), np.nanmax(rain).round(2)

# %%
mean = [0, 0]
cov = [[1, 2],
       [2, 5]]
P = np.random.multivariate_normal(mean, cov, 100)
picked = np.random.choice(P.shape[0], 20, replace=False)
selection = P[picked]
selection.shape

# %%
plt.scatter(P[:, 0], P[:, 1], alpha=0.3)
plt.scatter(selection[:, 0], selection[:, 1], facecolor='none', edgecolor='r', s=100);

# %% [markdown]
## Sorting: k nearest neighbours by hand

# %% step:neighbours
pts = np.random.rand(10, 2)
dist_sq = np.sum((pts[:, np.newaxis] - pts[np.newaxis, :]) ** 2, axis=-1)
dist_sq.diagonal()

# %%
nearest = np.argsort(dist_sq, axis=1)
K = 2
nearest_partition = np.argpartition(dist_sq, K + 1, axis=1)
nearest[:3]

# %%
plt.scatter(pts[:, 0], pts[:, 1], s=100)
for i in range(pts.shape[0]):
    for j in nearest_partition[i, :K + 1]:
        plt.plot(*zip(pts[j], pts[i]), color='black')

# %% [markdown]
## Structured arrays, and the exercise

# %% step:exercise
data = np.zeros(4, dtype={'names': ('name', 'age', 'weight'), 'formats': ('U10', 'i4', 'f8')})
name = ['Alice', 'Bob', 'Cathy', 'Doug']
age = [25, 45, 37, 19]
weight = [55.0, 85.5, 68.0, 61.5]
data['name'] = name
data['age'] = age
data['weight'] = weight
data[data['age'] < 30]['name']

# %%
data['age'] += 1
rec_data = data.view(np.recarray)
rec_data.age

# %%
# Solution of exercise 4: everything at once
answer = dict(
    first=int(x2[0, 0]),
    powers=z[::2].tolist(),
    total=int(grid.sum() + zeros.sum()),
    same=bool(same),
    centered=bool(np.allclose(X.mean(0), 0)),
    far=float(dist_sq.max().round(3)),
)
answer
