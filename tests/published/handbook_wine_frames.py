# %% [markdown]
# Data Manipulation with Pandas

*This notebook contains an excerpt from a handbook of data science; the text has been shortened.*

## Setup

# %% imports
%matplotlib inline
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
from sklearn.datasets import load_wine

# %%
pd.set_option('display.max_columns', 8)
pd.set_option('display.precision', 3)
plt.style.use('ggplot')

# %%
# a helper from the appendix: show several frames, one below the other
class display_all(object):
    """Display several objects"""
    template = "--- {0}"

    def __init__(self, *args):
        self.args = args

    def __repr__(self):
        return '\n'.join(self.template.format(a) + '\n' + repr(eval(a)) for a in self.args)

# %% [markdown]
## Loading the data

# %% step:load
wine = load_wine(as_frame=True)
df = wine.frame
df.head()

# %%
df.shape

# %%
df.columns

# %% [markdown]
The last column has a name that is hard to type. Let us fix it.

# %%
df = df.rename(columns={'od280/od315_of_diluted_wines': 'od_ratio'})
df['target'] = df['target'].map(dict(enumerate(wine.target_names)))
df.head(3)

# %%
df.dtypes.value_counts()

# %% [markdown]
## Handling missing data

The set has no holes, so we make some.

# %% step:missing
rng = np.random.RandomState(42)
holes = rng.rand(len(df)) < 0.1
df.loc[holes, 'ash'] = np.nan
df.loc[rng.rand(len(df)) < 0.05, 'hue'] = np.nan
df.isnull().sum()[lambda s: s > 0]

# %%
df.dropna().shape

# %%
filled = df.copy()
for column in filled.columns[filled.isnull().any()]:
    filled[column].isnull().sum()
    filled[column] = filled[column].fillna(filled[column].median())
filled.isnull().any().any()

# %%
df = filled

# %% [markdown]
### Where were they?

# %%
np.flatnonzero(holes)[:5]

# %% [markdown]
## Aggregation and grouping

# %% step:group
by_grower = df.groupby('target')
by_grower.size()

# %%
by_grower['alcohol'].describe().round(2)

# %%
for (grower, group) in by_grower:
    print("{0:10s} shape={1}".format(grower, group.shape))

# %%
def spread(x):
    """Range of the middle half"""
    return x.quantile(0.75) - x.quantile(0.25)

numeric = df.select_dtypes('number').columns
means = by_grower[list(numeric)].mean()
spreads = by_grower[['alcohol', 'hue', 'proline']].agg(spread)
display_all('means.iloc[:, :4]', 'spreads')

# %% [markdown]
### Transformation: centre the data

# %%
center = lambda x: x - x.mean()
centered = by_grower[list(numeric)].transform(center)
centered.mean().abs().max() < 1e-8

# %%
strong = df[df['alcohol'] > 13]
strong = strong.sort_values('alcohol', ascending=False)
strong.reset_index(drop=True, inplace=True)
strong[['alcohol', 'target']].head()

# %% [markdown]
## Pivot tables

# %% step:pivot
levels = pd.cut(df['color_intensity'], [0, 3, 6, 14], labels=['pale', 'medium', 'dark'])
df.insert(0, 'color', levels)
table = df.pivot_table('proline', index='target', columns='color', aggfunc='mean', observed=False)
table

# %%
counts = pd.crosstab(df['target'], df['color'])
counts['all'] = counts.sum(axis=1)
counts

# %%
strong_counts = strong['target'].value_counts()
print(strong_counts.to_dict())

# %% [markdown]
## Plotting

# %% step:plot
fig, ax = plt.subplots(figsize=(5, 3))
for name, group in df.groupby('target'):
    ax.scatter(group['alcohol'], group['proline'], label=name, s=12)
ax.legend();

# %%
means[['alcohol', 'malic_acid', 'hue']].plot(kind='bar', figsize=(5, 3));

# %%
centered['proline'].hist(bins=20, figsize=(4, 2))
plt.title('proline, centred by grower');

# %% [markdown]
## Summary

# %% step:summary
summary = pd.concat([means[['alcohol', 'proline']], spreads[['hue']].add_suffix('_spread')], axis=1)
summary['wines'] = by_grower.size()
summary['dark'] = counts['dark']
summary

# %%
best = summary['proline'].idxmax()
print(f"most proline: {best}, {len(strong)} strong wines, {int(holes.sum())} holes were filled")
