# %% [markdown]
# Cleaning a messy survey

> 80 % of data science is cleaning, the other 20 % is complaining about it.

The answers are generated, but as dirty as those that we got.

# %% imports
import numpy as np
import pandas as pd
from io import StringIO
from sklearn.datasets import load_breast_cancer

# %%
pd.set_option('display.width', 100)
pd.set_option('mode.chained_assignment', None) if 'mode.chained_assignment' in dir(pd.options) else None
NA = ['n/a', '-', '']

# %% [markdown]
## Read

# %% step:read
raw = StringIO("""id;Name ;AGE; income;city;joined
1; Ann ;34;"3,400";berlin;2020-01-03
2;Bob;n/a;2900;Paris ;2020-02-30
3;Cid;29;-;paris;2021-05-01
3;Cid;29;-;paris;2021-05-01
4;Dee;210;5100; Berlin;2019-11-11
5;eve;41;"4,050";ROME;2022-07-19
6;Fay;;3900;rome;2018-03-03
""")
survey = pd.read_csv(raw, sep=';', na_values=NA, thousands=',')
survey

# %%
print(survey.dtypes.astype(str).to_dict())

# %%
survey.columns = survey.columns.str.strip().str.lower()
survey.columns.tolist()

# %%
log = []

def note(text, frame):
    """Keep what we did, for the appendix"""
    log.append({'step': text, 'rows': len(frame), 'holes': int(frame.isna().sum().sum())})

note('read', survey)

# %% [markdown]
## Repair

# %% step:repair
survey.drop_duplicates(inplace=True)
note('duplicates', survey)

# %%
def tidy_text(frame, *columns):
    """in place, returns nothing"""
    for column in columns:
        frame[column] = frame[column].str.strip().str.title()

tidy_text(survey, 'name', 'city')
survey[['name', 'city']]

# %%
survey['joined'] = pd.to_datetime(survey['joined'], errors='coerce')
note('dates', survey)

# %%
survey.loc[survey.age > 120, 'age'] = np.nan
survey['age'] = survey['age'].fillna(survey['age'].median())
survey['income'] = pd.to_numeric(survey['income'], errors='coerce')

# %%
by_city = survey.groupby('city')['income'].transform('mean')
survey['income'] = survey['income'].fillna(by_city)
note('filled', survey)
survey

# %%
survey = survey.set_index('id').sort_index()
survey.loc[7] = ['Gus', 55, 4200.0, 'Rome', pd.Timestamp('2020-12-24')]
survey.rename(index={7: 8}, inplace=True)
survey.tail(2)

# %% [markdown]
## Enrich

# %% step:enrich
cities = pd.DataFrame({'city': ['Berlin', 'Paris', 'Rome'], 'country': ['DE', 'FR', 'IT']})
full = survey.reset_index().merge(cities, on='city', how='left')
full.pop('name')
full.head(3)

# %%
def bracket(age):
    if age < 30:
        return 'young'
    return 'old' if age > 50 else 'middle'

full['bracket'] = full.age.apply(bracket).astype('category')
full['year'] = full.joined.dt.year.astype('Int64')
full.bracket.value_counts().sort_index()

# %%
for col in full.select_dtypes('number'):
    if full[col].nunique() > 5 and col != 'id':
        full[col + '_z'] = ((full[col] - full[col].mean()) / full[col].std()).round(2)
note('enriched', full)

# %%
full = full.assign(rich=lambda d: d.income > d.income.median()).drop(columns=['joined'])
full.filter(like='_z').columns.tolist()

# %%
cities.loc[len(cities)] = ['Oslo', 'NO']
missing = sorted(set(cities['city']) - set(full['city']))
missing

# %% [markdown]
## Wide and long

# %% step:reshape
long = full.melt(id_vars=['id', 'country'], value_vars=['age', 'income'])
long.groupby(['country', 'variable'])['value'].mean().unstack()

# %%
wide = long.pivot(index='id', columns='variable', values='value')
wide.columns.name = None
wide['per_year'] = wide.pop('income') / wide['age']
wide.round(1)

# %%
stacked = full.groupby(['country', 'bracket'], observed=True).size().unstack(fill_value=0)
stacked.loc['sum'] = stacked.sum()
stacked

# %% [markdown]
## A second table: the clinic

# %% step:clinic
clinic = load_breast_cancer(as_frame=True).frame.iloc[:60, [0, 1, 2, -1]].copy()
clinic.columns = ['radius', 'texture', 'perimeter', 'benign']
rng = np.random.default_rng(5)
clinic['id'] = rng.integers(1, 9, len(clinic))
clinic.mask(rng.random(clinic.shape) < 0.03, inplace=True)
clinic.isna().sum().sum()

# %%
def clip_outliers(frame, column, q=0.95):
    limit = frame[column].quantile(q)
    frame.loc[frame[column] > limit, column] = limit
    return frame

for c in ['radius', 'texture']:
    clip_outliers(clinic, c)
clinic.dropna(subset=['id', 'benign'], inplace=True)
note('clinic', clinic)
clinic[['radius', 'texture']].max().round(2)

# %%
per_person = clinic.groupby('id').agg(visits=('radius', 'size'), radius=('radius', 'mean'))
joined = wide.join(per_person, how='left')
joined.fillna({'visits': 0}, inplace=True)
joined.round(2)

# %% [markdown]
## Appendix

# %% step:appendix
pd.DataFrame(log)

# %%
summary = joined.describe().loc[['mean', 'max']]
summary['n'] = [len(joined)] * 2
print(len(log), missing, int(stacked.loc['sum'].sum()), float(summary.loc['max', 'visits']))
