# %% [markdown]
# Store sales: baseline → lag features → forecast
# %% imports
import pandas as pd
import numpy as np
import matplotlib.pyplot as plt
from datetime import datetime, timedelta
from tqdm import tqdm
import gc
# %% parameters
horizon = 14
stores = 3
lags = [1, 7, 14]
# %% step:make
np.random.seed(10)
dates = pd.date_range('2022-01-01', periods=200)
frames = []
for store in range(1, stores + 1):
    trend = np.linspace(50, 70 + store * 5, len(dates))
    weekly = 10 * np.sin(2 * np.pi * dates.dayofweek / 7)
    frames.append(pd.DataFrame({'date': dates, 'store': store, 'sales': trend + weekly + np.random.normal(0, 3, len(dates))}))
sales = pd.concat(frames, ignore_index=True)
del frames; gc.collect();
# %%
sales.head()
# %%
sales.groupby('store').sales.describe()
# %%
fig, ax = plt.subplots(figsize=(8, 3))
for store, g in sales.groupby('store'):
    ax.plot(g.date, g.sales, label=f'store {store}', lw=1)
ax.legend(); ax.set_title('Sales');
# %% step:features
def add_date_parts(df):
    df['dow'] = df['date'].dt.dayofweek
    df['month'] = df['date'].dt.month
    df['is_weekend'] = (df['dow'] >= 5).astype(int)
# %%
add_date_parts(sales)
for lag in tqdm(lags):
    sales[f'lag_{lag}'] = sales.groupby('store')['sales'].shift(lag)
# %%
sales['roll7'] = sales.groupby('store')['sales'].transform(lambda s: s.shift(1).rolling(7).mean())
sales.dropna(inplace=True)
sales.reset_index(drop=True, inplace=True)
sales.tail()
# %% step:split
cutoff = sales.date.max() - timedelta(days=horizon)
tr = sales[sales.date <= cutoff]
va = sales[sales.date > cutoff]
features = [c for c in sales.columns if c not in ('date', 'sales')]
print(cutoff.date(), len(tr), len(va))
features
# %% [markdown]
## Baselines
# %% step:baseline
def mape(y_true, y_pred):
    return np.mean(np.abs((y_true - y_pred) / y_true)) * 100

results = {}
results['naive'] = mape(va.sales, va.lag_1)
results['seasonal'] = mape(va.sales, va.lag_7)
results
# %% [markdown]
## Models
# %% step:model
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

for name, reg in [('linear', LinearRegression()), ('tree', DecisionTreeRegressor(max_depth=5, random_state=0))]:
    reg.fit(tr[features], tr.sales)
    p = reg.predict(va[features])
    results[name] = mape(va.sales, p)
    va = va.assign(**{name: p})
pd.Series(results).sort_values()
# %%
best = min(results, key=results.get)
print('best:', best)
# %%
importance = pd.Series(reg.feature_importances_, index=features).sort_values(ascending=False)
importance.head(4).round(3)
# %% metrics
best_mape = round(results[best], 6)
# %% step:plot
col = {'naive': 'lag_1', 'seasonal': 'lag_7'}.get(best, best)
fig, axes = plt.subplots(1, stores, figsize=(9, 2.5), sharey=True)
for ax, (store, g) in zip(axes.flat, va.groupby('store')):
    ax.plot(g.date, g.sales, 'k.-')
    ax.plot(g.date, g[col], 'r--')
    ax.set_title(store)
plt.tight_layout()
# %%
va[['date', 'store', 'sales', col]].round(2).to_csv('forecast.csv', index=False)
# %%
%%bash
wc -l forecast.csv | awk '{print $1}'
head -2 forecast.csv
