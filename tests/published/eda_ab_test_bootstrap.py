# %% [markdown]
# Did the new button work? A/B test with bootstrap
# %% imports
from __future__ import annotations
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
import random
from scipy import stats
from dataclasses import dataclass, field
from collections import namedtuple
# %%
np.random.seed(1)
random.seed(1)
# %% step:collect
users = 1500
groups = np.where(np.random.rand(users) < .5, 'control', 'treatment')
p = np.where(groups == 'control', .11, .14)
df = pd.DataFrame(dict(user_id=np.random.permutation(users), group=groups, converted=np.random.binomial(1, p),
                       minutes=np.random.gamma(2, 3, users).round(1), device=random.choices(['ios', 'android', 'web'], k=users)))
# some users saw both pages, of course
dup = df.sample(20, random_state=3).assign(group='treatment')
df = pd.concat([df, dup], ignore_index=True)
df.info()
# %%
df.pivot_table(index='group', columns='device', values='converted', aggfunc=['mean', 'count']).round(3)
# %% step:clean
both = df.groupby('user_id')['group'].nunique()
both = both[both > 1].index
print(f'{len(both)} users in both groups are dropped')
df = df[~df.user_id.isin(both)]
df = df.drop_duplicates('user_id').sort_values('user_id').reset_index(drop=True)
df.shape
# %%
Q1, Q3 = df.minutes.quantile([.25, .75])
df = df[df.minutes.between(Q1 - 3 * (Q3 - Q1), Q3 + 3 * (Q3 - Q1))]
len(df)
# %% step:test
a = df.loc[df.group == 'control', 'converted'].values
b = df.loc[df.group == 'treatment', 'converted'].values
lift = b.mean() / a.mean() - 1
f'{a.mean():.2%} -> {b.mean():.2%}, lift {lift:.1%}'
# %%
table = pd.crosstab(df['group'], df['converted'])
chi2, p_value, dof, expected = stats.chi2_contingency(table)
print('chi2 = %.3f, p = %.4f' % (chi2, p_value))
table
# %% step:bootstrap
@dataclass
class Bootstrap:
    statistic: callable
    n: int = 300
    draws: list = field(default_factory=list)

    def run(self, *samples):
        for _ in range(self.n):
            again = [np.random.choice(s, len(s)) for s in samples]
            self.draws.append(self.statistic(*again))
        return self

    def interval(self, level=.95):
        lo, hi = (1 - level) / 2, 1 - (1 - level) / 2
        return Interval(*np.quantile(self.draws, [lo, hi]))

Interval = namedtuple('Interval', 'low high')
# %%
boot = Bootstrap(lambda x, y: y.mean() - x.mean()).run(a, b)
ci = boot.interval()
ci.low.round(4), ci.high.round(4)
# %%
plt.hist(boot.draws, bins=30, alpha=.7)
plt.axvline(0, color='k'); plt.axvline(ci.low, ls='--'); plt.axvline(ci.high, ls='--')
plt.title('difference of conversion');
# %% step:permutation
def permutation_test(x, y, n=300):
    pooled = np.concatenate([x, y])
    observed = abs(y.mean() - x.mean())
    hits = 0
    for i in range(n):
        np.random.shuffle(pooled)
        hits += abs(pooled[:len(x)].mean() - pooled[len(x):].mean()) >= observed
    return (hits + 1) / (n + 1)

p_perm = permutation_test(a, b)
p_perm
# %%
# the originals are as they were
a[:10], random.random(), round(np.random.rand(), 6)
# %% step:segments
found = {}
for device, part in df.groupby('device'):
    x = part.query("group == 'control'").converted
    y = part.query("group == 'treatment'").converted
    t = stats.ttest_ind(x, y)
    found[device] = {'control': x.mean(), 'treatment': y.mean(), 'p': t.pvalue}
segments = pd.DataFrame.from_dict(found, orient='index')
segments['significant'] = segments['p'] < .05 / len(segments)
segments.round(4)
# %% metrics
lift
# %% step:conclusion
verdict = 'ship it' if ci.low > 0 and p_value < .05 else 'keep testing'
print(f'''
lift      {lift:.2%}
p (chi2)  {p_value:.4f}
p (perm)  {p_perm:.4f}
verdict   {verdict}
draws     {len(boot.draws)}
''')
# %% [markdown]
### Notes
- the seed is set once, at the top
- a user who saw both pages says nothing
# %%
df.dtypes
# %%
checks = {'users': df.user_id.is_unique, 'groups': set(df.group)}
checks['groups'] = sorted(checks['groups'])
checks
