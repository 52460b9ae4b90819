# %% [markdown]
# SQL from Python

A small shop in SQLite. We keep the database in memory, so everything that needs it is one part.

# %% imports
import contextlib
import sqlite3
import pandas as pd
import numpy as np

# %% parameters
n_orders = 120
vat = 0.19

# %% [markdown]
## Make some orders

# %% step:make
rng = np.random.RandomState(8)
customers = pd.DataFrame({
    'id': range(1, 7),
    'name': ['Ann', 'Bob', 'Cid', 'Dee', 'Eve', 'Fay'],
    'city': ['Rome', 'Oslo', 'Rome', 'Bern', 'Oslo', None],
})
customers

# %%
orders = pd.DataFrame({
    'id': np.arange(n_orders),
    'customer': rng.choice(customers['id'], n_orders),
    'item': rng.choice(['tea', 'cup', 'pot'], n_orders, p=[.6, .3, .1]),
    'amount': rng.randint(1, 5, n_orders),
})
orders.head()

# %%
prices = {'tea': 3.5, 'cup': 6.0}
prices.update(pot=24.0)
orders['price'] = orders['item'].map(prices)
orders.loc[orders['amount'] > 3, 'price'] *= 0.9
orders.price.describe().round(2)

# %%
customers.at[5, 'city'] = 'Bern'
customers['city'] = customers['city'].str.upper()

# %% [markdown]
## Query

# %% step:query
connection = sqlite3.connect(':memory:')
for name, frame in [('customers', customers), ('orders', orders)]:
    frame.to_sql(name, connection, index=False)

def query(sql, **params):
    return pd.read_sql_query(sql, connection, params=params or None)

query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")

# %%
query("SELECT city, COUNT(*) AS n FROM customers GROUP BY city ORDER BY n DESC, city")

# %%
best = query("""
    SELECT c.name, ROUND(SUM(o.amount * o.price), 2) AS total
    FROM orders o JOIN customers c ON c.id = o.customer
    GROUP BY c.name ORDER BY total DESC
""")
best

# %%
with connection:
    connection.execute("UPDATE orders SET price = price * (1 + ?)", (vat,))
    connection.execute("DELETE FROM orders WHERE item = 'pot' AND amount = 1")
with_vat = query("SELECT item, SUM(amount) AS amount, AVG(price) AS price FROM orders GROUP BY item")
with_vat.round(2)

# %%
with contextlib.closing(connection.cursor()) as cursor:
    cursor.execute("SELECT MAX(amount) FROM orders WHERE item = :item", {'item': 'tea'})
    most_tea, = cursor.fetchone()
most_tea

# %%
final_orders = query("SELECT * FROM orders WHERE customer = :who", who=2)
connection.close()
len(final_orders) > 0

# %% [markdown]
## The same in pandas

# %% step:pandas
merged = orders.merge(customers, left_on='customer', right_on='id', suffixes=('', '_c'))
merged['total'] = merged['amount'] * merged['price']
ours = merged.groupby('name', as_index=False)['total'].sum().round(2)
ours.sort_values('total', ascending=False, ignore_index=True, inplace=True)
ours

# %%
same = np.allclose(ours['total'], best['total'])
same

# %%
threshold = merged['total'].quantile(0.9)
big = merged.query('total > @threshold and city != "OSLO"')
big.groupby('city').size().to_dict()

# %%
def by_item(frame, **how):
    return frame.groupby('item').agg(**how)

items = by_item(merged, amount=('amount', 'sum'), price=('price', 'mean'))
items['price'] *= 1 + vat
items.loc['sum'] = items.sum()
items.round(2)

# %% [markdown]
## Report

# %% step:report
ratio = (with_vat.set_index('item')['price'] / items['price']).dropna()
print(ratio.round(3).to_dict())

# %%
lines = []
for position, (name, total) in enumerate(ours.itertuples(index=False), start=1):
    lines.append(f'{position}. {name:<4} {total:8.2f}')
lines.insert(0, f'same: {same}')
print('\n'.join(lines[:4]))

# %%
print(len(big), most_tea, sorted(prices), final_orders['customer'].unique())
