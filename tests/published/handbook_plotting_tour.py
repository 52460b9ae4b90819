# %% [markdown]
# A tour of plotting

Everything about figures, axes, styles; with matplotlib and seaborn.

# %% imports
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from sklearn.datasets import load_iris, load_digits
%matplotlib inline
%config InlineBackend.figure_format = 'png'

# %%
sns.set_theme(style='ticks', context='notebook')
plt.rc('figure', figsize=(4, 2.5), dpi=40)
np.random.seed(10)

# %% functions
def despine(ax):
    for side in ('top', 'right'):
        ax.spines[side].set_visible(False)
    return ax

def save_size(fig):
    """width and height in pixels"""
    return tuple(int(v) for v in fig.get_size_inches() * fig.dpi)

# %% [markdown]
## Simple lines

# %% step:lines
x = np.linspace(0, 10, 100)
fig, ax = plt.subplots()
ax.plot(x, np.sin(x))
ax.plot(x, np.cos(x), '--')
ax.set(xlim=(0, 10), title='sine and cosine')
save_size(fig)

# %%
styles = ['-', '--', '-.', ':']
ax = plt.axes()
for i, style in enumerate(styles):
    ax.plot(x, x + i, style, label=f'x + {i}')
despine(ax).legend();

# %%
curves = {}
for shift in range(3):
    curves[f'shift {shift}'] = np.sin(x - shift)
pd.DataFrame(curves, index=x).plot();

# %% [markdown]
## Scatter plots

# %% step:scatter
iris = load_iris()
features = iris.data.T
plt.scatter(features[0], features[1], alpha=0.2, s=100 * features[3], c=iris.target, cmap='viridis')
plt.xlabel(iris.feature_names[0])
plt.ylabel(iris.feature_names[1]);

# %%
df = pd.DataFrame(iris.data, columns=[n.replace(' (cm)', '').replace(' ', '_') for n in iris.feature_names])
df['species'] = iris.target_names[iris.target]
df.sample(3, random_state=1)

# %%
sns.scatterplot(data=df, x='petal_length', y='petal_width', hue='species');

# %%
df['ratio'] = df.petal_length / df.petal_width
df.query('ratio > 10').species.unique().tolist()

# %% [markdown]
## Errors and densities

# %% step:errors
dy = 0.8
noisy = np.sin(x) + dy * np.random.randn(100)
plt.errorbar(x, noisy, yerr=dy, fmt='.k', ecolor='lightgray');

# %%
def f(x, y):
    return np.sin(x) ** 10 + np.cos(10 + y * x) * np.cos(x)

X, Y = np.meshgrid(np.linspace(0, 5, 30), np.linspace(0, 5, 20))
Z = f(X, Y)
contours = plt.contour(X, Y, Z, 3, colors='black')
plt.imshow(Z, extent=[0, 5, 0, 5], origin='lower', cmap='RdGy', alpha=0.5);

# %%
Z[Z < 0] = 0
print(Z.max().round(3), (Z == 0).sum())

# %% [markdown]
## Histograms

# %% step:histograms
samples = [np.random.normal(m, s, 300) for m, s in ((0, 0.8), (-2, 1), (3, 2))]
kwargs = dict(histtype='stepfilled', alpha=0.3, density=True, bins=20)
for sample in samples:
    plt.hist(sample, **kwargs)
kwargs['density'] = False

# %%
heights, edges = np.histogram(samples[0], bins=5)
print(heights)

# %%
for values, name in zip(samples, 'abc'):
    values.sort()
    print(name, values[[0, -1]].round(2))

# %%
plt.hist(samples[2], **kwargs)
plt.axvline(np.median(samples[2]), color='r');

# %% [markdown]
## Many axes

# %% step:grids
digits = load_digits(n_class=6)
fig, axes = plt.subplots(2, 3, figsize=(4, 2))
for i, axi in enumerate(axes.flat):
    axi.imshow(digits.images[i], cmap='binary')
    axi.set(xticks=[], yticks=[])

# %%
with plt.rc_context({'axes.facecolor': '#eeeeee'}):
    fig, axes = plt.subplots(1, 2, sharey=True)
    for axis, (species, group) in zip(axes, df.groupby('species')):
        axis.hist(group['sepal_length'], bins=8)
        axis.set_title(species)
        despine(axis)

# %%
g = sns.FacetGrid(df, col='species', height=2)
g.map(plt.hist, 'sepal_width', bins=6);

# %%
sns.boxplot(data=df.melt(id_vars='species', value_vars=['sepal_length', 'petal_length']),
            x='variable', y='value', hue='species');

# %% [markdown]
## Settings

# %% step:settings
old = mpl.rcParams['lines.linewidth']
mpl.rcParams['lines.linewidth'] = 3
plt.plot(x, np.sin(x))
mpl.rcParams['lines.linewidth'] = old
old

# %%
palette = sns.color_palette('deep', 3)
means = df.groupby('species').mean(numeric_only=True)
means.plot.bar(rot=0, color=palette + [(0, 0, 0)] * 2)
plt.legend(fontsize=6);

# %%
print(len(curves), len(contours.levels), [len(s) for s in samples], kwargs['bins'], digits.images.shape)
