# %% [markdown]
# Digit recognizer from scratch
No deep learning, I promise.
# %% imports
import numpy as np, pandas as pd
import matplotlib.pyplot as plt
from collections import Counter, defaultdict
from sklearn.datasets import load_digits
np.random.seed(0)
# %% parameters
K = 5
n_train = 400
show = 6
# %% step:load
digits = load_digits()
X, y = digits.data, digits.target
idx = np.random.permutation(len(X))[:600]
X, y = X[idx] / 16., y[idx]
X.shape
# %%
plt.figure(figsize=(6, 2))
for i in range(show):
    plt.subplot(1, show, i + 1)
    plt.imshow(X[i].reshape(8, 8), cmap='gray')
    plt.title(y[i])
    plt.axis('off')
# %%
X_train, X_test = X[:n_train], X[n_train:]
y_train, y_test = y[:n_train], y[n_train:]
Counter(y_train)
# %% [markdown]
## The classifier
# %% step:classifier
class KNearestNeighbor(object):
    """ a kNN classifier with L2 distance """

    def __init__(self):
        self.calls = 0

    def train(self, X, y):
        self.X_train = X
        self.y_train = y

    def compute_distances(self, X):
        self.calls += 1
        dists = -2 * X.dot(self.X_train.T) + (X ** 2).sum(1)[:, None] + (self.X_train ** 2).sum(1)
        return np.sqrt(np.maximum(dists, 0))

    def predict_labels(self, dists, k=1):
        y_pred = np.zeros(len(dists))
        for i, row in enumerate(dists):
            closest_y = self.y_train[np.argsort(row)[:k]]
            y_pred[i] = np.bincount(closest_y).argmax()
        return y_pred
# %%
classifier = KNearestNeighbor()
classifier.train(X_train, y_train)
dists = classifier.compute_distances(X_test)
print(dists.shape)
# %%
plt.imshow(dists, interpolation='none', aspect='auto')
plt.show()
# %%
%%time
y_test_pred = classifier.predict_labels(dists, k=1)
num_correct = np.sum(y_test_pred == y_test)
accuracy = float(num_correct) / len(y_test)
print('Got %d / %d correct => accuracy: %f' % (num_correct, len(y_test), accuracy))
# %% [markdown]
## Cross-validation
# %% step:cv
num_folds = 4
k_choices = [1, 3, K, 8]
X_train_folds = np.array_split(X_train, num_folds)
y_train_folds = np.array_split(y_train, num_folds)
k_to_accuracies = defaultdict(list)
for i in range(num_folds):
    knn = KNearestNeighbor()
    knn.train(np.vstack(X_train_folds[:i] + X_train_folds[i+1:]), np.hstack(y_train_folds[:i] + y_train_folds[i+1:]))
    d = knn.compute_distances(X_train_folds[i])
    for k in k_choices:
        k_to_accuracies[k].append(np.mean(knn.predict_labels(d, k) == y_train_folds[i]))
# %%
# Print out the computed accuracies
for k in sorted(k_to_accuracies):
    for accuracy in k_to_accuracies[k]:
        print('k = %d, accuracy = %f' % (k, accuracy))
# %%
accuracies_mean = np.array([np.mean(v) for k,v in sorted(k_to_accuracies.items())])
accuracies_std = np.array([np.std(v) for k,v in sorted(k_to_accuracies.items())])
plt.errorbar(sorted(k_to_accuracies), accuracies_mean, yerr=accuracies_std)
plt.title('Cross-validation on k')
plt.xlabel('k')
plt.show()
# %% step:final
best_k = sorted(k_to_accuracies)[accuracies_mean.argmax()]
y_test_pred = classifier.predict_labels(classifier.compute_distances(X_test), k=best_k)
accuracy = float((y_test_pred == y_test).mean())
print(best_k, accuracy, classifier.calls)
# %% metrics
accuracy
# %%
wrong = np.where(y_test_pred != y_test)[0]
pd.DataFrame({'true': y_test[wrong], 'pred': y_test_pred[wrong].astype(int)}).head()
# %% [markdown]
## Where is it wrong?
# %%
confusion = pd.crosstab(y_test, y_test_pred.astype(int), rownames=['true'], colnames=['predicted'])
confusion
# %%
pairs = list(zip(y_test[wrong], y_test_pred[wrong].astype(int)))
worst = max(((a, b) for a in range(10) for b in range(10) if a != b), key=lambda p: ((y_test == p[0]) & (y_test_pred == p[1])).sum())
print('most often confused:', worst)
