# %% [markdown]
# Online retail: cohorts & RFM
# %% imports
import pandas as pd, numpy as np, matplotlib.pyplot as plt, seaborn as sns
from operator import attrgetter
import datetime as dt
import os
%matplotlib inline
pd.set_option("display.precision", 3)
# %% [markdown]
## Make the file (normally downloaded)
# %% step:raw
DATA_DIR = 'data'
os.makedirs(DATA_DIR, exist_ok=True)
path = os.path.join(DATA_DIR, 'online_retail.csv')
r = np.random.default_rng(2010)
n = 1200
first = r.integers(0, 150, 120)
cust = r.integers(0, 120, n)
day = first[cust] + r.exponential(40, n).astype(int)
orders = pd.DataFrame({'InvoiceNo': 536365 + np.arange(n), 'StockCode': r.choice(['85123A', '71053', '84406B', 'POST'], n),
    'Quantity': r.integers(-2, 20, n), 'InvoiceDate': pd.Timestamp('2010-12-01') + pd.to_timedelta(day, unit='D'),
    'UnitPrice': r.choice([2.55, 3.39, 2.75, 18.0], n), 'CustomerID': cust + 12346.0, 'Country': r.choice(['United Kingdom', 'France', 'EIRE'], n, p=[.8, .1, .1])})
orders.loc[r.random(n) < .08, 'CustomerID'] = np.nan
orders.to_csv(path, index=False)
# %%
!ls data
# %% step:clean
df = pd.read_csv(path, parse_dates=['InvoiceDate'])
print(df.shape)
df.isnull().sum()
# %%
df.dropna(subset=['CustomerID'], inplace=True)
df = df[(df.Quantity > 0) & (df.StockCode != 'POST')]
df['CustomerID'] = df['CustomerID'].astype(int).astype(str)
df = df[df.InvoiceDate < '2011-08-01']
n_orders = df.groupby(['CustomerID'])['InvoiceNo'].nunique()
mult_orders_perc = np.sum(n_orders > 1) / df['CustomerID'].nunique()
print(f'{100 * mult_orders_perc:.2f}% of customers ordered more than once.')
# %%
ax = sns.histplot(n_orders, bins=12)
ax.set(title='Distribution of number of orders per customer', xlabel='# of orders', ylabel='# of customers');
# %% [markdown]
## Cohorts
# %% step:cohorts
cohorts = df[['CustomerID', 'InvoiceNo', 'InvoiceDate']].drop_duplicates()
cohorts['order_month'] = cohorts['InvoiceDate'].dt.to_period('M')
cohorts['cohort'] = cohorts.groupby('CustomerID')['InvoiceDate'].transform('min').dt.to_period('M')
df_cohort = cohorts.groupby(['cohort', 'order_month']).agg(n_customers=('CustomerID', 'nunique')).reset_index(drop=False)
df_cohort['period_number'] = (df_cohort.order_month - df_cohort.cohort).apply(attrgetter('n'))
df_cohort.head()
# %%
cohort_pivot = df_cohort.pivot_table(index='cohort', columns='period_number', values='n_customers')
cohort_size = cohort_pivot.iloc[:, 0]
retention_matrix = cohort_pivot.divide(cohort_size, axis=0)
retention_matrix.round(2)
# %%
with sns.axes_style("white"):
    fig, ax = plt.subplots(1, 2, figsize=(8, 4), sharey=True, gridspec_kw={'width_ratios': [1, 11]})
    sns.heatmap(retention_matrix, mask=retention_matrix.isnull(), annot=False, cmap='RdYlGn', ax=ax[1])
    ax[1].set_title('Monthly Cohorts: User Retention', fontsize=12)
    cohort_size_df = pd.DataFrame(cohort_size).rename(columns={0: 'cohort_size'})
    sns.heatmap(cohort_size_df, annot=True, cbar=False, fmt='g', ax=ax[0])
    fig.tight_layout()
# %% [markdown]
## RFM
# %% step:rfm
df['TotalSum'] = df['UnitPrice'] * df['Quantity']
snapshot_date = df['InvoiceDate'].max() + dt.timedelta(days=1)
rfm = df.groupby(['CustomerID']).agg({
    'InvoiceDate': lambda x: (snapshot_date - x.max()).days,
    'InvoiceNo': 'count',
    'TotalSum': 'sum'})
# Rename columns
rfm.rename(columns={'InvoiceDate': 'Recency', 'InvoiceNo': 'Frequency', 'TotalSum': 'MonetaryValue'}, inplace=True)
rfm.head()
# %%
for name, labels in zip(['Recency', 'Frequency', 'MonetaryValue'], [range(4, 0, -1), range(1, 5), range(1, 5)]):
    rfm[name[0]] = pd.qcut(rfm[name].rank(method='first'), q=4, labels=labels).astype(int)
rfm['RFM_Score'] = rfm[['R', 'F', 'M']].sum(axis=1)

def rfm_level(row):
    if row['RFM_Score'] >= 9:
        return "Can't Loose Them"
    elif row['RFM_Score'] >= 6:
        return 'Loyal'
    else:
        return 'Require Activation'

rfm['RFM_Level'] = rfm.apply(rfm_level, axis=1)
rfm.sample(3, random_state=5)
# %%
rfm_level_agg = rfm.groupby('RFM_Level').agg({'Recency': 'mean', 'Frequency': 'mean', 'MonetaryValue': ['mean', 'count']}).round(1)
rfm_level_agg.columns = ['RecencyMean', 'FrequencyMean', 'MonetaryMean', 'Count']
rfm_level_agg
# %% metrics
repeat_share = float(mult_orders_perc)
# %% step:export
out = os.path.join(DATA_DIR, 'rfm.parquet')
rfm.to_parquet(out)
pd.read_parquet(out).shape
# %%
print(sorted(os.listdir(DATA_DIR)))
# %%
rfm['RFM_Level'].value_counts(normalize=True).round(3)
