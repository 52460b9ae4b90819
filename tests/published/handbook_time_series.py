# %% [markdown]
# Working with time series

*Excerpt.* The original uses bicycle counts from the web; here we make our own bridge.

# %% imports
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
from datetime import datetime, timedelta
%matplotlib inline

# %%
plt.style.use('seaborn-v0_8-whitegrid')
plt.rcParams['figure.figsize'] = (7, 3)
pd.options.display.max_rows = 12

# %%
ls_style = dict(marker='.', linestyle='none')

# %% [markdown]
## Dates in Python

# %% step:dates
start = datetime(year=2015, month=7, day=4)
start.strftime('%A')

# %%
dates = pd.to_datetime([start, '5th of July, 2015', '2015-Jul-6', '07-07-2015', '20150708'], format='mixed')
dates.to_period('D')

# %%
(dates - dates[0]).days.tolist()

# %%
pd.date_range(start, periods=3, freq='h') + timedelta(minutes=30)

# %% [markdown]
## The bridge

# %% step:bridge
rng = np.random.default_rng(3)
hours = pd.date_range('2014-01-01', '2014-12-31 23:00', freq='h')

def rush(hour):
    """Two bumps a day"""
    return np.exp(-(hour - 8) ** 2 / 4) + 0.9 * np.exp(-(hour - 17.5) ** 2 / 5)

season = 1 + 0.4 * np.sin((hours.dayofyear - 80) / 365 * 2 * np.pi)
level = 60 * rush(hours.hour) * season * np.where(hours.dayofweek < 5, 1, 0.35) + 3
data = pd.DataFrame({'Fremont East': rng.poisson(level), 'Fremont West': rng.poisson(level * 0.8)}, index=hours)
data.index.name = 'Date'
data.head()

# %%
data.columns = ['East', 'West']
data['Total'] = data.eval('East + West')

# %%
data.dropna().describe().round(1)

# %%
data.iloc[500:510, 1] = np.nan
data.loc['2014-03-03', 'East'] = np.nan
print(data.isna().sum().to_dict())

# %%
data['East'] = data['East'].interpolate()
data.ffill(inplace=True)
data['Total'] = data['East'] + data['West']
data.isna().any().any()

# %% [markdown]
## Resampling and rolling

# %% step:resample
weekly = data.resample('W').sum()
weekly.plot(style=[':', '--', '-'])
plt.ylabel('Weekly bicycle count');

# %%
daily = data.resample('D').sum()
smooth = daily.rolling(30, center=True).mean()
smooth.plot(style=[':', '--', '-']);

# %%
daily.rolling(50, center=True, win_type=None).std().dropna().shape

# %%
busiest = daily['Total'].nlargest(3)
for day, count in busiest.items():
    print(day.date(), int(count))

# %%
gap = daily['Total'].diff().shift(-1)
gap[gap.abs() > 800].size

# %% [markdown]
## Digging in

# %% step:patterns
by_time = data.groupby(data.index.time).mean()
hourly_ticks = 4 * 60 * 60 * np.arange(6)
by_time.plot(xticks=hourly_ticks, style=[':', '--', '-']);

# %%
by_weekday = data.groupby(data.index.dayofweek).mean()
by_weekday.index = ['Mon', 'Tues', 'Wed', 'Thurs', 'Fri', 'Sat', 'Sun']
by_weekday.round(1)

# %%
weekend = np.where(data.index.weekday < 5, 'Weekday', 'Weekend')
by_kind = data.groupby([weekend, data.index.hour]).mean()
by_kind.index.names = ['kind', 'hour']

# %%
fig, ax = plt.subplots(1, 2, figsize=(10, 3))
for axis, kind in zip(ax, ('Weekday', 'Weekend')):
    by_kind.loc[kind].plot(ax=axis, title=kind, **ls_style)

# %% [markdown]
## How many daylight hours?

# %% step:daylight
def hours_of_daylight(date, axis=23.44, latitude=47.61):
    """Compute the hours of daylight for the given date"""
    days = (date - datetime(2000, 12, 21)).days
    m = (1. - np.tan(np.radians(latitude))
         * np.tan(np.radians(axis) * np.cos(days * 2 * np.pi / 365.25)))
    return 24. * np.degrees(np.arccos(1 - np.clip(m, 0, 2))) / 180.

daily['daylight'] = list(map(hours_of_daylight, daily.index))
daily[['daylight']].plot();

# %%
names = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
for i in range(7):
    daily[names[i]] = (daily.index.dayofweek == i).astype(float)
daily.filter(items=names).sum().astype(int).to_dict()

# %%
X = daily[names + ['daylight']]
y = daily['Total']
params, *_rest = np.linalg.lstsq(X.values, y.values, rcond=None)
params = pd.Series(params, index=X.columns)
daily['predicted'] = X @ params
params.round(0)

# %%
daily[['Total', 'predicted']].plot(alpha=0.5);

# %% metrics
r2 = float(1 - ((y - daily['predicted']) ** 2).sum() / ((y - y.mean()) ** 2).sum())
peak = str(busiest.index[0].date())
weekday_ratio = float(by_weekday.loc['Mon', 'Total'] / by_weekday.loc['Sun', 'Total'])
print(f'{r2:.3f} {peak} {weekday_ratio:.2f}')
