# %% [markdown]
# Outbreak: daily cases, growth, comparisons
Data is simulated (SIR).
# %%
%matplotlib inline
%config InlineBackend.figure_format = 'png'
# %% imports
import pandas as pd
import numpy as np
import matplotlib as mpl
import matplotlib.pyplot as plt
import matplotlib.dates as mdates
from IPython.display import display, Markdown, HTML
mpl.rcParams['figure.figsize'] = (7, 3)
mpl.rcParams['axes.grid'] = True
pd.set_option('display.max_rows', 12)
# %% step:simulate
def sir(beta, gamma, n, days, i0=5):
    s, i, r = n - i0, i0, 0
    for _ in range(days):
        new = beta * s * i / n
        rec = gamma * i
        s, i, r = s - new, i + new - rec, r + rec
        yield round(new), round(rec)

countries = {'Aland': (.35, .1, 90_000), 'Beland': (.28, .12, 250_000), 'Celand': (.4, .2, 60_000)}
start = pd.Timestamp('2020-03-01')
parts = []
for name, args in countries.items():
    part = pd.DataFrame(sir(*args, days=80), columns=['new', 'recovered'])
    part['date'] = start + pd.to_timedelta(part.index, unit='D')
    part['country'] = name
    parts.append(part)
raw = pd.concat(parts)
raw
# %%
np.random.seed(19)
noise = np.random.poisson(2, len(raw))
raw['new'] += noise
# weekends are under-reported
weekend = raw['date'].dt.dayofweek >= 5
raw.loc[weekend, 'new'] = (raw.loc[weekend, 'new'] * .6).astype(int)
# %% step:tidy
df = raw.set_index(['country', 'date']).sort_index()
df['cum'] = df.groupby(level='country')['new'].cumsum()
df['deaths'] = (df['new'].groupby(level=0).shift(12).fillna(0) * .02).round().astype(int)
df.groupby(level=0).tail(1)
# %%
wide = df['new'].unstack('country')
smooth = wide.rolling(7, center=True).mean()
smooth.dropna().head()
# %%
display(Markdown('### Totals'))
totals = df.groupby(level=0)[['new', 'recovered', 'deaths']].sum()
display(totals)
# %% step:charts
fig, ax = plt.subplots()
for c in wide:
    ax.bar(wide.index, wide[c], alpha=.3)
    ax.plot(smooth.index, smooth[c], label=c)
ax.xaxis.set_major_formatter(mdates.DateFormatter('%d %b'))
ax.legend(loc='upper left')
ax.set_title('New cases per day, 7-day mean');
# %%
df['cum'].unstack(0).plot(logy=True);
# %% step:growth
def doubling_time(series, window=5):
    growth = np.log(series).diff(window) / window
    return np.log(2) / growth

growth = df['cum'].groupby(level=0, group_keys=False).apply(doubling_time)
growth = growth.replace([np.inf, -np.inf], np.nan)
summary = growth.groupby(level=0).describe()[['min', '50%', 'max']].round(2)
summary
# %%
style = summary.style.highlight_max(color='salmon').format('{:.1f}')
style
# %% step:peaks
peaks = {}
for country in wide.columns:
    s = smooth[country]
    peaks[country] = s.idxmax()
    print(f'{country:8s} peak on {s.idxmax():%Y-%m-%d} with {s.max():.0f} cases per day')
# %%
order = sorted(peaks, key=peaks.get)
HTML('<ol>' + ''.join(f'<li>{c}</li>' for c in order) + '</ol>')
# %% metrics
cfr = float(totals['deaths'].sum() / totals['new'].sum())
# %% step:report
lines = ['# Report', '']
for c in order:
    lines += [f'## {c}', f'- total: {totals.loc[c, "new"]:,}', f'- fastest doubling: {summary.loc[c, "min"]} days']
report = '\n'.join(lines)
Markdown(report)
# %%
%%writefile notes.txt
checked by hand
# %%
with open('report.md', 'w') as f:
    f.write(report)
!cat notes.txt report.md | wc -l
# %% [markdown]
## Appendix
# %%
appendix = df.reset_index().pivot_table(index='country', values=['new', 'deaths'], aggfunc=['sum', 'max'])
appendix
# %%
smooth.clip(lower=0, inplace=True)
print(smooth.max().round(1).to_dict())
