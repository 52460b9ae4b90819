# %% [markdown]
# In depth: k-means, PCA and friends

We look for structure without labels. Data: the 8x8 digits that come with scikit-learn.

# %% imports
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.decomposition import PCA
from sklearn.metrics import accuracy_score, confusion_matrix, pairwise_distances_argmin
%matplotlib inline

# %%
import warnings; warnings.simplefilter('ignore')
SEED = 0

# %% [markdown]
## Blobs

# %% step:blobs
X, y_true = make_blobs(n_samples=200, centers=4, cluster_std=0.60, random_state=SEED)
plt.scatter(X[:, 0], X[:, 1], s=10);

# %%
kmeans = KMeans(n_clusters=4, n_init=3, random_state=SEED)
kmeans.fit(X)
y_kmeans = kmeans.predict(X)

# %%
plt.scatter(X[:, 0], X[:, 1], c=y_kmeans, s=10, cmap='viridis')
centers = kmeans.cluster_centers_
plt.scatter(centers[:, 0], centers[:, 1], c='black', s=100, alpha=0.5);

# %% [markdown]
## The algorithm: expectation-maximization

# %% step:by_hand
def find_clusters(X, n_clusters, rseed=2):
    # 1. Randomly choose clusters
    rng = np.random.RandomState(rseed)
    i = rng.permutation(X.shape[0])[:n_clusters]
    centers = X[i]
    steps = 0
    while True:
        # 2a. Assign labels based on closest center
        labels = pairwise_distances_argmin(X, centers)
        # 2b. Find new centers from means of points
        new_centers = np.array([X[labels == i].mean(0) for i in range(n_clusters)])
        steps += 1
        # 2c. Check for convergence
        if np.all(centers == new_centers):
            break
        centers = new_centers
    return centers, labels, steps

found, labels, steps = find_clusters(X, 4)
found[found[:, 0].argsort()].round(1), steps

# %%
tries = {}
for rseed in range(4):
    _, l, s = find_clusters(X, 4, rseed)
    tries[rseed] = s
tries

# %%
same = np.allclose(np.sort(found[:, 0]), np.sort(centers[:, 0]), atol=0.2)
same

# %% [markdown]
## Digits

# %% step:digits
digits = load_digits()
data, target = digits.data, digits.target
data = data[::3]
target = target[::3]
data.shape

# %%
%%time
kmeans = KMeans(n_clusters=10, n_init=1, random_state=SEED)
clusters = kmeans.fit_predict(data)
kmeans.cluster_centers_.shape

# %%
def show(images, rows=2):
    fig, ax = plt.subplots(rows, len(images) // rows, figsize=(5, 2))
    for axi, image in zip(ax.flat, images):
        axi.set(xticks=[], yticks=[])
        axi.imshow(image, interpolation='nearest', cmap=plt.cm.binary)

show(kmeans.cluster_centers_.reshape(10, 8, 8)[:6])

# %%
labels = np.zeros_like(clusters)
for i in range(10):
    mask = (clusters == i)
    values, counts = np.unique(target[mask], return_counts=True)
    labels[mask] = values[counts.argmax()]
accuracy = accuracy_score(target, labels)
round(accuracy, 3)

# %%
mat = confusion_matrix(target, labels)
mat = pd.DataFrame(mat, index=digits.target_names, columns=digits.target_names)
mat.iloc[:4, :4]

# %% [markdown]
## Fewer dimensions

# %% step:pca
pca = PCA(2, random_state=SEED)
projected = pca.fit_transform(data)
print(data.shape, projected.shape)

# %%
plt.scatter(projected[:, 0], projected[:, 1], c=target, edgecolor='none', alpha=0.5, cmap='tab10', s=8)
plt.colorbar();

# %%
pca = PCA().fit(data)
cumulative = np.cumsum(pca.explained_variance_ratio_)
plt.plot(cumulative)
n90 = int((cumulative < 0.9).sum()) + 1
n90

# %% [markdown]
### PCA as noise filter

# %%
rng = np.random.RandomState(42)
noisy = rng.normal(data, 4)
pca = PCA(0.50).fit(noisy)
pca.n_components_

# %%
components = pca.transform(noisy)
filtered = pca.inverse_transform(components)
show(filtered[:6].reshape(-1, 8, 8))

# %%
error = {name: float(((images - data) ** 2).mean()) for name, images in
         [('noisy', noisy), ('filtered', filtered)]}
{k: round(v, 2) for k, v in error.items()}

# %% [markdown]
## Together

# %% step:together
def cluster(points):
    model = KMeans(n_clusters=10, n_init=1, random_state=SEED).fit(points)
    out = np.zeros(len(points), dtype=int)
    for label in np.unique(model.labels_):
        mask = model.labels_ == label
        out[mask] = np.bincount(target[mask]).argmax()
    return accuracy_score(target, out)

scores = pd.Series({'plain': accuracy})
for name, points in zip(['noisy', 'filtered'], [noisy, filtered]):
    scores[name] = cluster(points)
scores['two'] = cluster(projected)
scores.round(2)

# %%
worst = scores.idxmin()
mat = mat.mask(np.eye(10, dtype=bool), 0)
mistaken = mat.stack().idxmax()
print(worst, tuple(int(v) for v in mistaken), n90, same, min(tries.values()) > 0)
