# %% [markdown]
# Predictive maintenance: anomalies in sensor data
# %% imports
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
from sklearn.ensemble import IsolationForest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from sklearn.neighbors import LocalOutlierFactor
from typing import Dict, List, Tuple, Optional
%load_ext autoreload
%autoreload 2
# %%
plt.rcParams.update({'figure.figsize': (8, 2.5), 'font.size': 8})
np.set_printoptions(precision=3, suppress=True)
rs = np.random.RandomState(4)
# %% step:signals
t = np.arange(600)
sensors = pd.DataFrame({f'sensor_{i:02d}': np.sin(t / (9 + i)) + rs.normal(0, .2, t.size) for i in range(5)})
sensors['machine_status'] = 'NORMAL'
failures: List[Tuple[int, int]] = []
for begin in (150, 420, 560):
    end = begin + int(rs.randint(8, 15))
    sensors.iloc[begin:end, :3] += rs.uniform(1.5, 3, (end - begin, 3))
    sensors.loc[begin:end - 1, 'machine_status'] = 'BROKEN'
    failures.append((begin, end))
sensors.index = pd.date_range('2018-04-01', periods=len(sensors), freq='min', name='timestamp')
failures
# %%
sensors.machine_status.value_counts()
# %%
%%capture hidden
print('a lot of text that nobody reads')
sensors.info()
# %%
print(len(hidden.stdout.splitlines()) > 5)
# %% step:clean
def drop_bad(df, threshold=.5, log: Optional[list] = None):
    """Drops constant and empty columns in place."""
    for name in list(df.columns):
        if df[name].isnull().mean() > threshold or df[name].nunique() == 1:
            del df[name]
            if log is not None:
                log.append(name)

dropped = []
sensors['sensor_50'] = 0.0
sensors.loc[sensors.index[:400], 'sensor_51'] = np.nan
drop_bad(sensors, log=dropped)
dropped
# %%
status = sensors.pop('machine_status')
sensors = sensors.fillna(sensors.mean())
sensors.describe().loc[['mean', 'std']]
# %% step:plots
broken = status[status == 'BROKEN']
for name in sensors.columns[:2]:
    _ = plt.figure()
    _ = plt.plot(broken.index, sensors.loc[broken.index, name], linestyle='none', marker='X', color='red', markersize=6)
    _ = plt.plot(sensors[name], color='grey')
    _ = plt.title(name)
    plt.show()
# %% step:reduce
names = sensors.columns
x = sensors[names]
scaled = StandardScaler().fit_transform(x)
pca = PCA()
pca.fit(scaled)
features = range(pca.n_components_)
pca.explained_variance_ratio_
# %%
principal = pd.DataFrame(PCA(n_components=2).fit_transform(scaled), columns=['pc1', 'pc2'], index=sensors.index)
q1_pc1, q3_pc1 = principal['pc1'].quantile([0.25, 0.75])
iqr_pc1 = q3_pc1 - q1_pc1
lower_pc1, upper_pc1 = q1_pc1 - (1.5 * iqr_pc1), q3_pc1 + (1.5 * iqr_pc1)
principal['anomaly_iqr'] = ((principal['pc1'] > upper_pc1) | (principal['pc1'] < lower_pc1)).astype('int')
principal['anomaly_iqr'].value_counts()
# %% step:forest
outliers_fraction = 0.08
detector = IsolationForest(n_estimators=20, contamination=outliers_fraction, random_state=0)
found_forest = pd.Series(detector.fit_predict(principal[['pc1', 'pc2']].values) == -1, index=principal.index)
found_forest.sum()
# %% step:lof
lof = LocalOutlierFactor(n_neighbors=25, contamination=.08)
found_lof = pd.Series(lof.fit_predict(scaled) == -1, index=sensors.index)
lof.negative_outlier_factor_.min().round(3)
# %% step:score
truth = status.eq('BROKEN')
table: Dict[str, Dict[str, float]] = {}
for label, found in dict(iqr=principal['anomaly_iqr'].astype(bool), forest=found_forest, lof=found_lof).items():
    hit = (found & truth).sum()
    table[label] = {'precision': hit / max(found.sum(), 1), 'recall': hit / truth.sum()}
scores = pd.DataFrame(table).T
scores['f1'] = scores.eval('2 * precision * recall / (precision + recall)')
scores
# %% metrics
best_f1 = scores['f1'].max()
# %%
caught = sum(found_forest.iloc[a:b].any() for a, b in failures)
print(f'{caught} of {len(failures)} failures were seen, last state of the generator: {rs.rand():.6f}')
# %% [markdown]
## Which method?
# %%
ranking = scores.sort_values('f1', ascending=False)
ranking.plot.bar(rot=0);
# %%
agreement = pd.concat({'iqr': principal['anomaly_iqr'].astype(bool), 'forest': found_forest, 'lof': found_lof}, axis=1)
agreement.corr().round(3)
