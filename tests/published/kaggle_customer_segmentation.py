# %% [markdown]
# Mall customers: segmentation
# %% imports
import pandas as pd
import numpy as np
import matplotlib.pyplot as plt
import seaborn as sns
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler
from sklearn.decomposition import PCA
import os, random
plt.style.use('fivethirtyeight')
# %% functions
SEED = 2021
def seed_everything(seed=SEED):
    random.seed(seed)
    os.environ['PYTHONHASHSEED'] = str(seed)
    np.random.seed(seed)

def summarise(frame, name='df'):
    print(f'{name}: {frame.shape[0]} rows, {frame.shape[1]} columns')
    return frame.describe().T.round(2)
# %% step:data
seed_everything()
centers = [(25, 30, 75), (45, 60, 50), (35, 90, 20), (50, 25, 20)]
rows = []
for age, income, score in centers:
    for _ in range(40):
        rows.append((random.choice(['Male', 'Female']), random.gauss(age, 6), np.random.normal(income, 8), np.random.normal(score, 9)))
df = pd.DataFrame(rows, columns=['Gender', 'Age', 'Annual Income (k$)', 'Spending Score (1-100)'])
df.insert(0, 'CustomerID', range(1, len(df) + 1))
# %%
df['Age'] = df['Age'].clip(18, 70).astype(int)
df.head()
# %%
summarise(df.drop(columns='Gender'), 'customers')
# %%
df.isnull().sum()
# %% step:plots
plt.figure(1, figsize=(9, 3))
n = 0
for x in ['Age', 'Annual Income (k$)', 'Spending Score (1-100)']:
    n += 1
    plt.subplot(1, 3, n)
    plt.hist(df[x], bins=15)
    plt.title('Distplot of {}'.format(x), fontsize=9)
plt.show()
# %%
df['Gender'].value_counts()
# %%
df.groupby('Gender')[['Age', 'Spending Score (1-100)']].agg(['mean', 'std'])
# %% step:prepare
data = df.copy()
data.drop('CustomerID', axis=1, inplace=True)
data = data.rename(columns={'Annual Income (k$)': 'income', 'Spending Score (1-100)': 'score'})
data.columns = [c.lower() for c in data.columns]
data['gender'] = data['gender'].replace({'Male': 0, 'Female': 1}).astype(int)
# %%
scaler = StandardScaler()
num = ['age', 'income', 'score']
data[num] = scaler.fit_transform(data[num])
data.head(2)
# %% [markdown]
## Elbow
# %% step:elbow
inertia = []
for n in range(1, 7):
    algorithm = KMeans(n_clusters=n, n_init=2, max_iter=50, random_state=111)
    algorithm.fit(data[num])
    inertia.append(algorithm.inertia_)
inertia = np.round(inertia, 3)
inertia
# %%
plt.plot(np.arange(1, 7), inertia, 'o-')
plt.xlabel('Number of Clusters'), plt.ylabel('Inertia')
plt.show()
# %% step:cluster
km = KMeans(n_clusters=4, n_init=3, random_state=111).fit(data[num])
df['cluster'] = km.labels_
data['cluster'] = km.predict(data[num])
assert (df['cluster'] == data['cluster']).all()
# %%
df.groupby('cluster')[['Age', 'Annual Income (k$)', 'Spending Score (1-100)']].mean().round(1)
# %%
pca = PCA(2)
xy = pca.fit_transform(data[num])
pca.explained_variance_ratio_.round(4)
# %%
for label in sorted(df.cluster.unique()):
    part = xy[df.cluster == label]
    plt.scatter(part[:, 0], part[:, 1], label=label)
plt.legend();
# %% step:personas
names = {}
for c, group in df.groupby('cluster'):
    rich = group['Annual Income (k$)'].mean() > 50
    spends = group['Spending Score (1-100)'].mean() > 50
    names[c] = ('rich' if rich else 'poor') + ('_spender' if spends else '_saver')
df['persona'] = df['cluster'].map(names)
df.persona.value_counts().sort_index()
# %%
random.sample(range(100), 3), np.random.rand(2).round(3)
